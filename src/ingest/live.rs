//! The live side: frames of the socket, in order, each turned into a batch and handed to the
//! writer together with the session's place, so that both become durable in one transaction.
//! What happens to the session is told to the history, which fills what the socket did not bring.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::StreamExt;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};
use twilight_gateway::error::ReceiveMessageErrorType;
use twilight_gateway::{Message as GatewayMessage, Shard};

use super::doubt::{doubt, interrupted};
use super::history::Pass;
use super::scope::Scope;
use super::writer::{WriterClosed, WriterHandle};
use crate::clock::Clock;
use crate::discord::dispatch::{Dispatch, Heard, News, Received, read_frame};
use crate::discord::gateway::{self, GatewayError};
use crate::discord::rest::{ChannelInfo, Rest};
use crate::message::{ChannelId, GuildId, IdSpan, Message, MessageId, Source, snowflake_at};
use crate::status::{BackfillState, GatewayState, GatewayStatus, StatusSender};
use crate::store::{
    Access, AccessMark, Batch, ChannelGone, Covered, Guild, Interrupted, Parked, Place, SessionMark,
};

/// How far behind the newest id a session is trusted to be complete: dispatches of different
/// channels can overtake each other by seconds. What is inside is read again, which costs a request.
const OVERTAKING: TimeDelta = TimeDelta::seconds(60);

/// The same as a difference of ids.
const OVERTAKING_IDS: i64 = OVERTAKING.num_milliseconds() << 22;

/// How often what could not be understood calls for a pass at most: should Discord change a field's
/// type, every message would.
const UNREADABLE_CALLS: Duration = Duration::from_secs(300);

/// A frame that takes longer than this to hand over has held up those behind it.
const HELD_UP: Duration = Duration::from_secs(5);

/// A guild that is told of so long after the session's begin was not there when it began.
const AT_ONCE: Duration = Duration::from_secs(5);

/// How long a channel that nobody knows is looked up before its message is kept aside.
const LOOK_UP: Duration = Duration::from_secs(3);

/// How long the goodbye to Discord may take.
const GOODBYE: Duration = Duration::from_secs(3);

/// Why the live side ended.
#[derive(Debug, thiserror::Error)]
pub enum LiveError {
    /// The socket can't go on.
    #[error(transparent)]
    Gateway(#[from] GatewayError),
    /// The record can't be written.
    #[error(transparent)]
    Writer(#[from] WriterClosed),
}

/// Follows the socket.
pub struct Live {
    /// What is collected.
    pub scope: Arc<Scope>,
    /// To look up channels that nobody knows.
    pub rest: Rest,
    /// Where batches go.
    pub writer: WriterHandle,
    /// What the service says of itself.
    pub status: StatusSender,
    /// Where the history hears of sessions.
    pub passes: mpsc::UnboundedSender<Pass>,
    /// The session that is to be resumed, if any.
    pub session: Option<SessionMark>,
    /// The guilds that a new session has still to tell of.
    pub awaited: HashSet<GuildId>,
    /// What time it is.
    pub clock: Clock,
    /// The newest id of the session, and when it came.
    pub newest: Option<(MessageId, Instant)>,
    /// When something that could not be understood last called for a pass.
    pub unreadable_call: Option<Instant>,
    /// Whether what comes is new, and not a replay, and is read as it comes.
    pub following: Following,
    /// When the session began.
    pub ready_at: Option<Instant>,
    /// Since when guilds are away.
    pub away: HashMap<GuildId, DateTime<Utc>>,
}

/// How the live side stands to what Discord says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Following {
    /// There is no session, or it is replaying what was missed.
    No,
    /// What comes may have waited here, because the record could not take it. Ends with the answer
    /// to a heartbeat that was sent since.
    HeldUp,
    /// What comes has just happened.
    Yes,
}

impl Live {
    /// Follows the socket until `stop`, then commits what was taken and closes it so that the
    /// session can be resumed.
    ///
    /// # Errors
    /// If Discord closes the socket for good, or the record can't be written.
    pub async fn run(mut self, mut shard: Shard, stop: CancellationToken) -> Result<(), LiveError> {
        self.set_state(GatewayState::Connecting);
        let mut last_close = None;
        loop {
            let item = tokio::select! {
                biased;
                () = stop.cancelled() => break,
                item = shard.next() => item,
            };
            match item {
                None => return Err(gateway::fatal_close(last_close.unwrap_or(0)).into()),
                Some(Ok(GatewayMessage::Text(text))) => {
                    let began = Instant::now();
                    self.frame(&text).await?;
                    if began.elapsed() > HELD_UP && self.following == Following::Yes {
                        self.following = Following::HeldUp;
                    }
                }
                Some(Ok(GatewayMessage::Close(frame))) => {
                    last_close = frame.as_ref().map(|frame| frame.code);
                    info!(code = last_close, "the connection to Discord closed");
                    self.following = Following::No;
                    self.set_state(GatewayState::Connecting);
                }
                Some(Err(error)) => {
                    if let ReceiveMessageErrorType::Deserializing { event } = error.kind() {
                        self.park_frame(event, "the frame is not of the protocol".to_owned())
                            .await?;
                    } else {
                        warn!(%error, "the connection to Discord failed; trying again");
                        self.following = Following::No;
                        self.set_state(GatewayState::Connecting);
                    }
                }
            }
        }
        // Everything taken is on disk before Discord hears goodbye.
        self.writer.commit(Batch::default()).await?;
        self.set_state(GatewayState::Off);
        shard.close(gateway::CLOSE_RESUMABLE);
        let goodbye = async { while let Some(Ok(GatewayMessage::Text(_))) = shard.next().await {} };
        if tokio::time::timeout(GOODBYE, goodbye).await.is_err() {
            debug!("Discord did not answer the goodbye");
        }
        Ok(())
    }

    async fn frame(&mut self, text: &str) -> Result<(), LiveError> {
        let scope = Arc::clone(&self.scope);
        let heard = self.heard();
        match read_frame(text, heard, &|channel| scope.guild_of(channel)) {
            Ok(Received::Dispatch(dispatch)) => self.dispatch(dispatch, heard).await,
            Ok(Received::HeartbeatAck) => self.heartbeat(heard.now).await,
            Ok(Received::Other) => Ok(()),
            Err(error) => self.park_frame(text, error.to_string()).await,
        }
    }

    /// The time of this frame, and the one from which on it tells what happened.
    fn heard(&self) -> Heard {
        let now = self.clock.now();
        let until = self.session.as_ref().map_or(now, |it| it.heard_at);
        Heard {
            after: until.min(now),
            now,
        }
    }

    /// Discord answered a heartbeat: what happened until now has come, less what may be overtaken,
    /// also where nobody wrote. Measured by the steady clock from the newest id, which is Discord's
    /// own time.
    async fn heartbeat(&mut self, now: DateTime<Utc>) -> Result<(), LiveError> {
        match self.following {
            Following::No => return Ok(()),
            // It can have waited here: the next one has not.
            Following::HeldUp => {
                self.following = Following::Yes;
                return Ok(());
            }
            Following::Yes => {}
        }
        let Some(session) = &mut self.session else {
            return Ok(());
        };
        session.heard_at = session.heard_at.max(now - OVERTAKING);
        if let Some((id, came)) = self.newest {
            let since = i64::try_from(came.elapsed().as_millis()).unwrap_or(0) << 22;
            let complete = id.as_i64().saturating_add(since) - OVERTAKING_IDS;
            session.live_high = session.live_high.max(complete);
        }
        let batch = Batch {
            sessions: vec![session.clone()],
            ..Batch::default()
        };
        Ok(self.writer.send(batch).await?)
    }

    async fn dispatch(&mut self, dispatch: Dispatch, heard: Heard) -> Result<(), LiveError> {
        let Dispatch {
            name,
            sequence,
            news,
        } = dispatch;
        let mut pass = None;
        let mut batch = Batch::default();
        match news {
            News::Ready {
                session_id,
                resume_url,
                guilds,
            } => {
                self.awaited = guilds.into_iter().collect();
                info!("live: a new session with Discord");
                // A clock that is behind must leave a gap to look into.
                let before = self.session.as_ref().map_or(0, |session| session.live_high);
                let now = snowflake_at(heard.now).max(before + OVERTAKING_IDS);
                self.newest = None;
                self.following = Following::Yes;
                self.ready_at = Some(Instant::now());
                self.away.clear();
                self.session = Some(SessionMark {
                    shard: 0,
                    session_id,
                    resume_url,
                    sequence,
                    live_low: now,
                    live_high: now,
                    heard_at: heard.now - OVERTAKING,
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
                info!("live: the session with Discord was resumed");
                pass = Some(Pass::Gaps);
                self.following = Following::Yes;
                self.call(|gateway| {
                    gateway.state = GatewayState::Live;
                    gateway.resumed += 1;
                });
            }
            News::Message(message) => {
                if self
                    .takes(message.guild_id, message.channel_id, &message)
                    .await?
                {
                    self.saw(&message);
                    batch.messages.push(*message);
                }
            }
            News::Gone(messages) => {
                for message in messages {
                    // Where that is not known yet the delete is kept: it makes no message.
                    if self.scope.takes(message.guild_id, message.channel_id) != Some(false) {
                        batch.messages.push(message);
                    }
                }
            }
            News::Guild { id, name, channels } => {
                if self.scope.takes_guild(id) {
                    batch.guilds.push(Guild { id, name });
                    self.learn(id, &channels, &mut batch);
                    let is_late = self.ready_at.is_none_or(|at| at.elapsed() > AT_ONCE);
                    if !self.awaited.remove(&id) || is_late {
                        // It was away, or the bot was invited: nothing came from it until now.
                        let since = self.away.remove(&id).unwrap_or(heard.after);
                        batch.interrupted.push(Interrupted {
                            stale_since: Some(since),
                            ..interrupted(Place::Guild(id), heard)
                        });
                        pass = Some(Pass::Catalog);
                    }
                }
            }
            News::GuildGone(id) => {
                if self.scope.takes_guild(id) {
                    self.away.entry(id).or_insert(heard.after);
                    batch.interrupted.push(interrupted(Place::Guild(id), heard));
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
                let unknown = self.learn(guild_id, std::slice::from_ref(&channel), &mut batch);
                if is_new {
                    self.begin_channel(guild_id, &channel, &mut batch);
                } else if unknown || name != "THREAD_UPDATE" {
                    // A thread that comes out of the archive while the archive is being listed
                    // stands in no list.
                    let place = Place::Channel(channel.id);
                    batch.interrupted.push(interrupted(place, heard));
                    pass = Some(Pass::Catalog);
                }
            }
            News::Threads { guild_id, threads } => {
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
                    });
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
                    reason, "a payload could not be understood; it is kept as it came"
                );
                if name == "READY" {
                    // What comes now belongs to a session that is not known.
                    self.session = None;
                }
                doubt(&mut batch, &name, channel_id, message_id, heard);
                pass = self.unreadable_pass();
                batch.parked.push(Parked {
                    source: Source::Gateway,
                    event: name,
                    channel_id,
                    reason,
                    payload,
                });
            }
            News::Permissions(_) | News::Unreadable { .. } | News::Other => {}
        }
        self.hand_over(batch, sequence, pass, heard.now).await
    }

    /// Hands the batch to the writer with the session's place behind it.
    async fn hand_over(
        &mut self,
        mut batch: Batch,
        sequence: u64,
        pass: Option<Pass>,
        now: DateTime<Utc>,
    ) -> Result<(), LiveError> {
        if let Some(session) = &mut self.session {
            // A replay after RESUME counts from below.
            session.sequence = session.sequence.max(sequence);
            if self.following == Following::Yes {
                session.heard_at = session.heard_at.max(now - OVERTAKING);
            }
            batch.sessions.push(session.clone());
        }
        let Some(pass) = pass else {
            return Ok(self.writer.send(batch).await?);
        };
        if pass == Pass::Catalog {
            self.call(|_| {});
        }
        // The history reads the session's marks from the record: they have to be there.
        self.writer.commit(batch).await?;
        // Without a history there is nobody to tell.
        let _ = self.passes.send(pass);
        Ok(())
    }

    /// Counts a call for a pass, in one step with what causes it and before anybody can see the
    /// sequence: history is not complete from here on.
    fn call(&self, change: impl FnOnce(&mut GatewayStatus)) {
        self.status.send_modify(|status| {
            change(&mut status.gateway);
            status.backfill.state = BackfillState::Running;
            status.backfill.calls += 1;
        });
    }

    /// Whether a channel is known to be none of those that are collected.
    fn is_elsewhere(&self, channel: Option<ChannelId>) -> bool {
        channel.is_some_and(|channel| self.scope.takes_channel(channel) == Some(false))
    }

    /// Notes a live message: below it, less what may overtake it, the session is complete.
    fn saw(&mut self, message: &Message) {
        if let Some(session) = &mut self.session {
            let complete = message.id.as_i64().saturating_sub(OVERTAKING_IDS);
            session.live_high = session.live_high.max(complete);
        }
        if self.newest.is_none_or(|(newest, _)| newest < message.id) {
            self.newest = Some((message.id, Instant::now()));
        }
    }

    /// The pass that something that could not be understood calls for: history may have it in a
    /// form that can be.
    fn unreadable_pass(&mut self) -> Option<Pass> {
        let is_due = self
            .unreadable_call
            .is_none_or(|last| last.elapsed() >= UNREADABLE_CALLS);
        if is_due {
            self.unreadable_call = Some(Instant::now());
        }
        is_due.then_some(Pass::Catalog)
    }

    /// Notes channels, and takes those that are collected into the batch. Answers whether one of
    /// them was unknown.
    fn learn(&self, guild_id: GuildId, channels: &[ChannelInfo], batch: &mut Batch) -> bool {
        let mut unknown = false;
        let visible = || channels.iter().filter(|channel| !channel.is_hidden());
        for channel in visible() {
            unknown |= self.scope.learn(guild_id, channel.id, channel.parent_id);
        }
        // Discord tells that there is a channel, and hides the rest. Of one that was seen before
        // more is known already.
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

    /// A channel that was made just now: nothing stood in it before, and all that comes is live.
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
            session_id: self
                .session
                .as_ref()
                .map(|session| session.session_id.as_str().into()),
            unreadable: Vec::new(),
        });
    }

    /// Whether a message is collected. A channel that nobody knows is looked up; if that fails the
    /// message is kept aside rather than lost.
    async fn takes(
        &self,
        guild: GuildId,
        channel: ChannelId,
        message: &Message,
    ) -> Result<bool, LiveError> {
        if let Some(takes) = self.scope.takes(guild, channel) {
            return Ok(takes);
        }
        let mut place = Some(channel);
        // The channel, and if it is a thread its channel.
        for _ in 0..2 {
            let Some(id) = place else { break };
            let Ok(Ok(info)) = tokio::time::timeout(LOOK_UP, self.rest.channel(id)).await else {
                break;
            };
            self.scope.learn(guild, id, info.parent_id);
            place = info.parent_id;
        }
        if let Some(takes) = self.scope.takes(guild, channel) {
            return Ok(takes);
        }
        let whole = message.versions.current();
        let parked = Parked {
            source: Source::Gateway,
            event: "MESSAGE".to_owned(),
            channel_id: Some(channel),
            reason: "its channel could not be looked up".to_owned(),
            payload: whole.map_or_else(
                || format!("{:?}", message.patch),
                |version| version.raw.to_string(),
            ),
        };
        let batch = Batch {
            parked: vec![parked],
            ..Batch::default()
        };
        self.writer.send(batch).await?;
        Ok(false)
    }

    async fn park_frame(&mut self, text: &str, reason: String) -> Result<(), LiveError> {
        warn!(
            reason,
            "a frame could not be understood; it is kept as it came"
        );
        let name = "frame".to_owned();
        let heard = self.heard();
        let mut batch = Batch::default();
        doubt(&mut batch, &name, None, None, heard);
        batch.parked.push(Parked {
            source: Source::Gateway,
            event: name,
            channel_id: None,
            reason,
            payload: text.to_owned(),
        });
        let sequence = self.session.as_ref().map_or(0, |session| session.sequence);
        let pass = self.unreadable_pass();
        self.hand_over(batch, sequence, pass, heard.now).await
    }

    fn set_state(&self, state: GatewayState) {
        self.status
            .send_modify(|status| status.gateway.state = state);
    }
}
