//! How a pass over history ended: what it could not read, or why it could not go on.

use std::fmt;

use super::writer::WriterClosed;
use crate::discord::rest::RestError;
use crate::message::{ChannelId, GuildId};
use crate::store::StoreError;

/// Why there can't be a history.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// Discord refused, or could not be asked.
    #[error(transparent)]
    Rest(#[from] RestError),
    /// The record can't be written.
    #[error(transparent)]
    Writer(#[from] WriterClosed),
    /// The record can't be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl HistoryError {
    /// Whether a later pass can succeed without anybody doing anything.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Rest(error) => error.is_transient(),
            Self::Store(error) => matches!(error, StoreError::Busy),
            Self::Writer(_) => false,
        }
    }
}

/// How many ids a line of the log names.
const NAMED: usize = 10;

/// What a pass could not read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PassReport {
    /// Chosen guilds that the bot can't read.
    pub unread_guilds: Vec<GuildId>,
    /// Chosen channels that are in no guild that the bot can read.
    pub missing_channels: Vec<ChannelId>,
    /// Channels and threads that have gaps left, because Discord could not be asked or its answers
    /// can't be right; and channels whose threads may not all be known.
    pub incomplete: Vec<ChannelId>,
    /// Channels and threads that Discord does not know any more, which is not believed before a second look.
    pub suspected: Vec<ChannelId>,
    /// Guilds whose lists of channels and threads hold items that can't be read.
    pub partly_listed: Vec<GuildId>,
    /// Channels of which Discord refuses a list of archived threads. As with channels that can't be
    /// read, nothing can be done about it here.
    pub refused_lists: Vec<ChannelId>,
}

impl fmt::Display for PassReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [
            ("guilds that the bot can't read", ids(&self.unread_guilds)),
            (
                "channels of DISCORD_CHANNEL_IDS that are in no guild that the bot can read",
                ids(&self.missing_channels),
            ),
            (
                "channels that have gaps left, because Discord could not be asked",
                ids(&self.incomplete),
            ),
            (
                "guilds whose lists hold channels or threads that can't be understood",
                ids(&self.partly_listed),
            ),
            (
                "channels of which Discord refuses a list of archived threads",
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
    /// Whether everything that was chosen was found, and read as far as the bot may.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.unread_guilds.is_empty()
            && self.missing_channels.is_empty()
            && self.incomplete.is_empty()
            && self.partly_listed.is_empty()
    }
}

/// Ids in one line; of many only the first ones.
fn ids(all: &[impl fmt::Display]) -> String {
    let named: Vec<_> = all.iter().take(NAMED).map(ToString::to_string).collect();
    match all.len().saturating_sub(NAMED) {
        0 => named.join(", "),
        more => format!("{} and {more} more", named.join(", ")),
    }
}
