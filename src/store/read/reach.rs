//! What a reader may see, as a condition on the rows of a table with a guild and a channel.

use crate::guild::Reach;
use crate::store::schema::sql::list;

/// The condition; none if everything may be seen.
pub(crate) fn within(reach: &Reach) -> Option<String> {
    let ids = |column: &str, ids: String| match ids.is_empty() {
        true => "false".to_owned(),
        false => format!("{column} IN ({ids})"),
    };
    let guilds = reach.guilds();
    let guilds = guilds.map(|guilds| ids("guild_id", list(guilds.iter().map(|id| id.as_i64()))));
    let channels = reach.channels();
    let channels =
        channels.map(|channels| ids("channel_id", list(channels.iter().map(|id| id.as_i64()))));
    let conditions: Vec<_> = guilds.into_iter().chain(channels).collect();
    (!conditions.is_empty()).then(|| conditions.join(" AND "))
}
