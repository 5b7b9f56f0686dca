//! The channels and threads that can be read. Whether the bot may read them is computed from permissions,
//! because Discord answers with an empty list where a permission is missing.

use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use chrono::{DateTime, Utc};
use tracing::warn;

use super::scope::Scope;
use crate::discord::permissions::{ChannelKind, Holds, MemberPermissions};
use crate::discord::rest::{ArchivedKind, ChannelInfo, Rest, RestError};
use crate::guild::{Access, AccessMark, Guild, Place};
use crate::message::{ChannelId, GuildId, UserId};
use crate::store::Batch;

/// A channel or thread that is archived.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Discord's description of the channel.
    pub info: ChannelInfo,
    /// The guild of the channel.
    pub guild_id: GuildId,
    /// Whether the history of the channel can be read.
    pub access: Access,
    /// The lists of archived threads below the channel that may be requested.
    pub archived_lists: Vec<ArchivedKind>,
}

impl Entry {
    /// Whether the channel can contain messages; a forum only contains threads.
    #[must_use]
    pub fn holds_messages(&self) -> bool {
        ChannelKind::of(self.info.kind).holds == Holds::Messages
    }
}

/// The archived channels and threads at one moment.
#[derive(Debug, Default)]
pub struct Catalog {
    /// The guilds.
    pub guilds: Vec<Guild>,
    /// The channels and threads.
    pub entries: Vec<Entry>,
    /// The number of items in Discord's lists of each guild that could not be parsed, so that a channel or
    /// thread may be unknown.
    pub odd: HashMap<GuildId, usize>,
    /// The number of channels in Discord's list of each guild, archived or not.
    pub listed: HashMap<GuildId, usize>,
    /// The bot's permissions, needed for threads that are found later,
    permissions: HashMap<GuildId, MemberPermissions>,
    /// and all channels, archived or not, because a thread has the permissions of its channel.
    channels: HashMap<ChannelId, ChannelInfo>,
}

impl Catalog {
    /// Requests the catalog from Discord. A guild that can't be read is left out with a warning.
    ///
    /// # Errors
    /// If Discord refuses the token or can't be reached.
    pub async fn read(rest: &Rest, scope: &Scope) -> Result<Self, RestError> {
        let me = rest.me().await?;
        let mut catalog = Self::default();
        for guild_id in guilds(rest, scope).await? {
            match catalog.read_guild(rest, scope, guild_id, me.id).await {
                Ok(()) => {}
                Err(error) if error.is_about_the_place() => {
                    // When the guild can be read again, its permissions count as changed.
                    rest.forget_rights(Place::Guild(guild_id));
                    warn!(%guild_id, %error, "the guild can't be read; check that the bot is a member of it");
                }
                Err(error) => return Err(error),
            }
        }
        Ok(catalog)
    }

    async fn read_guild(
        &mut self,
        rest: &Rest,
        scope: &Scope,
        guild_id: GuildId,
        me: UserId,
    ) -> Result<(), RestError> {
        let guild = rest.guild(guild_id).await?;
        let roles = rest.member(guild_id, me).await?;
        let channels = rest.guild_channels(guild_id).await?;
        let threads = rest.active_threads(guild_id).await?;
        let odd = channels.odd + threads.odd;
        if odd > 0 {
            self.odd.insert(guild_id, odd);
        }
        let (channels, threads) = (channels.channels, threads.channels);
        if !guild.has_everyone() {
            // By such a response nobody could read any channel.
            warn!(%guild_id, "Discord's response for the guild lacks the role @everyone, so it is ignored and the guild is requested again");
            self.odd.insert(guild_id, odd + 1);
            return Ok(());
        }
        self.listed.insert(guild_id, channels.len());
        self.guilds.push(Guild::from(&guild));
        let permissions = MemberPermissions::new(&guild, me, &roles);
        for channel in channels.iter().chain(&threads) {
            scope.learn(guild_id, channel.id, channel.parent_id);
        }
        compare_rights(rest, scope, guild_id, &permissions, &channels);
        self.permissions.insert(guild_id, permissions);
        self.channels
            .extend(channels.iter().map(|channel| (channel.id, channel.clone())));
        self.add(guild_id, channels, scope);
        self.add(guild_id, threads, scope);
        Ok(())
    }

    /// Adds threads of a channel that were found in a list of archived threads; returns the new ones.
    pub fn add_threads(
        &mut self,
        guild_id: GuildId,
        threads: Vec<ChannelInfo>,
        scope: &Scope,
    ) -> Vec<Entry> {
        for thread in &threads {
            scope.learn(guild_id, thread.id, thread.parent_id);
        }
        let known: HashSet<ChannelId> = self.entries.iter().map(|entry| entry.info.id).collect();
        let new = threads
            .into_iter()
            .filter(|thread| !known.contains(&thread.id));
        let first = self.entries.len();
        self.add(guild_id, new.collect(), scope);
        self.entries[first..].to_vec()
    }

    fn add(&mut self, guild_id: GuildId, channels: Vec<ChannelInfo>, scope: &Scope) {
        let Some(permissions) = self.permissions.get(&guild_id) else {
            return;
        };
        for info in channels {
            if scope.takes(guild_id, info.id) != Some(true) {
                continue;
            }
            let parent = info.parent_id.and_then(|parent| self.channels.get(&parent));
            let entry = Entry {
                access: if info.is_hidden() {
                    Access::Forbidden
                } else {
                    permissions.access(&info, parent)
                },
                archived_lists: permissions.archived_lists(&info),
                guild_id,
                info,
            };
            self.entries.push(entry);
        }
    }
}

/// Allows refused requests to be sent again where the permissions differ from those at the last check, because
/// the event that announced the change may have been missed.
fn compare_rights(
    rest: &Rest,
    scope: &Scope,
    guild: GuildId,
    permissions: &MemberPermissions,
    channels: &[ChannelInfo],
) {
    let of_channels = channels.iter().map(|channel| {
        let rights = number_of(&(u8::from(channel.kind), &channel.permission_overwrites));
        (Place::Channel(channel.id), rights)
    });
    let all = std::iter::once((Place::Guild(guild), number_of(permissions))).chain(of_channels);
    for (place, rights) in all {
        if rest.rights_changed(place, rights) {
            rest.ask_again(|refused| scope.is_within(refused, place));
        }
    }
}

/// A hash of permissions.
fn number_of(rights: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    rights.hash(&mut hasher);
    hasher.finish()
}

/// Whether the history of a channel can be read now.
pub(super) async fn access_now(rest: &Rest, entry: &Entry) -> Result<Access, RestError> {
    let me = rest.me().await?;
    let guild = rest.guild(entry.guild_id).await?;
    let roles = rest.member(entry.guild_id, me.id).await?;
    let permissions = MemberPermissions::new(&guild, me.id, &roles);
    let parent = match entry.info.parent_id {
        Some(parent) if ChannelKind::of(entry.info.kind).is_thread => {
            Some(rest.channel(parent).await?)
        }
        _ => None,
    };
    let info = rest.channel(entry.info.id).await?;
    Ok(permissions.access(&info, parent.as_ref()))
}

/// The selected guilds; if only channels are selected, their guilds.
async fn guilds(rest: &Rest, scope: &Scope) -> Result<HashSet<GuildId>, RestError> {
    let mut guilds: HashSet<GuildId> = scope.guilds().collect();
    if guilds.is_empty() {
        for channel in scope.channels() {
            match rest.channel(channel).await {
                Ok(info) => guilds.extend(info.guild_id),
                Err(error) if error.is_about_the_place() => {
                    warn!(%channel, %error, "the channel can't be read");
                }
                Err(error) => return Err(error),
            }
        }
    }
    Ok(guilds)
}

/// The channels and their access, as the database stores them.
#[must_use]
pub(super) fn batch_of(guilds: &[Guild], entries: &[Entry], since: DateTime<Utc>) -> Batch {
    Batch {
        guilds: guilds.to_vec(),
        channels: entries
            .iter()
            .map(|entry| entry.info.to_record(entry.guild_id))
            .collect(),
        access: entries
            .iter()
            .map(|entry| AccessMark {
                channel_id: entry.info.id,
                access: entry.access,
                detail: None,
                since,
            })
            .collect(),
        ..Batch::default()
    }
}
