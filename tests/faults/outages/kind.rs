//! The kinds of outage.

use rand::RngExt;
use rand::rngs::StdRng;

/// What happens to the service and its session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// Stopped (SIGTERM), and started again when the session is gone.
    Stopped,
    /// Killed (SIGKILL), and started again when the session is gone.
    Killed,
    /// It runs; the socket is lost and the session with it, and REST answers nothing but 503.
    SocketLost,
    /// It runs, and Discord can't be reached at all until the session is gone.
    Unreachable,
    /// Stopped, and started again in time.
    StoppedInTime,
    /// Killed, and started again in time.
    KilledInTime,
    /// It runs, and Discord can be reached again in time.
    UnreachableInTime,
}

impl Kind {
    const LOST: [Self; 4] = [
        Self::Stopped,
        Self::Killed,
        Self::SocketLost,
        Self::Unreachable,
    ];
    const IN_TIME: [Self; 3] = [
        Self::StoppedInTime,
        Self::KilledInTime,
        Self::UnreachableInTime,
    ];

    /// The first four differ, so that a short run meets each sort; the rest is drawn.
    pub(crate) fn draw(number: usize, dice: &mut StdRng) -> Self {
        match number {
            0 => Self::Stopped,
            1 => Self::IN_TIME[dice.random_range(0..3)],
            2 => Self::Killed,
            3 => Self::LOST[dice.random_range(2..4)],
            _ if dice.random_bool(0.75) => Self::LOST[dice.random_range(0..4)],
            _ => Self::IN_TIME[dice.random_range(0..3)],
        }
    }

    /// Whether the session is lost.
    pub(crate) fn loses_session(self) -> bool {
        Self::LOST.contains(&self)
    }

    /// Whether the process goes on.
    pub(crate) fn keeps_running(self) -> bool {
        matches!(
            self,
            Self::SocketLost | Self::Unreachable | Self::UnreachableInTime
        )
    }
}
