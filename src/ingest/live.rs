//! The live side: frames of the socket, in order, each turned into a batch and handed to the
//! writer together with the session's place, so that both become durable in one transaction.
//! What happens to the session is told to the history, which fills what the socket did not bring.

mod asked;
mod connection;
mod guilds;
mod news;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use self::connection::ConnectionLines;
use self::guilds::Guilds;
use super::doubt::{UnreadableCalls, doubt};
use super::history::Pass;
use super::rights::Rights;
use super::scope::Scope;
use super::writer::{WriterClosed, WriterHandle};
use crate::clock::Clock;
use crate::config::Reactions;
use crate::discord::dispatch::{Heard, Received, read_frame};
use crate::discord::gateway::{GatewayError, Socket, SocketEvent};
use crate::discord::rest::Rest;
use crate::message::{GuildId, Message, MessageId, Source, UserId, snowflake_time};
use crate::status::{BackfillState, GatewayState, GatewayStatus, StatusSender};
use crate::store::{Batch, Parked, SessionMark};

/// How far behind the newest id a session is trusted to be complete: dispatches of different
/// channels can overtake each other by seconds. What is inside is read again, which costs a request.
const OVERTAKING: TimeDelta = TimeDelta::seconds(60);

/// The same as a difference of ids.
const OVERTAKING_IDS: i64 = OVERTAKING.num_milliseconds() << 22;

/// A frame that takes longer than this to hand over has held up those behind it.
const HELD_UP: Duration = Duration::from_secs(5);

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
    scope: Arc<Scope>,
    /// To look up channels that nobody knows.
    rest: Rest,
    writer: WriterHandle,
    status: StatusSender,
    /// Where the history hears of sessions.
    passes: mpsc::UnboundedSender<Pass>,
    session: Option<SessionMark>,
    clock: Clock,
    /// The guilds that a new session has still to tell of.
    awaited: HashSet<GuildId>,
    /// The newest id of the session, and when it came.
    newest: Option<(MessageId, Instant)>,
    following: Following,
    /// When the session began.
    ready_at: Option<Instant>,
    /// Since when guilds are away.
    away: HashMap<GuildId, DateTime<Utc>>,
    /// Where the guilds are that are collected.
    guilds: Guilds,
    rights: Rights,
    /// The bot itself, once that is known.
    me: Option<UserId>,
    /// When the clock was last found to be right, against an id ahead of it.
    clock_was_right: Option<Instant>,
    unreadable: UnreadableCalls,
    /// Whether who reacted, and when, is kept.
    keeps_reactors: bool,
    lines: ConnectionLines,
}

/// How the live side stands to what Discord says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Following {
    /// There is no session, or it is replaying what was missed.
    No,
    /// What comes may have waited here, because the record could not take it. Ends with the answer
    /// to a heartbeat that was sent since.
    HeldUp,
    /// What comes has just happened.
    Yes,
}

impl Live {
    /// For what `scope` collects: batches go to `writer`, and calls for passes to `passes`. With a
    /// session that is to be resumed, if there is one.
    #[must_use]
    pub fn new(
        scope: Arc<Scope>,
        rest: Rest,
        writer: WriterHandle,
        status: StatusSender,
        passes: mpsc::UnboundedSender<Pass>,
        session: Option<SessionMark>,
        reactions: Reactions,
    ) -> Self {
        Self {
            clock: rest.clock(),
            scope,
            rest,
            writer,
            status,
            passes,
            session,
            awaited: HashSet::new(),
            newest: None,
            following: Following::No,
            ready_at: None,
            away: HashMap::new(),
            guilds: Guilds::default(),
            rights: Rights::default(),
            me: None,
            clock_was_right: None,
            unreadable: UnreadableCalls::default(),
            keeps_reactors: reactions == Reactions::Full,
            lines: ConnectionLines::default(),
        }
    }

    /// Follows the socket until `stop`, then commits what was taken and closes it so that the
    /// session can be resumed.
    ///
    /// # Errors
    /// If Discord closes the socket for good, or the record can't be written.
    pub async fn run(
        mut self,
        mut socket: Socket,
        stop: CancellationToken,
    ) -> Result<(), LiveError> {
        self.set_state(GatewayState::Connecting);
        loop {
            let event = tokio::select! {
                biased;
                () = stop.cancelled() => break,
                event = socket.next() => event?,
            };
            match event {
                SocketEvent::Frame(text) => {
                    let began = Instant::now();
                    self.frame(&text).await?;
                    if began.elapsed() > HELD_UP && self.following == Following::Yes {
                        self.following = Following::HeldUp;
                    }
                }
                SocketEvent::Holds => self.connection_holds(),
                SocketEvent::Ended(ended) => self.connection_ended(&ended),
            }
        }
        // Everything taken is on disk before Discord hears goodbye.
        self.writer.commit(Batch::default()).await?;
        self.set_state(GatewayState::Off);
        socket.close().await;
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
        let session = self.session.as_ref();
        let until = session.map_or(now, |it| it.heard_at);
        Heard {
            after: until.min(now),
            now,
            observed_at: self.clock.stamp(),
            taken: session.map(|it| (it.sequence, snowflake_time(it.live_low))),
        }
    }

    /// Discord answered a heartbeat: what happened until now has come, less what may be overtaken,
    /// also where nobody wrote. Measured by the steady clock from the newest id, which is Discord's
    /// own time.
    async fn heartbeat(&mut self, now: DateTime<Utc>) -> Result<(), LiveError> {
        self.miss_guilds();
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
        if let Some((id, came)) = self.newest {
            let since = i64::try_from(came.elapsed().as_millis()).unwrap_or(0) << 22;
            let complete = id.as_i64().saturating_add(since) - OVERTAKING_IDS;
            session.live_high = session.live_high.max(complete);
        }
        let sequence = session.sequence;
        let pass = self.unreadable.due();
        self.hand_over(Batch::default(), sequence, pass, now).await
    }

    /// Hands the batch to the writer with the session's place behind it.
    async fn hand_over(
        &mut self,
        mut batch: Batch,
        sequence: u64,
        pass: Option<Pass>,
        now: DateTime<Utc>,
    ) -> Result<(), LiveError> {
        // What was refused there may be allowed now.
        for place in batch.interrupted.iter().map(|it| it.place) {
            let scope = &self.scope;
            self.rest
                .ask_again(|refused| scope.is_within(refused, place));
        }
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

    async fn park_frame(&mut self, text: &str, reason: String) -> Result<(), LiveError> {
        warn!(
            reason,
            "a gateway frame could not be parsed; its payload is kept as a dead letter"
        );
        let heard = self.heard();
        let mut batch = Batch::default();
        let parked = Parked {
            source: Source::Gateway,
            event: "frame".to_owned(),
            channel_id: None,
            reason,
            payload: text.to_owned(),
        };
        let pass = self.keep_unreadable(&mut batch, parked, None, heard);
        let sequence = self.session.as_ref().map_or(0, |session| session.sequence);
        self.hand_over(batch, sequence, pass, heard.now).await
    }

    /// Keeps what could not be understood as it came, with what that makes doubtful. Answers the
    /// pass that it calls for, if one is due.
    fn keep_unreadable(
        &mut self,
        batch: &mut Batch,
        parked: Parked,
        message: Option<MessageId>,
        heard: Heard,
    ) -> Option<Pass> {
        // It may have been of rights.
        self.rights = Rights::default();
        doubt(batch, &parked.event, parked.channel_id, message, heard);
        batch.parked.push(parked);
        self.unreadable.ask();
        self.unreadable.due()
    }

    fn set_state(&self, state: GatewayState) {
        self.status
            .send_modify(|status| status.gateway.state = state);
    }
}
