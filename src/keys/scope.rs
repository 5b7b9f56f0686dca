//! What a key may do.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A part of the API that a key opens.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    ToSchema,
    strum::EnumString,
    strum::IntoStaticStr,
    strum::VariantArray,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Scope {
    /// Pages of messages, single messages and the change feed, without content unless `content` is there too.
    Messages,
    /// The content of messages: text, payloads, earlier versions, highlights, and searching for words.
    Content,
    /// The full-text search.
    Search,
    /// Downloads of any size, and snapshots.
    Export,
    /// Reports.
    Reports,
    /// Keys, the audit log and the details of `/health`. Whoever has it can make a key with every scope.
    Admin,
}

impl Scope {
    /// The name in settings, requests and answers.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}
