//! The problems of the service, derived from its status: `/health` lists them, and `/ready` answers 503 for those
//! that stop archiving.

use serde::Serialize;
use utoipa::ToSchema;

use crate::status::{BackfillState, GatewayState, RecordState, SearchState, SnapshotState, Status};

/// The number of failed connections in a row from which the connection is reported as unstable.
const UNSTABLE: u32 = 2;

/// A problem of the service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(super) struct Trouble {
    /// Stable name of the problem, for programs.
    #[schema(example = "channels_unreadable")]
    pub(super) code: &'static str,
    /// Explanation of the problem, with what can be done about it.
    pub(super) detail: String,
    /// Whether nothing is archived while the problem lasts.
    #[serde(skip)]
    pub(super) stops_recording: bool,
}

/// The problems that the status shows.
pub(super) fn troubles(status: &Status) -> Vec<Trouble> {
    let mut troubles = Vec::new();
    let mut add = |code, stops_recording, detail: String| {
        troubles.push(Trouble {
            code,
            detail,
            stops_recording,
        });
    };
    if status.record == RecordState::DiskFull {
        let detail = "The disk is full: nothing more is recorded until there is room.";
        add("disk_full", true, detail.to_owned());
    }
    let gateway = &status.gateway;
    if gateway.state == GatewayState::Connecting {
        let why = gateway.last_end.as_ref().map(|end| {
            format!(
                " (the last connection: {}; attempts in a row: {})",
                end.cause, gateway.attempts
            )
        });
        let detail = "Discord is not followed at this moment: connecting";
        let detail = format!("{detail}{}.", why.unwrap_or_default());
        add("gateway_connecting", true, detail);
    } else if gateway.attempts >= UNSTABLE {
        let detail = format!(
            "The connection to Discord is not stable: {} in a row ended before they were followed for a minute.",
            gateway.attempts
        );
        add("gateway_unstable", false, detail);
    }
    let guilds = gateway.guilds;
    let nothing = guilds.none_is_there();
    if guilds.without_the_bot > 0 {
        let detail = format!(
            "The bot is not in {} of the {} guilds that are collected; the log names them. Invite it.",
            guilds.without_the_bot, guilds.total
        );
        add("bot_not_in_guild", nothing, detail);
    }
    if guilds.away > 0 {
        let detail = format!(
            "Discord says that {} of the {} guilds that are collected are away.",
            guilds.away, guilds.total
        );
        add("guild_away", nothing, detail);
    }
    if let Some(pass) = status.backfill.last_pass {
        if pass.channels == 0 {
            let detail =
                "There is no channel to collect: the bot sees none of those that were chosen.";
            add("no_channels", true, detail.to_owned());
        } else if pass.unreadable > 0 {
            let detail = format!(
                "{} of the {} channels and threads that are collected can't be read; `guildlake doctor` \
                 names them, with what is missing.",
                pass.unreadable, pass.channels
            );
            let nothing = pass.unreadable >= pass.channels;
            add("channels_unreadable", nothing, detail);
        }
    }
    if status.backfill.state == BackfillState::Incomplete {
        let detail = "The last pass over history left something unread; the log says what, and the next one tries again.";
        add("history_incomplete", false, detail.to_owned());
    }
    if status.snapshot.state == SnapshotState::Failed {
        let detail =
            "The last snapshot could not be written, and is tried again; the log has the reason.";
        add("snapshot_failed", false, detail.to_owned());
    }
    if status.search.state == SearchState::Failed {
        let detail =
            "The search index could not be written, and is tried again; the log has the reason.";
        add("search_failed", false, detail.to_owned());
    }
    troubles
}
