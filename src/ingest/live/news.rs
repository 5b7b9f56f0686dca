//! Turns each dispatch of the gateway into a batch for the database; some dispatches also request a backfill
//! pass.

use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use serenity::model::channel::ChannelType;
use tracing::warn;

use super::{Following, Live, LiveError, OVERTAKING, OVERTAKING_IDS};
use crate::discord::gateway::INTENTS;
use crate::discord::news::{Dispatch, Heard, News};
use crate::discord::rest::{ChannelInfo, RoleInfo};
use crate::guild::{
    Access, AccessMark, ChannelGone, Covered, Guild, Interrupted, Place, SessionMark, Sighting,
};
use crate::ingest::doubt::interrupted;
use crate::ingest::pass_context::Pass;
use crate::ingest::rights::Rights;
use crate::message::{
    ChannelId, GuildId, IdRange, Message, MessageId, ReactionEvent, Source, snowflake_at,
};
use crate::status::GatewayState;
use crate::store::{Batch, Parked};

/// A guild that is sent later than this after the start of the session was not available when it began.
const AT_ONCE: Duration = Duration::from_secs(5);

/// How long an unknown channel is looked up before its message is kept as a dead letter.
const LOOK_UP: Duration = Duration::from_secs(3);

/// A dispatch without its contents: its name, its number in the session, whether that number came before, and when
/// it arrived.
struct Arrival {
    name: String,
    sequence: u64,
    is_repeat: bool,
    heard: Heard,
}

impl Arrival {
    /// Records that the dispatch contained a channel.
    fn sighting(&self, channel: &ChannelInfo) -> Sighting {
        Sighting {
            id: channel.id,
            at: self.heard.observed(self.sequence).0.at,
        }
    }
}

/// What a dispatch leads to: what is written, and the backfill pass that it requests.
#[derive(Default)]
struct Outcome {
    batch: Batch,
    pass: Option<Pass>,
}

impl Outcome {
    /// Events of this place may have been missed until now, and a pass reads what they were about.
    fn interrupted(&mut self, place: Place, heard: Heard) {
        self.batch.interrupted.push(interrupted(place, heard));
        self.pass = Some(Pass::Catalog);
    }

    /// Everything of the guild may have been missed since this time.
    fn away_since(&mut self, guild: GuildId, since: DateTime<Utc>, heard: Heard) {
        self.batch.interrupted.push(Interrupted {
            stale_since: Some(since),
            ..interrupted(Place::Guild(guild), heard)
        });
    }
}

impl Live {
    pub(super) async fn dispatch(
        &mut self,
        dispatch: Dispatch,
        heard: Heard,
    ) -> Result<(), LiveError> {
        let arrival = Arrival {
            name: dispatch.name,
            sequence: dispatch.sequence,
            is_repeat: dispatch.is_repeat,
            heard,
        };
        let Outcome { batch, pass } = self.outcome(dispatch.news, &arrival).await?;
        self.hand_over(batch, arrival.sequence, pass, heard.now)
            .await
    }

    async fn outcome(&mut self, news: News, arrival: &Arrival) -> Result<Outcome, LiveError> {
        let heard = arrival.heard;
        let mut outcome = Outcome::default();
        match news {
            News::Ready {
                session_id,
                resume_url,
                guilds,
                me,
            } => {
                self.me = me.or(self.me);
                self.awaited = guilds.into_iter().collect();
                self.session_began(session_id, resume_url, arrival);
                outcome.pass = Some(Pass::AfterNewSession);
            }
            News::Resumed => {
                self.session_resumed();
                outcome.pass = Some(Pass::Gaps);
            }
            News::Message(message, partial) => {
                self.message(*message, partial.as_deref(), &mut outcome.batch)
                    .await?;
            }
            // The reaction is already counted.
            News::Reaction(..) if arrival.is_repeat => {}
            News::Reaction(message, event) => {
                self.reaction(*message, *event, heard, &mut outcome.batch);
            }
            News::Gone(messages) => self.messages_gone(messages, &mut outcome.batch),
            News::Guild {
                id,
                name,
                channels,
                roles,
            } => {
                if self.scope.takes_guild(id) {
                    outcome.batch.guilds.push(Guild { id, name });
                    self.guild(id, &channels, roles, arrival, &mut outcome);
                }
            }
            News::GuildGone { id, is_outage } => {
                if self.scope.takes_guild(id) {
                    self.guild_gone(id, is_outage, heard, &mut outcome);
                }
            }
            News::ThreadMembership(id) => {
                if self.scope.takes_channel(id) != Some(false) {
                    outcome.interrupted(Place::Channel(id), heard);
                }
            }
            News::Channel {
                guild_id,
                channel,
                is_new,
            } => self.channel(guild_id, &channel, is_new, arrival, &mut outcome),
            News::Threads { guild_id, threads } => {
                self.threads(guild_id, &threads, arrival, &mut outcome);
            }
            News::ChannelGone { guild_id, id } => {
                if self.scope.takes_guild(guild_id) {
                    outcome.batch.channels_gone.push(ChannelGone {
                        id,
                        after: heard.after.max(id.created_at()),
                        before: heard.now,
                        asked_at: None,
                    });
                }
            }
            News::Role { guild_id, role } => self.role(guild_id, role, arrival, &mut outcome),
            News::Member {
                guild_id,
                user_id,
                roles,
            } => {
                if self.scope.takes_guild(guild_id)
                    && self.is_me(user_id).await
                    && self.rights.own_roles(guild_id, roles)
                {
                    outcome.interrupted(Place::Guild(guild_id), heard);
                }
            }
            News::Permissions(guild) if self.scope.takes_guild(guild) => {
                outcome.interrupted(Place::Guild(guild), heard);
            }
            News::Unreadable {
                channel_id,
                message_id,
                reason,
                payload,
            } if !self.is_elsewhere(channel_id) => {
                let letter = Parked {
                    source: Source::Gateway,
                    event: arrival.name.clone(),
                    channel_id,
                    reason,
                    payload,
                };
                self.dead_letter(letter, message_id, heard, &mut outcome);
            }
            News::Permissions(_) | News::Unreadable { .. } | News::Other => {}
        }
        Ok(outcome)
    }

    /// READY: from now on the events of a new session arrive.
    fn session_began(&mut self, session_id: String, resume_url: String, arrival: &Arrival) {
        let heard = arrival.heard;
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
            sequence: arrival.sequence,
            live_low: now,
            live_high: now,
            heard_at: heard.now - OVERTAKING,
            intents: INTENTS.bits(),
        });
        self.call(|gateway| {
            gateway.state = GatewayState::Live;
            gateway.identified += 1;
            gateway.sessions_left = gateway.sessions_left.map(|left| left.saturating_sub(1));
        });
    }

    /// RESUMED: everything that was missed has been replayed.
    fn session_resumed(&mut self) {
        self.tell_session_resumed();
        self.following = Following::Yes;
        self.call(|gateway| {
            gateway.state = GatewayState::Live;
            gateway.resumed += 1;
        });
    }

    /// MESSAGE_CREATE and MESSAGE_UPDATE.
    async fn message(
        &mut self,
        message: Message,
        partial: Option<&str>,
        batch: &mut Batch,
    ) -> Result<(), LiveError> {
        let whole = message.versions.current().map(|version| &*version.raw);
        let payload = partial.or(whole).unwrap_or_default();
        if self
            .takes(message.guild_id, message.channel_id, payload)
            .await?
        {
            if !self.is_ahead(message.id).await {
                self.saw(&message);
            }
            batch.messages.push(message);
        }
        Ok(())
    }

    /// A reaction or a vote.
    fn reaction(
        &self,
        mut message: Message,
        event: ReactionEvent,
        heard: Heard,
        batch: &mut Batch,
    ) {
        if self.following != Following::Yes {
            // The reaction may have happened long before it arrived, and a history page may already contain it.
            let since = Some(heard.after);
            message.reactions = message.reactions.replayed_since(since);
            message.votes = message.votes.replayed_since(since);
        }
        if self.scope.takes(message.guild_id, message.channel_id) == Some(true) {
            batch.messages.push(message);
            if self.keeps_reactors {
                batch.reaction_events.push(event);
            }
        }
    }

    /// MESSAGE_DELETE and MESSAGE_DELETE_BULK.
    fn messages_gone(&self, messages: Vec<Message>, batch: &mut Batch) {
        // If the channel is not known yet, the delete is kept: it creates no message.
        let taken = messages.into_iter().filter(|message| {
            self.scope.takes(message.guild_id, message.channel_id) != Some(false)
        });
        batch.messages.extend(taken);
    }

    /// GUILD_CREATE: a guild of the session, one that is available again, or one that invited the bot.
    fn guild(
        &mut self,
        id: GuildId,
        channels: &[ChannelInfo],
        roles: Vec<RoleInfo>,
        arrival: &Arrival,
        outcome: &mut Outcome,
    ) {
        self.guild_is_there(id, channels);
        for role in roles {
            self.rights.role(role);
        }
        for channel in channels {
            self.rights.channel(channel);
            outcome.batch.sightings.push(arrival.sighting(channel));
        }
        // A guild that is sent has the bot as a member.
        self.rest.ask_again(|refused| refused == Place::Guild(id));
        self.learn(id, channels, &mut outcome.batch);
        let is_late = self.ready_at.is_none_or(|at| at.elapsed() > AT_ONCE);
        if !self.awaited.remove(&id) || is_late {
            // The guild was unavailable, or the bot was invited: nothing was received from it until now.
            let since = self.away.remove(&id).unwrap_or(arrival.heard.after);
            outcome.away_since(id, since, arrival.heard);
            outcome.pass = Some(Pass::Catalog);
        }
    }

    /// GUILD_DELETE: a guild became unavailable, or the bot is no longer a member.
    fn guild_gone(&mut self, id: GuildId, is_outage: bool, heard: Heard, outcome: &mut Outcome) {
        self.guild_went(id, is_outage);
        // When the guild is sent next, it has been unavailable.
        self.awaited.remove(&id);
        self.rest.forget_rights(Place::Guild(id));
        let since = *self.away.entry(id).or_insert(heard.after);
        outcome.away_since(id, since, heard);
    }

    /// A channel or thread was created or changed.
    fn channel(
        &mut self,
        guild_id: GuildId,
        channel: &ChannelInfo,
        is_new: bool,
        arrival: &Arrival,
        outcome: &mut Outcome,
    ) {
        outcome.batch.sightings.push(arrival.sighting(channel));
        let one = std::slice::from_ref(channel);
        let unknown = self.learn(guild_id, one, &mut outcome.batch);
        let changed = self.rights.channel(channel);
        // A thread has no permissions of its own; an update can be the first event of a new one.
        let may_be_lost = match arrival.name.as_str() {
            "THREAD_UPDATE" => unknown,
            // A changed category is followed by an update of each of its channels.
            "CHANNEL_UPDATE" => unknown || changed && channel.kind != ChannelType::Category,
            _ => true,
        };
        if is_new {
            self.begin_channel(guild_id, channel, &mut outcome.batch);
        } else if may_be_lost {
            // A thread that leaves the archive while the archive is being listed is in no list.
            outcome.interrupted(Place::Channel(channel.id), arrival.heard);
        }
    }

    /// THREAD_LIST_SYNC: threads that the bot may read from now on.
    fn threads(
        &self,
        guild_id: GuildId,
        threads: &[ChannelInfo],
        arrival: &Arrival,
        outcome: &mut Outcome,
    ) {
        let seen = threads.iter().map(|thread| arrival.sighting(thread));
        outcome.batch.sightings.extend(seen);
        self.learn(guild_id, threads, &mut outcome.batch);
        for thread in threads {
            outcome.interrupted(Place::Channel(thread.id), arrival.heard);
        }
        outcome.pass = Some(Pass::Catalog);
    }

    /// A role was created or changed.
    fn role(
        &mut self,
        guild_id: GuildId,
        role: RoleInfo,
        arrival: &Arrival,
        outcome: &mut Outcome,
    ) {
        // Nobody has a role that was just created.
        let is_new = arrival.name == "GUILD_ROLE_CREATE";
        if self.rights.role(role) && !is_new && self.scope.takes_guild(guild_id) {
            outcome.interrupted(Place::Guild(guild_id), arrival.heard);
        }
    }

    /// A dispatch that could not be parsed.
    fn dead_letter(
        &mut self,
        letter: Parked,
        message_id: Option<MessageId>,
        heard: Heard,
        outcome: &mut Outcome,
    ) {
        warn!(
            event = letter.event,
            reason = letter.reason,
            "a gateway event could not be parsed; its payload is kept as a dead letter"
        );
        if letter.event == "READY" {
            // The following events belong to an unknown session.
            self.session = None;
        }
        outcome.pass = self.keep_unreadable(&mut outcome.batch, letter, message_id, heard);
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
            range: IdRange::new(0, channel.id.as_i64()),
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
