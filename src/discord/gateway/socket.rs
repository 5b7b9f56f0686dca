//! The gateway protocol: the heartbeat, starting or resuming the session, and reconnecting.
//! Source: <https://discord.com/developers/docs/events/gateway>

use std::future::pending;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at, sleep_until};
use tokio_websockets::Connector;
use twilight_gateway_queue::{InMemoryQueue, Queue};
use twilight_model::gateway::payload::outgoing::identify::{IdentifyInfo, IdentifyProperties};
use twilight_model::gateway::payload::outgoing::{Heartbeat, Identify, Resume};
use twilight_model::gateway::{Capabilities, OpCode, ShardId};

use super::connection::Connection;
use super::end::Cause;
use super::pause::{Pauses, ReconnectSettings};
use super::{GatewayError, INTENTS, RESERVE, fatal_close, sessions_left};
use crate::discord::frame::Frame;
use crate::discord::rest::GatewayInfo;
use crate::guild::SessionMark;

/// How long to look for an answer that may have arrived already, before a connection counts as dead.
const LAST_LOOK: Duration = Duration::from_secs(1);

/// The number of members above which Discord shortens a guild's member list, which is not used here.
const LARGE_THRESHOLD: u64 = 50;

/// An event of the gateway client.
#[derive(Debug)]
pub enum SocketEvent {
    /// A frame: a dispatch, the answer to a heartbeat, or an unknown one.
    Frame(String),
    /// The session was followed for a minute, so the connection counts as stable.
    Holds,
    /// The connection ended or could not be established. The next one follows after a pause.
    Ended(Ended),
}

/// The end of a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// Why the connection ended.
    pub cause: Cause,
    /// The number of connections in a row that ended before they were stable.
    pub attempts: u32,
    /// The pause before the next connection.
    pub pause: Duration,
}

/// A connection to Discord's gateway that is re-established whenever it ends.
pub struct Socket {
    token: SecretString,
    /// The URL that Discord's REST API returned, never a built-in one.
    address: String,
    tls: Option<Connector>,
    session: Option<Session>,
    /// Limits when a new session may start.
    queue: InMemoryQueue,
    settings: ReconnectSettings,
    pauses: Pauses,
    next_at: Instant,
    link: Option<Link>,
}

/// The data for resuming a session.
struct Session {
    id: String,
    /// The URL for resuming; dropped if it can't be reached.
    resume_address: Option<String>,
    sequence: u64,
}

/// A connection with its timers.
struct Link {
    connection: Connection,
    heartbeat: Option<Interval>,
    /// Whether nothing arrived since the last heartbeat.
    unanswered: bool,
    /// The permit to start a new session.
    permit: Option<oneshot::Receiver<()>>,
    /// Whether a session is being resumed.
    resuming: bool,
    /// The time by which something has to arrive, and the cause to report otherwise.
    deadline: Option<(Instant, Cause)>,
    /// When the connection counts as stable.
    holds_at: Option<Instant>,
    followed: bool,
}

impl Socket {
    /// A client that is not connected yet. It resumes `session`, if there is one, at the position that is
    /// stored in the database; otherwise it starts a new session as soon as Discord allows one.
    ///
    /// # Errors
    /// If the machine has no usable TLS certificates.
    pub fn new(
        token: &SecretString,
        info: &GatewayInfo,
        session: Option<&SessionMark>,
        settings: ReconnectSettings,
    ) -> Result<Self, GatewayError> {
        let limit = info.session_start_limit;
        let queue = InMemoryQueue::new(
            u16::try_from(limit.max_concurrency.max(1)).unwrap_or(u16::MAX),
            sessions_left(info),
            Duration::from_millis(limit.reset_after_ms),
            limit.total.max(limit.remaining) - limit.total / RESERVE,
        );
        Ok(Self {
            token: token.clone(),
            address: info.url.as_str().to_owned(),
            tls: connector(info)?,
            session: session.map(|mark| Session {
                id: mark.session_id.clone(),
                resume_address: Some(mark.resume_url.clone()),
                sequence: mark.sequence,
            }),
            queue,
            settings,
            pauses: Pauses::new(settings),
            next_at: Instant::now(),
            link: None,
        })
    }

    /// The next event. The future may be dropped and called again; while it is not polled, nothing is read and
    /// no heartbeat is sent.
    ///
    /// # Errors
    /// If Discord closed the connection with a code that a new attempt can't fix.
    pub async fn next(&mut self) -> Result<SocketEvent, GatewayError> {
        loop {
            let step = match &mut self.link {
                Some(_) => self.step().await,
                None => self.connect().await.map(|()| None),
            };
            match step {
                Ok(Some(event)) => return Ok(event),
                Ok(None) => {}
                Err(cause) => return self.end(cause).map(SocketEvent::Ended),
            }
        }
    }

    /// Closes the connection so that the session can be resumed.
    pub async fn close(mut self) {
        if let Some(link) = self.link.take() {
            link.connection.goodbye(true).await;
        }
    }

    fn end(&mut self, cause: Cause) -> Result<Ended, GatewayError> {
        let resumable = !matches!(
            cause,
            Cause::InvalidSession {
                resumable: false,
                ..
            }
        );
        if !resumable {
            self.session = None;
        }
        if let Some(link) = self.link.take() {
            // Nobody waits for the close frame of the other side.
            tokio::spawn(link.connection.goodbye(resumable));
        }
        if let Some(error) = cause.close_code().and_then(fatal_close) {
            return Err(error);
        }
        let (pause, attempts) = self.pauses.end(&cause);
        self.next_at = Instant::now() + pause;
        Ok(Ended {
            cause,
            attempts,
            pause,
        })
    }

    async fn connect(&mut self) -> Result<(), Cause> {
        sleep_until(self.next_at).await;
        let resume_address = self
            .session
            .as_ref()
            .and_then(|it| it.resume_address.clone());
        let address = resume_address.as_ref().unwrap_or(&self.address);
        let connection = match Connection::open(address, self.tls.as_ref()).await {
            Ok(connection) => connection,
            Err(cause) => {
                // The URL for resuming may not be reachable any more; the first URL always works.
                if let Some(session) = &mut self.session {
                    session.resume_address = None;
                }
                return Err(cause);
            }
        };
        self.link = Some(Link {
            connection,
            heartbeat: None,
            unanswered: false,
            permit: None,
            resuming: self.session.is_some(),
            deadline: Some((Instant::now() + self.settings.hello_within, Cause::NoHello)),
            holds_at: None,
            followed: false,
        });
        Ok(())
    }

    /// Waits for the next frame or timer of the connection.
    async fn step(&mut self) -> Result<Option<SocketEvent>, Cause> {
        let Some(link) = &mut self.link else {
            return Ok(None);
        };
        // Frames that have arrived are read before a deadline counts as missed.
        tokio::select! {
            biased;
            () = tick(&mut link.heartbeat) => self.beat().await,
            is_given = wait(&mut link.permit) => {
                link.permit = None;
                if is_given {
                    self.identify().await?;
                } else {
                    link.permit = Some(self.queue.enqueue(ShardId::ONE.number()));
                }
                Ok(None)
            }
            () = until(link.holds_at) => {
                link.holds_at = None;
                self.pauses.hold();
                Ok(Some(SocketEvent::Holds))
            }
            text = link.connection.next() => self.take(text?).await,
            () = until(link.deadline.as_ref().map(|(at, _)| *at)) => {
                let late = link.deadline.take().map(|(_, cause)| cause);
                Err(late.unwrap_or(Cause::NoSession))
            }
        }
    }

    /// Sends the heartbeat that is due. If nothing arrived since the last one, the connection is dead.
    async fn beat(&mut self) -> Result<Option<SocketEvent>, Cause> {
        let mut event = None;
        if let Some(link) = &mut self.link
            && link.unanswered
        {
            // The client may not have been polled for a while, so frames may have arrived already.
            let next = tokio::time::timeout(LAST_LOOK, link.connection.next()).await;
            let text = next.map_err(|_| Cause::HeartbeatUnanswered)??;
            event = self.take(text).await?;
        }
        if let Some(link) = &mut self.link {
            link.unanswered = true;
        }
        self.send_heartbeat().await?;
        Ok(event)
    }

    async fn send_heartbeat(&mut self) -> Result<(), Cause> {
        let sequence = self.session.as_ref().map(|session| session.sequence);
        self.say(&Heartbeat::new(sequence)).await
    }

    async fn say(&mut self, payload: &impl Serialize) -> Result<(), Cause> {
        let text = serde_json::to_string(payload).expect("JSON can be written");
        match &mut self.link {
            Some(link) => link.connection.send(text).await,
            None => Ok(()),
        }
    }

    async fn identify(&mut self) -> Result<(), Cause> {
        let identify = Identify::new(IdentifyInfo {
            capabilities: Capabilities::empty(),
            compress: false,
            intents: INTENTS,
            large_threshold: LARGE_THRESHOLD,
            presence: None,
            properties: IdentifyProperties::new("guildlake", "guildlake", std::env::consts::OS),
            shard: Some(ShardId::ONE),
            token: self.token.expose_secret().to_owned(),
        });
        self.await_session();
        self.say(&identify).await
    }

    fn await_session(&mut self) {
        if let Some(link) = &mut self.link {
            link.deadline = Some((
                Instant::now() + self.settings.session_within,
                Cause::NoSession,
            ));
        }
    }

    /// Handles the frames of the protocol itself; dispatches are passed on.
    async fn take(&mut self, text: String) -> Result<Option<SocketEvent>, Cause> {
        let Some(link) = &mut self.link else {
            return Ok(None);
        };
        link.unanswered = false;
        let Ok(frame) = serde_json::from_str::<Frame<'_>>(&text) else {
            return Ok(Some(SocketEvent::Frame(text)));
        };
        match frame.op() {
            Some(OpCode::Dispatch) => self.dispatch(&frame),
            Some(OpCode::Heartbeat) => {
                self.send_heartbeat().await?;
                return Ok(None);
            }
            Some(OpCode::Reconnect) => return Err(Cause::Reconnect),
            Some(OpCode::InvalidSession) => {
                return Err(Cause::InvalidSession {
                    resumable: frame.read().unwrap_or(false),
                    resuming: link.resuming || link.followed,
                });
            }
            Some(OpCode::Hello) => {
                let hello: Hello = frame.read().ok_or_else(|| {
                    Cause::Garbled("Hello (op 10) without a heartbeat interval".to_owned())
                })?;
                self.hello(hello).await?;
                return Ok(None);
            }
            _ => {}
        }
        Ok(Some(SocketEvent::Frame(text)))
    }

    fn dispatch(&mut self, frame: &Frame<'_>) {
        let Some(link) = &mut self.link else { return };
        match frame.name.as_deref() {
            Some(name @ ("READY" | "RESUMED")) => {
                if name == "READY" {
                    // Without an id the session can't be resumed.
                    self.session = frame.read().map(|ready: Ready| Session {
                        id: ready.session_id,
                        resume_address: Some(ready.resume_gateway_url),
                        sequence: 0,
                    });
                }
                link.deadline = None;
                link.followed = true;
                link.holds_at = Some(Instant::now() + self.settings.holds_after);
            }
            _ if link.deadline.is_some() => self.await_session(),
            _ => {}
        }
        if let (Some(session), Some(sequence)) = (&mut self.session, frame.sequence) {
            session.sequence = sequence;
        }
    }

    async fn hello(&mut self, hello: Hello) -> Result<(), Cause> {
        let Some(link) = &mut self.link else {
            return Ok(());
        };
        let every = Duration::from_millis(hello.heartbeat_interval.max(1));
        // The first heartbeat is sent after a random delay, so that not all bots send it at the same moment.
        let first = every.mul_f64(fastrand::f64());
        let mut heartbeat = interval_at(Instant::now() + first, every);
        heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        link.heartbeat = Some(heartbeat);
        link.deadline = None;
        let Some(session) = &self.session else {
            link.permit = Some(self.queue.enqueue(ShardId::ONE.number()));
            return Ok(());
        };
        let token = self.token.expose_secret();
        let resume = Resume::new(session.sequence, session.id.as_str(), token);
        self.await_session();
        self.say(&resume).await
    }
}

/// The TLS configuration, if the URL needs one.
pub(super) fn connector(info: &GatewayInfo) -> Result<Option<Connector>, GatewayError> {
    if info.url.scheme() != "wss" {
        return Ok(None);
    }
    let made = Connector::new().map_err(|error| GatewayError::Tls(error.to_string()))?;
    Ok(Some(made))
}

#[derive(Deserialize)]
struct Hello {
    heartbeat_interval: u64,
}

#[derive(Deserialize)]
struct Ready {
    session_id: String,
    resume_gateway_url: String,
}

async fn tick(interval: &mut Option<Interval>) {
    match interval {
        Some(interval) => {
            interval.tick().await;
        }
        None => pending().await,
    }
}

/// Whether the permit was granted; otherwise it has to be requested again.
async fn wait(permit: &mut Option<oneshot::Receiver<()>>) -> bool {
    match permit {
        Some(permit) => permit.await.is_ok(),
        None => pending().await,
    }
}

async fn until(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at).await,
        None => pending().await,
    }
}
