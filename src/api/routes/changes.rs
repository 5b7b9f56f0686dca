//! `GET /v1/changes`: the messages that changed since a revision, for tools that keep a copy and refresh it.

use std::fmt;
use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, SchemaFormat, Type};

use crate::api::answer::message::MessageJson;
use crate::api::answer::private::private_json;
use crate::api::http::accept::AcceptsJson;
use crate::api::http::audited::Audited;
use crate::api::http::extract::Query;
use crate::api::http::parameters::Reason;
use crate::api::http::permit::Permit;
use crate::api::http::problem::{Code, Problem, ProblemBody};
use crate::api::http::query::query;
use crate::api::http::refusals::Refusals;
use crate::api::http::syntax::{Syntax, boolean, id, number, string, syntax, text};
use crate::api::http::values::read_id;
use crate::api::routes::state::Api;
use crate::guild::Reach;
use crate::message::{ChannelId, GuildId, MessageId};
use crate::store::{Change, Changes, ChangesRequest};

/// The largest revision that is accepted; no database will ever have so many commits.
const LAST_REVISION: i64 = 999_999_999_999_999;

/// A page of changed messages, in the order of the commits.
#[derive(Serialize, ToSchema)]
pub(crate) struct ChangesPage {
    /// The changed messages in their current state, each once; deleted ones are included.
    data: Vec<MessageJson>,
    /// The `cursor` of the next page; null on the last page.
    #[schema(
        required = true,
        example = "57.42.1201234567890123457.6f0c2a51-3a37-4a0c-8a5e-2f6d9b1c7e40"
    )]
    next_cursor: Option<String>,
    /// Whether there is a next page.
    has_more: bool,
    /// The `since` of the next refresh, to be used once the last page was read.
    #[schema(minimum = 0, example = 42)]
    next_since: i64,
    /// Identifies the database. Revisions of another database can't be compared with this one's.
    #[schema(example = "1a7f6a9e-8d5e-4c6f-9d3a-0c1b2a394857")]
    store_id: String,
    /// Identifies the epoch in which `next_since` was issued. The database begins a new epoch whenever it is opened,
    /// so that a restored backup, after which revisions repeat, is noticed.
    #[schema(example = "6f0c2a51-3a37-4a0c-8a5e-2f6d9b1c7e40")]
    epoch: String,
}

query! {
    /// The parameters of the change feed.
    pub(crate) struct ChangesQuery {
        /// Only messages of this guild.
        optional guild_id: GuildId = id(), example "1101234567890123457";
        /// Only messages of this channel or thread.
        optional channel_id: ChannelId = id(), example "1151234567890123457";
        /// Only changes of commits after this revision: the `next_since` of the last refresh, or 0 for
        /// everything.
        required since: i64 = revision(), example 0;
        /// The `store_id` that came with `since`. If the database was replaced by a new one, the response is a
        /// 410.
        optional store_id: String = text(), example "1a7f6a9e-8d5e-4c6f-9d3a-0c1b2a394857";
        /// The `epoch` that came with `since`. If the database was restored from a backup older than `since`,
        /// the response is a 410.
        optional epoch: String = text(), example "6f0c2a51-3a37-4a0c-8a5e-2f6d9b1c7e40";
        /// Continue after this change: the `next_cursor` of the previous page.
        optional cursor: Cursor = cursor(),
            example "57.42.1201234567890123457.6f0c2a51-3a37-4a0c-8a5e-2f6d9b1c7e40";
        /// Maximum number of messages per page.
        optional limit: usize = number(1, 500), default 100;
        /// Whether to include `raw_json`, the payload as Discord sent it.
        optional include_raw: bool = boolean(), default false;
    }
}

/// The number of a commit.
fn revision() -> impl Syntax<i64> {
    syntax(read_revision, || {
        ObjectBuilder::new()
            .schema_type(Type::Integer)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::Int64)))
            .minimum(Some(0))
            .maximum(Some(LAST_REVISION))
    })
}

/// A `next_cursor` of this route.
fn cursor() -> impl Syntax<Cursor> {
    let read = |text: &str| Cursor::parse(text).ok_or("must be a next_cursor of this route".into());
    syntax(read, || {
        string().pattern(Some(
            r"^(0|[1-9][0-9]{0,14})\.(0|[1-9][0-9]{0,14})\.([1-9][0-9]{0,17}|[1-8][0-9]{18})\.[0-9a-f-]{36}$",
        ))
    })
}

impl ChangesQuery {
    fn request(&self, reach: Reach) -> ChangesRequest {
        let all_of_since = Change {
            revision: self.since,
            message_id: i64::MAX,
        };
        ChangesRequest {
            reach,
            guild_id: self.guild_id,
            channel_id: self.channel_id,
            after: self
                .cursor
                .as_ref()
                .map_or(all_of_since, |cursor| cursor.after),
            until: self.cursor.as_ref().map(|cursor| cursor.until),
            learned: self.learned(),
            limit: self.limit(),
            include_raw: self.include_raw(),
        }
    }

    /// The revisions up to which the caller has changes, each with the epoch in which it was issued.
    fn learned(&self) -> Vec<(String, i64)> {
        let refreshed = self.epoch.clone().map(|epoch| (epoch, self.since));
        let walked = self.cursor.as_ref();
        let walked = walked.map(|cursor| (cursor.epoch.clone(), cursor.until));
        refreshed.into_iter().chain(walked).collect()
    }

    /// Whether the caller's copy can't be refreshed. Rows are never removed from the database, so a copy is
    /// useless only if it is of another database, or of this one before it lost commits or was restored.
    fn must_reload(&self, changes: &Changes) -> bool {
        let is_another = |store_id: &String| *store_id != changes.store_id;
        !changes.is_known
            || self.store_id.as_ref().is_some_and(is_another)
            || self.since.max(changes.until) > changes.revision
    }
}

/// The position of a walk and its end; changes made during the walk belong to the next one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cursor {
    until: i64,
    after: Change,
    /// The epoch in which the walk began.
    epoch: String,
}

impl Cursor {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut parts = text.splitn(4, '.');
        let cursor = Self {
            until: read_revision(parts.next()?).ok()?,
            after: Change {
                revision: read_revision(parts.next()?).ok()?,
                message_id: read_id::<MessageId>(parts.next()?).ok()?.as_i64(),
            },
            epoch: parts.next()?.to_owned(),
        };
        let is_hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f' | b'-');
        (cursor.epoch.len() == 36 && cursor.epoch.bytes().all(is_hex)).then_some(cursor)
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            until,
            after,
            epoch,
        } = self;
        write!(f, "{until}.{}.{}.{epoch}", after.revision, after.message_id)
    }
}

/// Reads a revision, the number of a commit.
fn read_revision(text: &str) -> Result<i64, Reason> {
    let is_canonical = text == "0" || !text.starts_with('0');
    let is_number = is_canonical && text.bytes().all(|byte| byte.is_ascii_digit());
    let number = text.parse().ok();
    let number = number.filter(|number| is_number && *number <= LAST_REVISION);
    number.ok_or("must be a revision: a whole number, 0 for the beginning".into())
}

/// List changed messages
///
/// Returns every message that was added, edited, deleted or restored after a revision, in its current
/// state, ordered by its last change. Read all pages, then keep `next_since`, `store_id` and `epoch` for
/// the next refresh. Changes made during a walk are returned by the next one.
///
/// A copy can also start from a download with `include_deleted=true`: the download has the same three
/// values in the headers `guildlake-revision`, `guildlake-store-id` and `guildlake-epoch`. Parquet and
/// Arrow files also have them in their metadata, as `guildlake.revision`, `guildlake.store_id` and
/// `guildlake.epoch`.
#[utoipa::path(
    get,
    path = "/v1/changes",
    tag = "messages",
    operation_id = "listChanges",
    params(ChangesQuery),
    responses(
        (status = 200, description = "One page of changed messages.", body = ChangesPage, headers(
            ("cache-control" = String, description = "`private, no-cache`"),
            ("vary" = String, description = "The request headers that the response depends on."),
        )),
        (status = 410, description = "The copy was made from another database, or from this one before it was restored from a backup. Load everything again, with `since=0` or with a download.", body = ProblemBody<'static>, content_type = "application/problem+json"),
        Refusals,
    ),
)]
pub(crate) async fn list(
    State(api): State<Arc<Api>>,
    permit: Permit,
    _: AcceptsJson,
    Query(query): Query<ChangesQuery>,
) -> Result<Response, Problem> {
    let sight = api.sight(&permit).await?;
    let mut request = query.request(sight.reach.clone());
    request.include_raw = sight.payload(query.include_raw, false)?;
    let changes = api.reader.changes(request).await?;
    if query.must_reload(&changes) {
        return Err(Problem::new(
            Code::ReloadNeeded,
            "The copy was made from another database, or from this one before it was restored from a backup. \
             Load everything again, with since=0 or with a download.",
        ));
    }
    let next = changes.next;
    let count = changes.rows.len();
    let rows = changes.rows.into_iter();
    let rows = rows.map(|row| MessageJson::new(row, sight.hidden));
    let page = ChangesPage {
        data: rows.collect::<Result<_, _>>()?,
        next_cursor: next.map(|after| {
            let cursor = Cursor {
                until: changes.until,
                after,
                epoch: changes.epoch.clone(),
            };
            cursor.to_string()
        }),
        has_more: next.is_some(),
        next_since: changes.until,
        store_id: changes.store_id,
        epoch: changes.epoch,
    };
    let mut response = private_json(page);
    Audited::rows(&mut response, count);
    Ok(response)
}
