//! How a pass over history ended: what it could not read, or why it could not go on.

use std::fmt;

use super::writer::WriterClosed;
use crate::discord::rest::RestError;
use crate::message::{ChannelId, GuildId};
use crate::store::StoreError;

/// Why the backfill failed.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// Discord refused the request, or it failed.
    #[error(transparent)]
    Rest(#[from] RestError),
    /// The database can't be written.
    #[error(transparent)]
    Writer(#[from] WriterClosed),
    /// The database can't be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl HistoryError {
    /// Whether a later pass can succeed without any intervention.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Rest(error) => error.is_transient(),
            Self::Store(error) => matches!(error, StoreError::Busy),
            Self::Writer(_) => false,
        }
    }
}

/// The maximum number of ids in a log line.
const NAMED: usize = 10;

/// What a pass could not read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PassReport {
    /// Selected guilds that the bot can't read.
    pub unread_guilds: Vec<GuildId>,
    /// Selected channels that are not in a guild that the bot can read.
    pub missing_channels: Vec<ChannelId>,
    /// Channels and threads that still have gaps, because requests to Discord failed or got invalid responses,
    /// and channels whose threads may not all be known.
    pub incomplete: Vec<ChannelId>,
    /// Channels and threads that Discord does not know any more; they count as deleted only after a second
    /// check.
    pub suspected: Vec<ChannelId>,
    /// Guilds whose lists of channels and threads contain items that can't be parsed.
    pub partly_listed: Vec<GuildId>,
    /// Channels whose list of archived threads Discord refuses. As with unreadable channels, only a change of
    /// permissions helps.
    pub refused_lists: Vec<ChannelId>,
}

impl fmt::Display for PassReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [
            ("guilds that the bot can't read", ids(&self.unread_guilds)),
            (
                "channels of DISCORD_CHANNEL_IDS that are not in a guild that the bot can read",
                ids(&self.missing_channels),
            ),
            (
                "channels that still have gaps, because requests to Discord failed",
                ids(&self.incomplete),
            ),
            (
                "guilds whose lists contain channels or threads that can't be parsed",
                ids(&self.partly_listed),
            ),
            (
                "channels whose list of archived threads Discord refuses",
                ids(&self.refused_lists),
            ),
        ];
        let mut parts = parts.iter().filter(|(_, ids)| !ids.is_empty()).peekable();
        if parts.peek().is_none() {
            return f.write_str("everything was read");
        }
        for (n, (what, ids)) in parts.enumerate() {
            let separator = if n > 0 { "; " } else { "" };
            write!(f, "{separator}{what}: {ids}")?;
        }
        Ok(())
    }
}

impl PassReport {
    /// Whether everything that is selected was found and read as far as the bot may.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.unread_guilds.is_empty()
            && self.missing_channels.is_empty()
            && self.incomplete.is_empty()
            && self.partly_listed.is_empty()
    }
}

/// Formats ids in one line, with only the first ones of a long list.
fn ids(all: &[impl fmt::Display]) -> String {
    let named: Vec<_> = all.iter().take(NAMED).map(ToString::to_string).collect();
    match all.len().saturating_sub(NAMED) {
        0 => named.join(", "),
        more => format!("{} and {more} more", named.join(", ")),
    }
}
