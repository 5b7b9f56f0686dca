//! The real binary over the simulated Discord, with outages of a minute to a day of simulated time,
//! again and again in one data folder. After each, what the service says of itself has to be true.
//!
//! `make test` runs a few, `make outages` many (`GUILDLAKE_OUTAGES`); `GUILDLAKE_SEED` plays the dice
//! of a run again, not its timing. What is not tried: partial updates within an outage, and a Discord
//! whose REST side fails for longer than its socket.

mod answer;
mod book;
mod check;
mod figures;
mod kind;
mod life;
mod outage;
mod verify;
