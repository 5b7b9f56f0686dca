//! With which key a request is read.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use super::access::Needs;
use super::problem::{Code, Problem};
use crate::keys::{Grant, Scope};

/// The key of a request, and what it opens. Every request under `/v1` has one; others have one if a valid key was
/// sent.
#[derive(Debug, Clone)]
pub(crate) struct Permit {
    pub(crate) grant: Arc<Grant>,
    /// Whether a signed link of the key was read.
    pub(crate) by_link: bool,
}

impl Permit {
    /// Refuses a key without a scope that this request needs.
    pub(crate) fn require(&self, scope: Scope) -> Result<(), Problem> {
        if self.grant.has(scope) {
            return Ok(());
        }
        Err(missing(scope))
    }

    /// Refuses a key that doesn't have what a route needs.
    pub(crate) fn open(&self, needs: &Needs) -> Result<(), Problem> {
        for scope in needs.scopes {
            self.require(*scope)?;
        }
        match needs.everything {
            true => self.require_everything(),
            false => Ok(()),
        }
    }

    /// Refuses a key that doesn't see every message whole.
    pub(crate) fn require_everything(&self) -> Result<(), Problem> {
        if self.grant.sees_everything() {
            return Ok(());
        }
        Err(Problem::new(
            Code::KeyLimited,
            "This contains every message whole. The key is limited to guilds or channels, or lacks the scope content, \
             or may not see names.",
        ))
    }
}

/// The error for a key that may not see names and asks for something that contains them.
pub(crate) fn nameless(what: &str) -> Problem {
    Problem::new(
        Code::KeyLimited,
        format!("The key may not see the names of authors, which {what} contains."),
    )
}

/// The error for a key without a scope.
pub(crate) fn missing(scope: Scope) -> Problem {
    let scope = scope.as_str();
    Problem::new(
        Code::ScopeMissing,
        format!("This needs a key with the scope {scope}; the key that was sent lacks it."),
    )
}

impl<S: Sync> FromRequestParts<S> for Permit {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let permit = parts.extensions.get::<Self>().cloned();
        permit.ok_or_else(|| Problem::internal("a handler needs a key, but its path is open"))
    }
}
