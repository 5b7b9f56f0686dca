//! The change feed: what changed since a revision, deletes included, in the order of the commits, for clients
//! that keep a copy. Each message appears once, in its present state, at the position of its last change.

use std::collections::HashMap;

use duckdb::Connection;

use super::reach::within;
use super::reader::Reader;
use super::view;
use crate::guild::Reach;
use crate::message::{ChannelId, GuildId, MessageId};
use crate::store::StoreError;
use crate::store::file::epochs;
use crate::store::schema::message::{MessageRow, Shape};
use crate::store::schema::sql::{id, list};

/// The position in the change feed up to which a client has everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Change {
    /// The commit's revision.
    pub revision: i64,
    /// The id of the last message of that commit that the client has; 0 for none.
    pub message_id: i64,
}

/// The parameters of a page of the change feed.
#[derive(Debug, Clone)]
pub struct ChangesRequest {
    /// What the caller may see.
    pub reach: Reach,
    /// Only messages of this guild, if any.
    pub guild_id: Option<GuildId>,
    /// Only messages of this channel or thread, if any.
    pub channel_id: Option<ChannelId>,
    /// Only changes after this position.
    pub after: Change,
    /// Only commits up to this revision, at which a walk of several pages ends; none for the present revision.
    pub until: Option<i64>,
    /// Revisions that the client knows, each with the epoch in which it learned of them.
    pub learned: Vec<(String, i64)>,
    /// The maximum number of rows.
    pub limit: usize,
    /// Whether to read the payloads.
    pub include_raw: bool,
}

/// A page of the change feed.
#[derive(Debug, Clone, PartialEq)]
pub struct Changes {
    /// The rows, in the order of their last change.
    pub rows: Vec<MessageRow>,
    /// The position of the last row, if there are more.
    pub next: Option<Change>,
    /// The revision at which the walk ends.
    pub until: i64,
    /// The record's revision at the moment of the read.
    pub revision: i64,
    /// The store id: revisions of another record mean nothing here.
    pub store_id: String,
    /// The epoch in which a client learns of the revisions up to `until`.
    pub epoch: String,
    /// Whether all revisions in `learned` still mean the same commits.
    pub is_known: bool,
}

impl Reader {
    /// Reads a page of the change feed.
    ///
    /// # Errors
    /// If a query fails.
    pub async fn changes(&self, request: ChangesRequest) -> Result<Changes, StoreError> {
        self.run_at_one_moment(move |connection| {
            let state = view::state(connection)?;
            let until = request.until.unwrap_or(state.revision);
            let mut is_known = true;
            for (epoch, revision) in &request.learned {
                is_known &= epochs::knows(connection, epoch, *revision)?;
            }
            let mut changes = keys(
                connection,
                &request.filter(),
                request.after,
                until,
                request.limit + 1,
            )?;
            let has_more = changes.len() > request.limit;
            changes.truncate(request.limit);
            Ok(Changes {
                rows: rows(connection, &request, &changes)?,
                next: changes.last().copied().filter(|_| has_more),
                until,
                revision: state.revision,
                store_id: state.store_id,
                epoch: epochs::present(connection)?,
                is_known,
            })
        })
        .await
    }
}

impl ChangesRequest {
    fn filter(&self) -> String {
        let guild = self.guild_id.map(GuildId::as_i64);
        let guild = guild.map(|guild| format!("guild_id = {guild}"));
        let channel = self.channel_id.map(ChannelId::as_i64);
        let channel = channel.map(|channel| format!("channel_id = {channel}"));
        let conditions = guild.into_iter().chain(channel);
        let conditions: Vec<_> = conditions.chain(within(&self.reach)).collect();
        if conditions.is_empty() {
            return "true".to_owned();
        }
        conditions.join(" AND ")
    }
}

/// The positions of the rows that meet `filter`, after a position and up to the revision `until`. Only narrow
/// columns are read here, before the wide ones of the rows found.
pub(crate) fn keys(
    connection: &Connection,
    filter: &str,
    after: Change,
    until: i64,
    limit: usize,
) -> Result<Vec<Change>, StoreError> {
    let Change {
        revision,
        message_id,
    } = after;
    let mut statement = connection.prepare(&format!(
        "SELECT revision, message_id FROM discord_messages \
         WHERE {filter} AND revision >= {revision} AND revision <= {until} \
         AND (revision > {revision} OR message_id > {message_id}) \
         ORDER BY revision, message_id LIMIT {limit}"
    ))?;
    let changes = statement.query_map([], |row| {
        Ok(Change {
            revision: row.get(0)?,
            message_id: row.get(1)?,
        })
    })?;
    Ok(changes.collect::<Result<_, _>>()?)
}

/// A condition that exactly the rows of these changes meet, which are in order; none if there are no changes.
pub(crate) fn condition(changes: &[Change]) -> Option<String> {
    let ids = || changes.iter().map(|change| change.message_id);
    Some(format!(
        "message_id >= {} AND message_id <= {} AND revision >= {} AND revision <= {} \
         AND message_id IN ({})",
        ids().min()?,
        ids().max()?,
        changes.first()?.revision,
        changes.last()?.revision,
        list(ids())
    ))
}

fn rows(
    connection: &Connection,
    request: &ChangesRequest,
    changes: &[Change],
) -> Result<Vec<MessageRow>, StoreError> {
    let Some(condition) = condition(changes) else {
        return Ok(Vec::new());
    };
    let shape = Shape {
        with_raw: request.include_raw,
        ..Shape::WHOLE
    };
    let mut statement = connection.prepare(&format!(
        "SELECT {} FROM discord_messages WHERE {condition}",
        shape.columns()
    ))?;
    let mut found: HashMap<MessageId, MessageRow> = HashMap::with_capacity(changes.len());
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        found.insert(id(row, 0)?, MessageRow::read(row, shape)?);
    }
    let rows: Vec<MessageRow> = changes
        .iter()
        .filter_map(|change| found.remove(&change.message_id.try_into().ok()?))
        .collect();
    if rows.len() != changes.len() {
        let reason = format!("{} changes have {} rows", changes.len(), rows.len());
        return Err(StoreError::Damaged(reason));
    }
    Ok(rows)
}
