//! What can be made to go wrong, on demand.
//! REST faults are rules that match requests; gateway faults happen at once to whoever is connected, or wait for the
//! next RESUME. All of them can also be given as JSON over the control route.

pub(crate) mod gateway;
pub(crate) mod rest;

use serde::{Deserialize, Serialize};

pub use gateway::GatewayFault;
pub use rest::{RestFault, RestFaultKind, Scope};

/// A fault, as `POST /control/faults` takes it: `{"gateway": {…}}` or `{"rest": {…}}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// Something goes wrong on the socket.
    Gateway(GatewayFault),
    /// Something goes wrong with requests.
    Rest(RestFault),
}

/// The faults that are switched on.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    pub(crate) rest: rest::Rules,
    pub(crate) gateway: gateway::Standing,
}
