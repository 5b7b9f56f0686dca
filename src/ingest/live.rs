//! The live side: each frame of the gateway, in order, becomes a batch that the writer commits together with
//! the position in the session, so that both become durable in one transaction. Events of the session itself
//! are passed to the backfill, which fills what the gateway did not deliver.

mod asked;
mod connection;
mod guild_places;
mod guilds;
mod lines;
mod news;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use self::guild_places::Guilds;
use self::lines::ConnectionLines;
use super::doubt::{UnreadableCalls, doubt};
use super::pass_context::Pass;
use super::rights::Rights;
use super::scope::Scope;
use super::writer::{WriterClosed, WriterHandle};
use crate::clock::Clock;
use crate::config::Reactions;
use crate::discord::dispatch::read_frame;
use crate::discord::gateway::{GatewayError, Socket, SocketEvent};
use crate::discord::news::{Heard, Received};
use crate::discord::rest::Rest;
use crate::guild::SessionMark;
use crate::message::{GuildId, Message, MessageId, Source, UserId, snowflake_time};
use crate::status::{BackfillState, GatewayState, GatewayStatus, StatusSender};
use crate::store::{Batch, Parked};

/// How far behind its newest id a session is trusted to be complete, because dispatches of different channels
/// can overtake each other by seconds. Messages within this time are read again, which costs a request.
const OVERTAKING: TimeDelta = TimeDelta::seconds(60);

/// The same time as a difference of ids.
const OVERTAKING_IDS: i64 = OVERTAKING.num_milliseconds() << 22;

/// The time of a hand-over from which on the following frames count as delayed.
const HELD_UP: Duration = Duration::from_secs(5);

/// Why the live side ended.
#[derive(Debug, thiserror::Error)]
pub enum LiveError {
    /// The gateway can't be followed any more.
    #[error(transparent)]
    Gateway(#[from] GatewayError),
    /// The database can't be written.
    #[error(transparent)]
    Writer(#[from] WriterClosed),
}

/// Follows the gateway.
pub struct Live {
    scope: Arc<Scope>,
    /// Looks up unknown channels.
    rest: Rest,
    writer: WriterHandle,
    status: StatusSender,
    /// Receives the requests for passes.
    passes: mpsc::UnboundedSender<Pass>,
    session: Option<SessionMark>,
    clock: Clock,
    /// The guilds that a new session has announced but not sent yet.
    awaited: HashSet<GuildId>,
    /// The newest id of the session, and when it arrived.
    newest: Option<(MessageId, Instant)>,
    following: Following,
    /// When the session began.
    ready_at: Option<Instant>,
    /// Since when guilds are unavailable.
    away: HashMap<GuildId, DateTime<Utc>>,
    /// The availability of the archived guilds.
    guilds: Guilds,
    rights: Rights,
    /// The bot's own user, once it is known.
    me: Option<UserId>,
    /// When the clock was last verified against an id in the future.
    clock_was_right: Option<Instant>,
    unreadable: UnreadableCalls,
    /// Whether it is stored who reacted, and when.
    keeps_reactors: bool,
    lines: ConnectionLines,
}

/// How promptly events arrive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Following {
    /// There is no session, or it is replaying missed events.
    No,
    /// Events may have waited in this process because the database could not take them. It ends with the answer
    /// to a heartbeat that was sent since.
    HeldUp,
    /// Events arrive as they happen.
    Yes,
}

impl Live {
    /// Follows the gateway for the channels in `scope`: batches go to `writer`, and requests for passes to
    /// `passes`. A given session is resumed.
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

    /// Follows the gateway until `stop`, then commits everything that was received and closes the connection so
    /// that the session can be resumed.
    ///
    /// # Errors
    /// If Discord closes the connection for a reason that a new attempt can't fix, or if the database can't be
    /// written.
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
        // Everything that was received is on disk before the connection is closed.
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

    /// The time of this frame, and the earliest time of the event in it.
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

    /// Discord answered a heartbeat: everything until now has arrived, except for events that can be overtaken,
    /// even if nobody wrote. The time is measured with the monotonic clock from the newest id, which has
    /// Discord's own time.
    async fn heartbeat(&mut self, now: DateTime<Utc>) -> Result<(), LiveError> {
        self.miss_guilds();
        match self.following {
            Following::No => return Ok(()),
            // The answer can have waited in this process; the next one has not.
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

    /// Passes the batch to the writer, together with the position in the session.
    async fn hand_over(
        &mut self,
        mut batch: Batch,
        sequence: u64,
        pass: Option<Pass>,
        now: DateTime<Utc>,
    ) -> Result<(), LiveError> {
        // Requests that were refused there may be allowed now.
        for place in batch.interrupted.iter().map(|it| it.place) {
            let scope = &self.scope;
            self.rest
                .ask_again(|refused| scope.is_within(refused, place));
        }
        if let Some(session) = &mut self.session {
            // A replay after RESUME starts with lower numbers.
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
        // The backfill reads the position of the session from the database, so it must be committed.
        self.writer.commit(batch).await?;
        // Without a backfill nobody receives the request.
        let _ = self.passes.send(pass);
        Ok(())
    }

    /// Counts a request for a pass in the same step as its cause and before the sequence becomes visible: from
    /// here on the history is not complete.
    fn call(&self, change: impl FnOnce(&mut GatewayStatus)) {
        self.status.send_modify(|status| {
            change(&mut status.gateway);
            status.backfill.state = BackfillState::Running;
            status.backfill.calls += 1;
        });
    }

    /// Records a live message: up to its id, minus what can overtake it, the session is complete.
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

    /// Keeps the payload of an unparsable event as a dead letter and marks what it makes suspect. Returns the
    /// pass that it requests, if one is due.
    fn keep_unreadable(
        &mut self,
        batch: &mut Batch,
        parked: Parked,
        message: Option<MessageId>,
        heard: Heard,
    ) -> Option<Pass> {
        // The event may have changed permissions.
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
