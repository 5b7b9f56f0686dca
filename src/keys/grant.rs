//! What a request may do, once its key is known.

use std::collections::BTreeSet;

use super::Scope;
use crate::guild::Limits;

/// What a key opens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// The id of the key, for limits and the audit log; see [`Grant::BOOTSTRAP`].
    pub key_id: String,
    /// The name of the key.
    pub name: String,
    /// What the key may do.
    pub scopes: BTreeSet<Scope>,
    /// Whether the names of authors are shown.
    pub names: bool,
    /// The guilds and channels to which the key is limited.
    pub limits: Limits,
}

impl Grant {
    /// The id of the key in the setting `API_KEY`, which may do everything. An id of another key has eight characters.
    pub const BOOTSTRAP: &str = "API_KEY";

    /// The grant of the key in the setting `API_KEY`.
    #[must_use]
    pub fn everything() -> Self {
        use strum::VariantArray;
        Self {
            key_id: Self::BOOTSTRAP.to_owned(),
            name: Self::BOOTSTRAP.to_owned(),
            scopes: Scope::VARIANTS.iter().copied().collect(),
            names: true,
            limits: Limits::default(),
        }
    }

    /// Whether the key has a scope.
    #[must_use]
    pub fn has(&self, scope: Scope) -> bool {
        self.scopes.contains(&scope)
    }

    /// Whether every message may be read whole: the condition for what can't be cut, such as a snapshot.
    #[must_use]
    pub fn sees_everything(&self) -> bool {
        self.limits.is_empty() && self.names && self.has(Scope::Content)
    }
}
