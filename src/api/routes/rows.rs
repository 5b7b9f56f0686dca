//! Rows of messages for the handlers: from the row store, which is fast, or from the database where the row store can't
//! answer. Payloads are in the database only. A row and its payload are of one moment if they have the same revision;
//! otherwise a commit came between, and the database answers both.

use std::collections::HashMap;

use crate::api::routes::state::Api;
use crate::message::{IdRange, MessageId};
use crate::store::{FoundAt, FoundRow, MessageRow, Page, PageRequest, Payload, StoreError};

impl Api {
    /// A page of a channel's messages.
    pub(crate) async fn page(&self, request: PageRequest) -> Result<Page, StoreError> {
        let Some(mut page) = self.rows.page(&request).await else {
            return self.reader.page(request).await;
        };
        if !request.include_raw {
            return Ok(page);
        }
        let ids = page.rows.iter().map(|row| row.message_id.as_i64());
        let (Some(least), Some(greatest)) = (ids.clone().min(), ids.max()) else {
            return Ok(page);
        };
        let range = IdRange::new(least, greatest.saturating_add(1));
        let mut payloads = self.reader.payloads_of_page(&request, range).await?;
        for row in &mut page.rows {
            match payload(&mut payloads, row) {
                Some(payload) => row.raw_json = payload.raw_json,
                None => return self.reader.page(request).await,
            }
        }
        Ok(page)
    }

    /// One message, deleted or not.
    pub(crate) async fn message(
        &self,
        id: MessageId,
        include_raw: bool,
    ) -> Result<Option<MessageRow>, StoreError> {
        let Some(found) = self.rows.message(id).await else {
            return self.reader.message(id, include_raw).await;
        };
        let mut row = match found {
            Some(row) if include_raw => row,
            found => return Ok(found),
        };
        let mut payloads = self.reader.payloads(vec![(row.channel_id, id)]).await?;
        match payload(&mut payloads, &row) {
            Some(payload) => row.raw_json = payload.raw_json,
            None => return self.reader.message(id, include_raw).await,
        }
        Ok(Some(row))
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
        if include_raw && !self.add_payloads(rows.iter_mut()).await? {
            return self.reader.found_rows(found, include_raw).await;
        }
        Ok(rows)
    }

    /// Adds the payloads to found messages. Returns whether all rows are of the same moment as their payloads.
    pub(crate) async fn add_payloads(
        &self,
        rows: impl Iterator<Item = &mut FoundRow>,
    ) -> Result<bool, StoreError> {
        let rows: Vec<&mut FoundRow> = rows.collect();
        let places = rows.iter().map(|it| (it.row.channel_id, it.row.message_id));
        let mut payloads = self.reader.payloads(places.collect()).await?;
        for found in rows {
            let Some(payload) = payload(&mut payloads, &found.row) else {
                return Ok(false);
            };
            found.row.raw_json = payload.raw_json;
            found.changed_fields = payload.changed_fields;
        }
        Ok(true)
    }
}

/// The payload of a row; none if it is of another moment than the row.
fn payload(payloads: &mut HashMap<MessageId, Payload>, row: &MessageRow) -> Option<Payload> {
    let payload = payloads.remove(&row.message_id)?;
    (payload.revision == row.revision).then_some(payload)
}
