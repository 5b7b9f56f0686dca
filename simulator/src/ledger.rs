//! What was sent about each message.
//! A text is remembered by its hash, so that a test can ask whether a stored payload is one that really went over
//! the wire; the last whole text of the gateway is kept as it is.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::random::{hash, mix};
use crate::world::Event;

/// What was sent.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    sent: HashSet<u64>,
    gateway: HashMap<u64, Arc<str>>,
}

impl Ledger {
    /// The gateway dispatches a whole message, to somebody (now or at a RESUME) or to nobody.
    pub(crate) fn gateway(&mut self, id: u64, event: &Event, heard: bool) {
        if heard {
            self.sent.insert(mix(id, 0));
        }
        for text in [Some(&event.d), event.bare.as_ref()].into_iter().flatten() {
            self.sent.insert(mix(id, hash(text)));
        }
        self.gateway.insert(id, event.d.as_str().into());
    }

    /// REST has sent a whole message.
    pub(crate) fn rest(&mut self, id: u64, text: &str) {
        self.sent.insert(mix(id, hash(text)));
        self.sent.insert(mix(id, 0));
    }

    /// Whether a text was sent as the payload of a message.
    pub(crate) fn was_sent(&self, id: u64, text: &str) -> bool {
        self.sent.contains(&mix(id, hash(text)))
    }

    /// Whether any whole payload of a message was sent.
    pub(crate) fn was_shown(&self, id: u64) -> bool {
        self.sent.contains(&mix(id, 0))
    }

    pub(crate) fn last_gateway(&self, id: u64) -> Option<&Arc<str>> {
        self.gateway.get(&id)
    }
}
