//! What can be made to go wrong, on demand.
//! REST faults are rules that match requests, list faults rules about what an answer holds; gateway faults happen at once to whoever is connected, or wait for the
//! next RESUME. All of them can also be given as JSON over the control route.

pub(crate) mod gateway;
pub(crate) mod list;
pub(crate) mod rest;

use serde::{Deserialize, Serialize};

pub use gateway::GatewayFault;
pub use list::{ById, List, ListFault, ListFaultKind, Refused};
pub use rest::{RestFault, RestFaultKind, Scope};

/// A fault, as `POST /control/faults` takes it: `{"gateway": {…}}`, `{"rest": {…}}` or `{"list": {…}}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// Something goes wrong on the socket.
    Gateway(GatewayFault),
    /// Something goes wrong with requests.
    Rest(RestFault),
    /// A list is not what it should be.
    List(ListFault),
}

/// The faults that are switched on.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    pub(crate) rest: rest::Rules,
    pub(crate) lists: list::Lists,
    pub(crate) gateway: gateway::Standing,
    /// How many rules there have been: their numbers.
    rules: u64,
}

impl Faults {
    /// No faults; what is left to chance is drawn from this seed.
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            rest: rest::Rules::new(seed),
            ..Self::default()
        }
    }

    /// Switch on a rule about requests; its number.
    pub(crate) fn add_rest(&mut self, fault: RestFault) -> u64 {
        self.rules += 1;
        self.rest.add(self.rules, fault);
        self.rules
    }

    /// Switch on a rule about lists; its number.
    pub(crate) fn add_list(&mut self, fault: ListFault) -> u64 {
        self.rules += 1;
        self.lists.add(self.rules, fault);
        self.rules
    }

    /// Take a rule back.
    pub(crate) fn remove(&mut self, rule: u64) {
        self.rest.remove(rule);
        self.lists.remove(rule);
    }

    /// Switch everything off.
    pub(crate) fn clear(&mut self) {
        self.rest.clear();
        self.lists.clear();
        self.gateway = gateway::Standing::default();
    }
}
