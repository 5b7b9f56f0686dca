//! `GET /v1/messages`: the messages of a channel, page by page. Times and the cursor become one range of ids,
//! because a snowflake contains its time. A page is therefore a range scan at any depth, and messages that are
//! added or deleted during a walk do not shift the other rows.

use std::fmt::Write;
use std::sync::Arc;

use axum::extract::{Extension, State};
use axum::http::HeaderValue;
use axum::http::header::{CONTENT_TYPE, LINK};
use axum::response::Response;
use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use super::download::download;
use crate::api::answer::formats::Accepted;
use crate::api::answer::message::MessageJson;
use crate::api::answer::page::page_body;
use crate::api::answer::private::keep_private;
use crate::api::http::audited::Audited;
use crate::api::http::caller::Caller;
use crate::api::http::extract::Query;
use crate::api::http::limits::Deadline;
use crate::api::http::parameters::Parameters;
use crate::api::http::permit::Permit;
use crate::api::http::problem::Problem;
use crate::api::http::query::query;
use crate::api::http::refusals::Refusals;
use crate::api::http::syntax::{boolean, id, number, one_of, time};
use crate::api::http::values::Snowflake;
use crate::api::routes::state::Api;
use crate::keys::Scope;
use crate::message::{ChannelId, GuildId, IdRange, MessageId};
use crate::store::{Order, PageRequest};

/// A page of messages.
#[derive(Serialize, ToSchema)]
pub(crate) struct MessagePage {
    /// The messages, in the requested order.
    data: Vec<MessageJson>,
    /// The `cursor` of the next page; null on the last page.
    #[schema(required = true)]
    next_cursor: Option<Snowflake>,
    /// Whether there is a next page.
    has_more: bool,
}

const ORDERS: &[(&str, Order)] = &[("asc", Order::Ascending), ("desc", Order::Descending)];

query! {
    /// The parameters of a page.
    pub(crate) struct PageQuery {
        /// Id of the guild (server).
        required guild_id: GuildId = id(), example "1101234567890123457";
        /// Id of the channel or thread.
        required channel_id: ChannelId = id(), example "1151234567890123457";
        /// Only messages written at or after this time: RFC 3339 with an offset from UTC. The `+` of an
        /// offset may be sent as it is or as `%2B`. Must not be later than `to`.
        optional from: DateTime<Utc> = time(), example "2025-01-01T00:00:00Z";
        /// Only messages written before this time: RFC 3339 with an offset from UTC.
        optional to: DateTime<Utc> = time(), not before from, example "2025-02-01T00:00:00Z";
        /// Continue after this message, in the requested order: the `next_cursor` of the previous page, or
        /// any message id.
        optional cursor: MessageId = id();
        /// Maximum number of messages per page.
        optional limit: usize = number(1, 500), default 100;
        /// Whether to include messages that were deleted on Discord.
        optional include_deleted: bool = boolean(), default false;
        /// Whether to include `raw_json`, the payload as Discord sent it.
        optional include_raw: bool = boolean(), default false;
        /// `desc`: newest first. `asc`: oldest first.
        optional order: Order = one_of(ORDERS), default Order::Descending => "desc";
    }
}

impl PageQuery {
    /// The ids between `from`, `to` and the cursor.
    fn range(&self) -> IdRange {
        let mut range = IdRange::between(self.from, self.to);
        match (self.order(), self.cursor.map(MessageId::as_i64)) {
            (Order::Descending, Some(cursor)) => range.high = range.high.min(cursor),
            (Order::Ascending, Some(cursor)) => range.low = range.low.max(cursor.saturating_add(1)),
            (_, None) => {}
        }
        range
    }

    pub(crate) fn request(&self) -> PageRequest {
        PageRequest {
            guild_id: self.guild_id,
            channel_id: self.channel_id,
            range: self.range(),
            order: self.order(),
            limit: self.limit(),
            include_deleted: self.include_deleted(),
            include_raw: self.include_raw(),
        }
    }

    /// The link to the next page of the same query, relative to this URL, so that it is also right behind a
    /// reverse proxy that changes paths. None of its characters needs escaping.
    pub(crate) fn link_to(&self, cursor: MessageId) -> String {
        let mut link = format!(
            "<?guild_id={}&channel_id={}",
            self.guild_id, self.channel_id
        );
        let mut add = |name: &str, value: Option<String>| {
            if let Some(value) = value {
                // Writing to a string can't fail.
                let _ = write!(link, "&{name}={value}");
            }
        };
        let time = |time: DateTime<Utc>| time.to_rfc3339_opts(SecondsFormat::AutoSi, true);
        add("from", self.from.map(time));
        add("to", self.to.map(time));
        add("limit", self.limit.map(|limit| limit.to_string()));
        add(
            "include_deleted",
            self.include_deleted.map(|yes| yes.to_string()),
        );
        add("include_raw", self.include_raw.map(|yes| yes.to_string()));
        add(
            "order",
            self.order.map(|order| match order {
                Order::Ascending => "asc".to_owned(),
                Order::Descending => "desc".to_owned(),
            }),
        );
        add("cursor", Some(cursor.to_string()));
        link.push_str(r#">; rel="next""#);
        link
    }
}

/// List the messages of a channel
///
/// Returns one page of a channel's or thread's messages, newest first unless `order=asc`. To read the
/// whole channel, repeat the request with `cursor` set to `next_cursor` (or follow the `Link` header)
/// until `next_cursor` is null. Such a walk returns every message that existed at its start exactly
/// once, even if messages are added, edited and deleted during it. With `Accept`, the route also
/// answers as NDJSON, CSV, Arrow or Parquet, as the downloads do.
#[utoipa::path(
    get,
    path = "/v1/messages",
    tag = "messages",
    operation_id = "listMessages",
    params(PageQuery),
    responses(
        (status = 200, description = "One page of messages.", body = MessagePage, headers(
            ("link" = String, description = "The next page, if there is one, as a reference relative to this URL with `rel=\"next\"`."),
            ("cache-control" = String, description = "`private, no-cache`"),
            ("vary" = String, description = "The request headers that the response depends on."),
        )),
        Refusals,
    ),
)]
pub(crate) async fn list(
    State(api): State<Arc<Api>>,
    Extension(deadline): Extension<Deadline>,
    permit: Permit,
    caller: Caller,
    Accepted(format): Accepted,
    given: Parameters,
) -> Result<Response, Problem> {
    match format {
        Some(format) => {
            permit.require(Scope::Export)?;
            download(&api, format, &caller, &permit, given).await
        }
        None => page(&api, deadline, &permit, &given.read()?).await,
    }
}

/// The same page at a path that names the format and ignores `Accept`, for tools that can only set a URL.
pub(crate) async fn list_json(
    State(api): State<Arc<Api>>,
    Extension(deadline): Extension<Deadline>,
    permit: Permit,
    Query(query): Query<PageQuery>,
) -> Result<Response, Problem> {
    page(&api, deadline, &permit, &query).await
}

async fn page(
    api: &Api,
    deadline: Deadline,
    permit: &Permit,
    query: &PageQuery,
) -> Result<Response, Problem> {
    let sight = api.sight(permit).await?;
    let mut request = query.request();
    request.include_raw = sight.payload(query.include_raw, false)?;
    request.channel_id = sight.channel_or_none(query.guild_id, query.channel_id);
    let page = api.page(request).await?;
    let rows = page.rows.len();
    let link = page.next_cursor.map(|cursor| query.link_to(cursor));
    let mut response = Response::new(page_body(page, sight.hidden, deadline.0)?);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    keep_private(headers);
    if let Some(link) = link.and_then(|link| HeaderValue::from_str(&link).ok()) {
        headers.insert(LINK, link);
    }
    Audited::rows(&mut response, rows);
    Ok(response)
}
