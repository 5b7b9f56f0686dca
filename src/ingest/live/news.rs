//! Turns each dispatch of the gateway into a batch for the database; some dispatches also request a backfill
//! pass.

use std::time::{Duration, Instant};

use serenity::model::channel::ChannelType;
use tracing::warn;

use super::{Following, Live, LiveError, OVERTAKING, OVERTAKING_IDS};
use crate::discord::gateway::INTENTS;
use crate::discord::news::{Dispatch, Heard, News};
use crate::discord::rest::ChannelInfo;
use crate::guild::{
    Access, AccessMark, ChannelGone, Covered, Guild, Interrupted, Place, SessionMark, Sighting,
};
use crate::ingest::doubt::interrupted;
use crate::ingest::pass_context::Pass;
use crate::ingest::rights::Rights;
use crate::message::{ChannelId, GuildId, IdSpan, Source, snowflake_at};
use crate::status::GatewayState;
use crate::store::{Batch, Parked};

/// A guild that is sent later than this after the start of the session was not available when it began.
const AT_ONCE: Duration = Duration::from_secs(5);

/// How long an unknown channel is looked up before its message is kept as a dead letter.
const LOOK_UP: Duration = Duration::from_secs(3);

/// Records that the dispatch with this number contained a channel.
fn sighting(channel: &ChannelInfo, heard: Heard, sequence: u64) -> Sighting {
    Sighting {
        id: channel.id,
        at: heard.observed(sequence).0.at,
    }
}

impl Live {
    pub(super) async fn dispatch(
        &mut self,
        dispatch: Dispatch,
        heard: Heard,
    ) -> Result<(), LiveError> {
        let Dispatch {
            name,
            sequence,
            is_repeat,
            news,
        } = dispatch;
        let mut pass = None;
        let mut batch = Batch::default();
        match news {
            News::Ready {
                session_id,
                resume_url,
                guilds,
                me,
            } => {
                self.me = me.or(self.me);
                self.awaited = guilds.into_iter().collect();
                self.guilds_of_session();
                self.tell_session_begun();
                // A clock that is slow must leave a gap to read.
                let before = self.session.as_ref().map_or(0, |session| session.live_high);
                let now = snowflake_at(heard.now).max(before + OVERTAKING_IDS);
                self.newest = None;
                self.following = Following::Yes;
                self.ready_at = Some(Instant::now());
                self.away.clear();
                self.rights = Rights::default();
                self.session = Some(SessionMark {
                    shard: 0,
                    session_id,
                    resume_url,
                    sequence,
                    live_low: now,
                    live_high: now,
                    heard_at: heard.now - OVERTAKING,
                    intents: INTENTS.bits(),
                });
                pass = Some(Pass::AfterNewSession);
                self.call(|gateway| {
                    gateway.state = GatewayState::Live;
                    gateway.identified += 1;
                    gateway.sessions_left =
                        gateway.sessions_left.map(|left| left.saturating_sub(1));
                });
            }
            News::Resumed => {
                self.tell_session_resumed();
                pass = Some(Pass::Gaps);
                self.following = Following::Yes;
                self.call(|gateway| {
                    gateway.state = GatewayState::Live;
                    gateway.resumed += 1;
                });
            }
            News::Message(message, partial) => {
                let whole = message.versions.current().map(|version| &*version.raw);
                let payload = partial.as_deref().or(whole).unwrap_or_default();
                if self
                    .takes(message.guild_id, message.channel_id, payload)
                    .await?
                {
                    if !self.is_ahead(message.id).await {
                        self.saw(&message);
                    }
                    batch.messages.push(*message);
                }
            }
            // The reaction is already counted.
            News::Reaction(..) if is_repeat => {}
            News::Reaction(mut message, event) => {
                if self.following != Following::Yes {
                    // The reaction may have happened long before it arrived, and a history page may already
                    // contain it.
                    let since = Some(heard.after);
                    message.reactions = message.reactions.replayed_since(since);
                    message.votes = message.votes.replayed_since(since);
                }
                if self.scope.takes(message.guild_id, message.channel_id) == Some(true) {
                    batch.messages.push(*message);
                    if self.keeps_reactors {
                        batch.reaction_events.push(*event);
                    }
                }
            }
            News::Gone(messages) => {
                for message in messages {
                    // If the channel is not known yet, the delete is kept: it creates no message.
                    if self.scope.takes(message.guild_id, message.channel_id) != Some(false) {
                        batch.messages.push(message);
                    }
                }
            }
            News::Guild {
                id,
                name,
                channels,
                roles,
            } => {
                if self.scope.takes_guild(id) {
                    self.guild_is_there(id, &channels);
                    for role in roles {
                        self.rights.role(role);
                    }
                    for channel in &channels {
                        self.rights.channel(channel);
                        batch.sightings.push(sighting(channel, heard, sequence));
                    }
                    batch.guilds.push(Guild { id, name });
                    // A guild that is sent has the bot as a member.
                    self.rest.ask_again(|refused| refused == Place::Guild(id));
                    self.learn(id, &channels, &mut batch);
                    let is_late = self.ready_at.is_none_or(|at| at.elapsed() > AT_ONCE);
                    if !self.awaited.remove(&id) || is_late {
                        // The guild was unavailable, or the bot was invited: nothing was received from it until
                        // now.
                        let since = self.away.remove(&id).unwrap_or(heard.after);
                        batch.interrupted.push(Interrupted {
                            stale_since: Some(since),
                            ..interrupted(Place::Guild(id), heard)
                        });
                        pass = Some(Pass::Catalog);
                    }
                }
            }
            News::GuildGone { id, is_outage } => {
                if self.scope.takes_guild(id) {
                    self.guild_went(id, is_outage);
                    // When the guild is sent next, it has been unavailable.
                    self.awaited.remove(&id);
                    self.rest.forget_rights(Place::Guild(id));
                    let since = *self.away.entry(id).or_insert(heard.after);
                    batch.interrupted.push(Interrupted {
                        stale_since: Some(since),
                        ..interrupted(Place::Guild(id), heard)
                    });
                }
            }
            News::ThreadMembership(id) => {
                if self.scope.takes_channel(id) != Some(false) {
                    batch
                        .interrupted
                        .push(interrupted(Place::Channel(id), heard));
                    pass = Some(Pass::Catalog);
                }
            }
            News::Channel {
                guild_id,
                channel,
                is_new,
            } => {
                batch.sightings.push(sighting(&channel, heard, sequence));
                let unknown = self.learn(guild_id, std::slice::from_ref(&channel), &mut batch);
                let changed = self.rights.channel(&channel);
                // A thread has no permissions of its own; an update can be the first event of a new one.
                let may_be_lost = match name.as_str() {
                    "THREAD_UPDATE" => unknown,
                    // A changed category is followed by an update of each of its channels.
                    "CHANNEL_UPDATE" => unknown || changed && channel.kind != ChannelType::Category,
                    _ => true,
                };
                if is_new {
                    self.begin_channel(guild_id, &channel, &mut batch);
                } else if may_be_lost {
                    // A thread that leaves the archive while the archive is being listed is in no list.
                    let place = Place::Channel(channel.id);
                    batch.interrupted.push(interrupted(place, heard));
                    pass = Some(Pass::Catalog);
                }
            }
            News::Threads { guild_id, threads } => {
                let seen = threads
                    .iter()
                    .map(|thread| sighting(thread, heard, sequence));
                batch.sightings.extend(seen);
                self.learn(guild_id, &threads, &mut batch);
                batch.interrupted.extend(
                    threads
                        .iter()
                        .map(|thread| interrupted(Place::Channel(thread.id), heard)),
                );
                pass = Some(Pass::Catalog);
            }
            News::ChannelGone { guild_id, id } => {
                if self.scope.takes_guild(guild_id) {
                    batch.channels_gone.push(ChannelGone {
                        id,
                        after: heard.after.max(id.created_at()),
                        before: heard.now,
                        asked_at: None,
                    });
                }
            }
            News::Role { guild_id, role } => {
                // Nobody has a role that was just created.
                let is_new = name == "GUILD_ROLE_CREATE";
                if self.rights.role(role) && !is_new && self.scope.takes_guild(guild_id) {
                    batch
                        .interrupted
                        .push(interrupted(Place::Guild(guild_id), heard));
                    pass = Some(Pass::Catalog);
                }
            }
            News::Member {
                guild_id,
                user_id,
                roles,
            } => {
                if self.scope.takes_guild(guild_id)
                    && self.is_me(user_id).await
                    && self.rights.own_roles(guild_id, roles)
                {
                    batch
                        .interrupted
                        .push(interrupted(Place::Guild(guild_id), heard));
                    pass = Some(Pass::Catalog);
                }
            }
            News::Permissions(guild) if self.scope.takes_guild(guild) => {
                batch
                    .interrupted
                    .push(interrupted(Place::Guild(guild), heard));
                pass = Some(Pass::Catalog);
            }
            News::Unreadable {
                channel_id,
                message_id,
                reason,
                payload,
            } if !self.is_elsewhere(channel_id) => {
                warn!(
                    event = name,
                    reason,
                    "a gateway event could not be parsed; its payload is kept as a dead letter"
                );
                if name == "READY" {
                    // The following events belong to an unknown session.
                    self.session = None;
                }
                let parked = Parked {
                    source: Source::Gateway,
                    event: name,
                    channel_id,
                    reason,
                    payload,
                };
                pass = self.keep_unreadable(&mut batch, parked, message_id, heard);
            }
            News::Permissions(_) | News::Unreadable { .. } | News::Other => {}
        }
        self.hand_over(batch, sequence, pass, heard.now).await
    }

    /// Whether a channel is known and not archived.
    fn is_elsewhere(&self, channel: Option<ChannelId>) -> bool {
        channel.is_some_and(|channel| self.scope.takes_channel(channel) == Some(false))
    }

    /// Records channels and adds the archived ones to the batch. Returns whether one of them was unknown.
    fn learn(&self, guild_id: GuildId, channels: &[ChannelInfo], batch: &mut Batch) -> bool {
        let mut unknown = false;
        let visible = || channels.iter().filter(|channel| !channel.is_hidden());
        for channel in visible() {
            unknown |= self.scope.learn(guild_id, channel.id, channel.parent_id);
        }
        // Discord tells that such a channel exists, and hides the rest. If the channel was seen before, more is
        // already known.
        for hidden in channels.iter().filter(|channel| channel.is_hidden()) {
            if self.scope.guild_of(hidden.id).is_none() {
                self.scope.remember(guild_id, hidden.id, hidden.parent_id);
                if self.scope.takes(guild_id, hidden.id) == Some(true) {
                    batch.channels.push(hidden.to_record(guild_id));
                    batch.access.push(AccessMark {
                        channel_id: hidden.id,
                        access: Access::Forbidden,
                        detail: None,
                        since: self.clock.now(),
                    });
                }
            }
        }
        let taken =
            visible().filter(|channel| self.scope.takes(guild_id, channel.id) == Some(true));
        batch
            .channels
            .extend(taken.map(|channel| channel.to_record(guild_id)));
        unknown
    }

    /// A channel that was just created: it contained nothing before, and everything in it arrives live.
    fn begin_channel(&self, guild_id: GuildId, channel: &ChannelInfo, batch: &mut Batch) {
        if self.scope.takes(guild_id, channel.id) != Some(true) {
            return;
        }
        batch.access.push(AccessMark {
            channel_id: channel.id,
            access: Access::Readable,
            detail: None,
            since: channel.id.created_at(),
        });
        batch.covered.push(Covered {
            channel_id: channel.id,
            span: IdSpan {
                low: 0,
                high: channel.id.as_i64(),
            },
            session_id: self.session.as_ref().map(SessionMark::id),
            asked_after: None,
            unreadable: Vec::new(),
        });
    }

    /// Whether a message is archived. An unknown channel is looked up; if that fails, the message is kept as a
    /// dead letter instead of being lost.
    async fn takes(
        &self,
        guild: GuildId,
        channel: ChannelId,
        payload: &str,
    ) -> Result<bool, LiveError> {
        if let Some(takes) = self.scope.takes(guild, channel) {
            return Ok(takes);
        }
        let mut place = Some(channel);
        let mut why = "Discord names no parent channel".to_owned();
        // First the channel, then the parent channel if it is a thread.
        for _ in 0..2 {
            let Some(id) = place else { break };
            let info = match tokio::time::timeout(LOOK_UP, self.rest.channel(id)).await {
                Ok(Ok(info)) => info,
                Ok(Err(error)) => {
                    why = error.to_string();
                    break;
                }
                Err(_) => {
                    why = format!("no response within {} s", LOOK_UP.as_secs());
                    break;
                }
            };
            self.scope.learn(guild, id, info.parent_id);
            place = info.parent_id;
        }
        if let Some(takes) = self.scope.takes(guild, channel) {
            return Ok(takes);
        }
        warn!(channel_id = %channel, why, "a message arrived in an unknown channel that could not be looked up; its payload is kept as a dead letter");
        let parked = Parked {
            source: Source::Gateway,
            event: "MESSAGE".to_owned(),
            channel_id: Some(channel),
            reason: format!("its channel could not be looked up: {why}"),
            payload: payload.to_owned(),
        };
        let batch = Batch {
            parked: vec![parked],
            ..Batch::default()
        };
        self.writer.send(batch).await?;
        Ok(false)
    }
}
