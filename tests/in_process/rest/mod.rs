//! Discord's REST API as the service asks it: over real sockets, against answers of every kind.

mod community;
mod fake;
mod faults;
mod limits;
mod refusals;
mod secrets;
