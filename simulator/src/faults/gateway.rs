//! What can go wrong on the socket.
//! Each fault is one thing that Discord or the network has been seen to do.

use serde::{Deserialize, Serialize};

/// Something that goes wrong on the socket.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "fault", rename_all = "snake_case")]
pub enum GatewayFault {
    /// op 7: reconnect and resume.
    Reconnect {
        /// Whether the simulator closes the connection after it.
        #[serde(default)]
        close: bool,
    },
    /// op 9. When it is not resumable, the session is gone.
    InvalidSession {
        /// Whether the client may resume.
        #[serde(default)]
        resumable: bool,
    },
    /// Close the connection with a code, or with a close frame that has none.
    Close {
        /// The close code.
        #[serde(default)]
        code: Option<u16>,
    },
    /// Reset the TCP connection.
    Reset,
    /// Half-open: nothing is sent or acknowledged any more, and the connection stays.
    Silence,
    /// Heartbeats are not acknowledged, on any connection, until the faults are cleared.
    DropHeartbeatAcks,
    /// Gateway connections are refused (connections that are there stay).
    Refuse {
        /// For so many seconds; without it until [`GatewayFault::Accept`] or until the faults are cleared.
        #[serde(default)]
        seconds: Option<f64>,
    },
    /// Gateway connections are accepted again.
    Accept,
    /// The next so many RESUMEs get the whole replay twice.
    DuplicateReplay {
        /// How many RESUMEs.
        #[serde(default = "one")]
        times: u32,
    },
    /// At the next so many RESUMEs the last replayed event is sent once more after RESUMED.
    RepeatAfterResumed {
        /// How many RESUMEs.
        #[serde(default = "one")]
        times: u32,
    },
    /// A frame with an op that Discord does not have.
    UnknownOp,
    /// A dispatch with a `t` that Discord does not have.
    UnknownEvent,
    /// A MESSAGE_CREATE whose `d` is valid JSON and not a message.
    MalformedEvent,
    /// A frame that is not JSON.
    NotJson,
    /// Dispatches are kept back, in order.
    Delay {
        /// For so many milliseconds; without it until [`GatewayFault::Release`] or until the faults are cleared.
        #[serde(default)]
        ms: Option<u64>,
    },
    /// What was kept back is sent.
    Release,
    /// The next so many whole messages are each sent after the next event of another channel.
    Reorder {
        /// How many messages.
        #[serde(default = "one")]
        times: u32,
    },
    /// No session can be resumed any more: the next RESUME gets op 9 false.
    ExpireSessions,
    /// The server sends op 1 and wants a heartbeat at once.
    RequestHeartbeat,
    /// IDENTIFYs without a shard are closed with 4011 until the faults are cleared.
    RequireSharding,
}

fn one() -> u32 {
    1
}

/// Gateway faults that wait for their moment.
#[derive(Debug, Default)]
pub(crate) struct Standing {
    pub(crate) drop_acks: bool,
    pub(crate) sharding_required: bool,
    pub(crate) duplicate_replay: u32,
    pub(crate) repeat_after_resumed: u32,
}

impl Standing {
    pub(crate) fn take_duplicate_replay(&mut self) -> bool {
        take(&mut self.duplicate_replay)
    }

    pub(crate) fn take_repeat_after_resumed(&mut self) -> bool {
        take(&mut self.repeat_after_resumed)
    }
}

fn take(times: &mut u32) -> bool {
    let had = *times > 0;
    *times = times.saturating_sub(1);
    had
}
