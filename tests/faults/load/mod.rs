//! The real binary among callers that ask too much or behave badly, while Discord is as busy as it gets: what a
//! healthy caller notices, how long an event takes to the disk, the memory, and at the end the whole truth.
//!
//! A busy server writes about 10 messages a second at its daily peak, and a dashboard asks about as often. `make load`
//! lets it go on for ten minutes at ten times that. Nothing here fails because of time: the figures are printed.

mod callers;
mod rude;
mod run;
