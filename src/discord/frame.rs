//! The envelope of a frame of the socket: what every message of the Gateway has, with its payload left as text.
//! Source: <https://discord.com/developers/docs/events/gateway-events#payload-structure>

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;
use twilight_model::gateway::OpCode;

/// A frame whose payload has not been read.
#[derive(Debug, Deserialize)]
pub(super) struct Frame<'a> {
    op: u8,
    /// The number of a dispatch in its session.
    #[serde(rename = "s", default)]
    pub(super) sequence: Option<u64>,
    /// The name of a dispatch.
    #[serde(rename = "t", default, borrow)]
    pub(super) name: Option<Cow<'a, str>>,
    /// What it says.
    #[serde(rename = "d", default, borrow)]
    pub(super) payload: Option<&'a RawValue>,
}

impl Frame<'_> {
    /// What kind of frame it is; none for one that is not known here.
    pub(super) fn op(&self) -> Option<OpCode> {
        OpCode::from(self.op)
    }

    /// Its payload, if there is one of this shape.
    pub(super) fn read<'b, T: Deserialize<'b>>(&'b self) -> Option<T> {
        serde_json::from_str(self.payload?.get()).ok()
    }
}
