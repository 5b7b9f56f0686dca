//! A page as JSON. The body is sent before the deadline, or aborted.

use axum::body::Body;
use tokio::time::Instant;

use super::body;
use super::hidden::Hidden;
use super::message::MessageJson;
use crate::message::MessageId;
use crate::store::{Page, StoreError};

/// The expected minimum size of a row: a short message.
const SHORT_ROW: usize = 512;

/// The body of a page.
pub(crate) fn page_body(page: Page, hidden: Hidden, deadline: Instant) -> Result<Body, StoreError> {
    let mut text = Vec::with_capacity((page.rows.len() + 1) * SHORT_ROW);
    text.extend_from_slice(br#"{"data":["#);
    for (at, row) in page.rows.into_iter().enumerate() {
        if at > 0 {
            text.push(b',');
        }
        serde_json::to_writer(&mut text, &MessageJson::new(row, hidden)?)?;
    }
    text.extend_from_slice(tail(page.next_cursor).as_bytes());
    Ok(body::whole(text.into(), deadline))
}

/// The end of the JSON after the rows. `next_cursor` is always present, because some clients fail without it.
fn tail(next_cursor: Option<MessageId>) -> String {
    match next_cursor {
        Some(cursor) => format!(r#"],"next_cursor":"{cursor}","has_more":true}}"#),
        None => r#"],"next_cursor":null,"has_more":false}"#.to_owned(),
    }
}
