//! What happens inside the simulator, told to whoever listens.
//! A test waits for a happening instead of sleeping and hoping.

use tokio::sync::broadcast;

/// Who ended a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// The client.
    Client,
    /// The simulator.
    Server,
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Happening {
    /// A gateway connection was accepted and Hello sent.
    Connected {
        /// The number of the connection, from 1.
        connection: u64,
        /// Whether it came to the resume URL.
        resume_url: bool,
    },
    /// An IDENTIFY was answered with READY.
    Identified {
        /// The new session.
        session: String,
        /// Its intents.
        intents: u64,
    },
    /// A RESUME was answered with RESUMED.
    Resumed {
        /// The session.
        session: String,
        /// How many dispatches were replayed.
        replayed: usize,
        /// Whether it came to the resume URL, as it should.
        resume_url: bool,
    },
    /// A session was refused: op 9 was sent.
    Invalidated {
        /// Whether the client may resume.
        resumable: bool,
    },
    /// A gateway connection ended.
    Closed {
        /// The number of the connection.
        connection: u64,
        /// The close code, if there was a close frame with one.
        code: Option<u16>,
        /// Who ended it.
        by: By,
    },
    /// A heartbeat came.
    Heartbeat {
        /// The sequence number it acknowledged.
        sequence: Option<u64>,
    },
    /// No heartbeat came in time; the connection is closed.
    HeartbeatMissed,
    /// A REST request was answered (or, without a status, left unanswered).
    Request {
        /// The method.
        method: String,
        /// The path with its query.
        path: String,
        /// The status answered.
        status: Option<u16>,
    },
    /// A fault was carried out.
    Fault(String),
}

/// A dispatch about messages, as a session has numbered it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dispatched {
    /// The session.
    pub session: String,
    /// Its number there.
    pub sequence: u64,
    /// MESSAGE_CREATE, MESSAGE_UPDATE, MESSAGE_DELETE, MESSAGE_DELETE_BULK, or the name of an event about reactions or
    /// votes.
    pub name: &'static str,
    /// Where the messages are or were.
    pub channel_id: u64,
    /// The messages it is about.
    pub ids: Vec<u64>,
    /// Whether it carries the whole message: partial updates, deletes, reactions and votes do not.
    pub whole: bool,
}

/// Receives happenings from the moment it was made.
#[derive(Debug)]
pub struct Observer(pub(crate) broadcast::Receiver<Happening>);

impl Observer {
    /// The next happening; `None` when the simulator is gone. What a slow reader missed is passed over.
    pub async fn next(&mut self) -> Option<Happening> {
        loop {
            match self.0.recv().await {
                Ok(happening) => return Some(happening),
                Err(broadcast::error::RecvError::Lagged(_)) => {}
                Err(broadcast::error::RecvError::Closed) => return None,
            }
        }
    }

    /// The next happening that `wanted` accepts.
    pub async fn until(&mut self, mut wanted: impl FnMut(&Happening) -> bool) -> Option<Happening> {
        loop {
            let happening = self.next().await?;
            if wanted(&happening) {
                return Some(happening);
            }
        }
    }

    /// Wait for READY.
    pub async fn identified(&mut self) -> Option<Happening> {
        self.until(|happening| matches!(happening, Happening::Identified { .. }))
            .await
    }

    /// Wait for RESUMED.
    pub async fn resumed(&mut self) -> Option<Happening> {
        self.until(|happening| matches!(happening, Happening::Resumed { .. }))
            .await
    }

    /// Wait for the end of a gateway connection.
    pub async fn closed(&mut self) -> Option<Happening> {
        self.until(|happening| matches!(happening, Happening::Closed { .. }))
            .await
    }
}
