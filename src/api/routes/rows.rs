//! Rows of messages for the handlers: from the row store, which is fast, or from the database where the row store can't
//! answer. Payloads are in the database only. A row and its payload are of one moment if they have the same revision;
//! otherwise a commit came between, and the database answers both.

use crate::api::routes::state::Api;
use crate::message::MessageId;
use crate::store::{FoundAt, FoundRow, MessageRow, Page, PageRequest, StoreError};

impl Api {
    /// A page of a channel's messages.
    pub(crate) async fn page(&self, request: PageRequest) -> Result<Page, StoreError> {
        if let Some(mut page) = self.rows.page(&request).await
            && (!request.include_raw || self.add_payloads(page.rows.iter_mut()).await?)
        {
            return Ok(page);
        }
        self.reader.page(request).await
    }

    /// One message, deleted or not.
    pub(crate) async fn message(
        &self,
        id: MessageId,
        include_raw: bool,
    ) -> Result<Option<MessageRow>, StoreError> {
        if let Some(mut found) = self.rows.message(id).await
            && (!include_raw || self.add_payloads(found.iter_mut()).await?)
        {
            return Ok(found);
        }
        self.reader.message(id, include_raw).await
    }

    /// The rows of messages that the search found, in this order.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] if the database does not have one of them.
    pub(crate) async fn found(
        &self,
        found: Vec<FoundAt>,
        include_raw: bool,
    ) -> Result<Vec<FoundRow>, StoreError> {
        // The index can have a message a moment before the row store has it.
        let rows = self.rows.found(found.clone()).await;
        let rows: Option<Vec<MessageRow>> = rows.and_then(|rows| rows.into_iter().collect());
        let Some(rows) = rows else {
            return self.reader.found_rows(found, include_raw).await;
        };
        let mut rows: Vec<FoundRow> = rows.into_iter().map(FoundRow::from).collect();
        if include_raw && !self.add_payloads_of_found(rows.iter_mut()).await? {
            return self.reader.found_rows(found, include_raw).await;
        }
        Ok(rows)
    }

    /// Adds the payloads to found messages. Returns whether all rows are of the same moment as their payloads.
    pub(crate) async fn add_payloads_of_found(
        &self,
        rows: impl Iterator<Item = &mut FoundRow>,
    ) -> Result<bool, StoreError> {
        let rows: Vec<&mut FoundRow> = rows.collect();
        let places = rows.iter().map(|it| (it.row.channel_id, it.row.message_id));
        let mut payloads = self.reader.payloads(places.collect()).await?;
        for found in rows {
            match payloads.remove(&found.row.message_id) {
                Some(payload) if payload.revision == found.row.revision => {
                    found.row.raw_json = payload.raw_json;
                    found.changed_fields = payload.changed_fields;
                }
                _ => return Ok(false),
            }
        }
        Ok(true)
    }

    async fn add_payloads(
        &self,
        rows: impl Iterator<Item = &mut MessageRow>,
    ) -> Result<bool, StoreError> {
        let rows: Vec<&mut MessageRow> = rows.collect();
        let places = rows.iter().map(|row| (row.channel_id, row.message_id));
        let mut payloads = self.reader.payloads(places.collect()).await?;
        for row in rows {
            match payloads.remove(&row.message_id) {
                Some(payload) if payload.revision == row.revision => {
                    row.raw_json = payload.raw_json;
                }
                _ => return Ok(false),
            }
        }
        Ok(true)
    }
}
