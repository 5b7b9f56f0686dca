//! The API's access to the row store. Every answer is one snapshot of it, so it is one moment of the record. Where the
//! row store is not level with the record, there is no answer, and the caller asks the record.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::RowsError;
use super::feed::Shared;
use super::store::{RowView, guarded};
use crate::message::MessageId;
use crate::status::StatusSender;
use crate::store::{FoundAt, MessageRow, Order, Page, PageRequest, read_compact};

/// How many rows are read between two checks whether the caller is still there.
const LOOK_EVERY: usize = 4096;

/// Access to the row store. Cheap to clone.
#[derive(Clone)]
pub struct Rows(pub(super) Arc<Shared>);

impl Rows {
    /// A row store that never answers: everything is read from the record.
    #[must_use]
    pub fn off() -> Self {
        Self(Arc::new(Shared::new(StatusSender::default())))
    }

    /// Whether the row store has every commit that was acknowledged.
    #[must_use]
    pub fn is_level(&self) -> bool {
        self.0.now().is_some()
    }

    /// A page of a channel's messages, without payloads; none if the record has to be asked.
    pub async fn page(&self, request: &PageRequest) -> Option<Page> {
        let request = request.clone();
        self.read(move |view, is_stopped| page(view, &request, is_stopped))
            .await
    }

    /// One message without its payload, or that there is none; none if the record has to be asked.
    pub async fn message(&self, id: MessageId) -> Option<Option<MessageRow>> {
        self.read(move |view, _| {
            let Some(channel) = view.channel_of(id)? else {
                return Ok(None);
            };
            let value = view.value(channel, id)?;
            let value = value.ok_or_else(|| missing(id))?;
            Ok(Some(read_compact(channel, id, &value)?))
        })
        .await
    }

    /// The rows of these messages in this order, without payloads, and none for a message that the row store does not
    /// have; none at all if the record has to be asked.
    pub async fn found(&self, found: Vec<FoundAt>) -> Option<Vec<Option<MessageRow>>> {
        self.read(move |view, _| {
            let rows = found.into_iter().map(|(channel, id)| {
                let value = view.value(channel, id)?;
                let row = value.map(|value| read_compact(channel, id, &value));
                Ok(row.transpose()?)
            });
            rows.collect()
        })
        .await
    }

    /// Reads on a thread for blocking work. Dropping the future ends a long read.
    async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&RowView, &dyn Fn() -> bool) -> Result<T, RowsError> + Send + 'static,
    ) -> Option<T> {
        let view = self.0.now()?;
        let store = view.store();
        let left = CancellationToken::new();
        let _left_on_drop = left.clone().drop_guard();
        let read =
            tokio::task::spawn_blocking(move || guarded(|| read(&view, &|| left.is_cancelled())));
        match read.await {
            Ok(Ok(read)) => Some(read),
            Ok(Err(error)) => {
                self.0.doubt(&store, error);
                None
            }
            Err(_) => None,
        }
    }
}

fn page(
    view: &RowView,
    request: &PageRequest,
    is_stopped: &dyn Fn() -> bool,
) -> Result<Page, RowsError> {
    let mut range = view.range(request.channel_id, request.range);
    let mut rows = Vec::with_capacity(request.limit + 1);
    let mut looked_at = 0;
    while rows.len() <= request.limit {
        let found = match request.order {
            Order::Ascending => range.next(),
            Order::Descending => range.next_back(),
        };
        let Some(found) = found else { break };
        let (id, value) = found?;
        let row = read_compact(request.channel_id, id, &value)?;
        if row.guild_id == request.guild_id && (request.include_deleted || !row.deleted) {
            rows.push(row);
        }
        looked_at += 1;
        if looked_at % LOOK_EVERY == 0 && is_stopped() {
            return Err(RowsError::Stopped);
        }
    }
    Ok(Page::of(rows, request.limit))
}

fn missing(id: MessageId) -> RowsError {
    RowsError::Damaged(format!("the row of message {id} is missing"))
}
