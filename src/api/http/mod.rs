//! What holds for every request and response, whatever its route: connections, the key, limits, strict parameters,
//! content negotiation, one form of error, one log line.

pub(crate) mod accept;
pub(crate) mod access;
pub(crate) mod address;
pub(crate) mod audited;
pub(crate) mod auth;
pub(crate) mod busy;
pub(crate) mod caller;
pub(crate) mod extract;
pub(crate) mod limits;
pub(crate) mod links;
mod no_request;
pub(crate) mod origin;
mod paced;
pub(crate) mod parameters;
pub(crate) mod permit;
mod places;
pub(crate) mod problem;
pub(crate) mod query;
pub(crate) mod quota;
pub(crate) mod range;
pub(crate) mod refusals;
pub(crate) mod request_log;
pub(crate) mod server;
pub(crate) mod syntax;
pub(crate) mod values;
