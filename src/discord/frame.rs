//! The envelope of a gateway frame: the fields that every message of the gateway has, with the payload left as
//! text.
//! Source: <https://discord.com/developers/docs/events/gateway-events#payload-structure>

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;
use twilight_model::gateway::OpCode;

/// A frame whose payload is not parsed yet.
#[derive(Debug, Deserialize)]
pub(super) struct Frame<'a> {
    op: u8,
    /// The number of a dispatch in its session.
    #[serde(rename = "s", default)]
    pub(super) sequence: Option<u64>,
    /// The name of a dispatch.
    #[serde(rename = "t", default, borrow)]
    pub(super) name: Option<Cow<'a, str>>,
    /// The payload.
    #[serde(rename = "d", default, borrow)]
    pub(super) payload: Option<&'a RawValue>,
}

impl Frame<'_> {
    /// The kind of frame; none if it is unknown.
    pub(super) fn op(&self) -> Option<OpCode> {
        OpCode::from(self.op)
    }

    /// Parses the payload; none if it does not have this shape.
    pub(super) fn read<'b, T: Deserialize<'b>>(&'b self) -> Option<T> {
        serde_json::from_str(self.payload?.get()).ok()
    }
}
