//! The message that a path names.

use crate::api::http::extract::PathParameter;
use crate::api::http::problem::{Code, Problem};
use crate::api::http::values::read_id;
use crate::message::MessageId;

impl PathParameter for MessageId {
    fn read(segments: Option<&str>) -> Result<Self, Problem> {
        let read = segments.map_or_else(|| Err("must be UTF-8".into()), read_id);
        read.map_err(|reason| Problem::parameter("message_id", reason))
    }
}

/// The error for an id that no message has.
pub(crate) fn not_found() -> Problem {
    let detail = "No message with this id is archived.";
    Problem::new(Code::MessageNotFound, detail)
}
