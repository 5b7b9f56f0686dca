//! The problems of the service, derived from its status: `/health` lists them, and `/ready` answers 503 for those
//! that stop archiving.

use serde::Serialize;
use utoipa::ToSchema;

use crate::status::{
    BackfillState, GatewayState, GatewayStatus, GuildsStatus, PassStatus, RecordState, RowsState,
    SearchState, SnapshotState, Status,
};

/// The number of failed connections in a row from which the connection is reported as unstable.
const UNSTABLE: u32 = 2;

/// A problem of the service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Trouble {
    /// Stable name of the problem, for programs.
    #[schema(example = "channels_unreadable")]
    pub(crate) code: &'static str,
    /// Explanation of the problem, with what can be done about it.
    pub(crate) detail: String,
    /// Whether nothing is archived while the problem lasts.
    #[serde(skip)]
    pub(crate) stops_recording: bool,
}

/// The problems that the status shows.
pub(crate) fn troubles(status: &Status) -> Vec<Trouble> {
    let mut troubles = Vec::new();
    if status.record == RecordState::DiskFull {
        let detail = "The disk is full. The service archives nothing until there is free space.";
        troubles.push(trouble("disk_full", true, detail));
    }
    troubles.extend(connection_trouble(&status.gateway));
    troubles.extend(guild_troubles(status.gateway.guilds));
    troubles.extend(status.backfill.last_pass.and_then(channel_trouble));
    if status.backfill.state == BackfillState::Incomplete {
        let detail = "The last backfill pass could not read everything. The log names what is missing; the next pass tries again.";
        troubles.push(trouble("history_incomplete", false, detail));
    }
    if status.snapshot.state == SnapshotState::Failed {
        let detail =
            "The last snapshot could not be written and is tried again; the log has the reason.";
        troubles.push(trouble("snapshot_failed", false, detail));
    }
    if status.rows.state == RowsState::Failed {
        let detail = "The row store could not be read or written; this is tried again. Until then requests take longer. The log has the reason.";
        troubles.push(trouble("rows_failed", false, detail));
    }
    if status.search.state == SearchState::Failed {
        let detail = "The search index could not be written; the write is tried again. The log has the reason.";
        troubles.push(trouble("search_failed", false, detail));
    }
    troubles
}

fn trouble(code: &'static str, stops_recording: bool, detail: impl Into<String>) -> Trouble {
    Trouble {
        code,
        detail: detail.into(),
        stops_recording,
    }
}

fn connection_trouble(gateway: &GatewayStatus) -> Option<Trouble> {
    if gateway.state == GatewayState::Connecting {
        let why = gateway.last_end.as_ref().map(|end| {
            format!(
                " (how the last connection ended: {}; failed attempts in a row: {})",
                end.cause, gateway.attempts
            )
        });
        let detail = "The service is not connected to Discord and tries to connect";
        let detail = format!("{detail}{}.", why.unwrap_or_default());
        return Some(trouble("gateway_connecting", true, detail));
    }
    (gateway.attempts >= UNSTABLE).then(|| {
        let detail = format!(
            "The connection to Discord is not stable: {} connections in a row ended within a minute.",
            gateway.attempts
        );
        trouble("gateway_unstable", false, detail)
    })
}

fn guild_troubles(guilds: GuildsStatus) -> Vec<Trouble> {
    let mut troubles = Vec::new();
    let nothing = guilds.none_is_there();
    if guilds.without_the_bot > 0 {
        let detail = format!(
            "The bot is not a member of {} of the {} archived guilds; the log names them. Invite the bot.",
            guilds.without_the_bot, guilds.total
        );
        troubles.push(trouble("bot_not_in_guild", nothing, detail));
    }
    if guilds.away > 0 {
        let detail = format!(
            "Discord reports {} of the {} archived guilds as unavailable (an outage of Discord).",
            guilds.away, guilds.total
        );
        troubles.push(trouble("guild_away", nothing, detail));
    }
    troubles
}

fn channel_trouble(pass: PassStatus) -> Option<Trouble> {
    if pass.channels == 0 {
        let detail =
            "There is no channel to archive: the bot can see none of the selected channels.";
        return Some(trouble("no_channels", true, detail));
    }
    (pass.unreadable > 0).then(|| {
        let detail = format!(
            "{} of the {} archived channels and threads can't be read; `guildlake doctor` names them and \
             the missing permissions.",
            pass.unreadable, pass.channels
        );
        let nothing = pass.unreadable >= pass.channels;
        trouble("channels_unreadable", nothing, detail)
    })
}
