//! Why a connection to Discord's gateway ended or could not be established.

/// Why a connection ended, as shown in the log and in `/health`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Cause {
    /// Discord closed the connection with a code.
    #[error(
        "Discord closed the connection with code {code}{}",
        in_brackets(reason)
    )]
    Closed {
        /// The close code.
        code: u16,
        /// The reason that Discord sent.
        reason: String,
    },
    /// Discord closed the connection with a close frame without a code.
    #[error("Discord closed the connection without a code")]
    ClosedWithoutCode,
    /// The connection ended without a close frame.
    #[error("the connection ended without a close frame")]
    Dropped,
    /// The connection broke.
    #[error("the connection broke: {0}")]
    Broken(String),
    /// The upgrade to a WebSocket was refused.
    #[error("{address} refused the WebSocket with HTTP status {status}")]
    Refused {
        /// The address, without its query.
        address: String,
        /// The HTTP status.
        status: u16,
    },
    /// The connection could not be established.
    #[error("no connection to {address} could be established: {reason}")]
    Unreachable {
        /// The address, without its query.
        address: String,
        /// Why it could not be established.
        reason: String,
    },
    /// Discord asked the client to reconnect.
    #[error("Discord asked for a new connection (op 7)")]
    Reconnect,
    /// Discord does not know the session, or refused to start one.
    #[error("{}", invalid_session(*resumable, *resuming))]
    InvalidSession {
        /// Whether the session can still be resumed.
        resumable: bool,
        /// Whether a session was being resumed or followed; otherwise a new one was being started.
        resuming: bool,
    },
    /// The heartbeat was not answered.
    #[error("Discord did not answer a heartbeat")]
    HeartbeatUnanswered,
    /// The first frame did not arrive.
    #[error("the server accepted the connection and sent nothing (no Hello, op 10)")]
    NoHello,
    /// The session did not start.
    #[error("Discord neither started, resumed nor refused the gateway session in time")]
    NoSession,
    /// Discord violated the protocol.
    #[error("Discord sent something that violates the protocol: {0}")]
    Garbled(String),
}

impl Cause {
    /// The close code, if there is one.
    #[must_use]
    pub fn close_code(&self) -> Option<u16> {
        match self {
            Self::Closed { code, .. } => Some(*code),
            _ => None,
        }
    }

    /// The HTTP status of a refused handshake, if there is one.
    #[must_use]
    pub fn http_status(&self) -> Option<u16> {
        match self {
            Self::Refused { status, .. } => Some(*status),
            _ => None,
        }
    }

    /// Whether the session can't be resumed any more.
    #[must_use]
    pub fn ends_the_session(&self) -> bool {
        matches!(
            self,
            Self::InvalidSession {
                resumable: false,
                resuming: true
            }
        )
    }
}

fn in_brackets(reason: &str) -> String {
    if reason.is_empty() {
        String::new()
    } else {
        format!(" ({reason})")
    }
}

fn invalid_session(resumable: bool, resuming: bool) -> &'static str {
    match (resumable, resuming) {
        (false, true) => {
            "Discord refused to resume the gateway session (invalid session, op 9); a new session is started"
        }
        (true, true) => {
            "Discord interrupted the gateway session (invalid session, op 9); the session can be resumed"
        }
        (_, false) => "Discord refused to start a new gateway session (invalid session, op 9)",
    }
}
