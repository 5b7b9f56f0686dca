//! The message that a path names.

use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;

use crate::api::http::problem::{Code, FieldError, Problem};
use crate::api::http::values::read_id;
use crate::message::MessageId;

/// The `message_id` in the path.
pub(crate) struct MessageInPath(pub(crate) MessageId);

impl<S: Send + Sync> FromRequestParts<S> for MessageInPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let read = match Path::<String>::from_request_parts(parts, state).await {
            Ok(Path(text)) => read_id(&text),
            Err(_) => Err("must be UTF-8".into()),
        };
        read.map(Self).map_err(|reason| {
            Problem::parameters(vec![FieldError {
                field: "message_id".to_owned(),
                reason,
                at: None,
            }])
        })
    }
}

/// The error for an id that no message has.
pub(crate) fn not_found() -> Problem {
    let detail = "No message with this id is archived.";
    Problem::new(Code::MessageNotFound, detail)
}
