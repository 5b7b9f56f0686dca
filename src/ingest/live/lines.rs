//! The lines of the log that would come with each attempt to connect: each kind once a minute at most.

use std::time::Duration;

use crate::log_lines::LogLines;

/// The minimum time between two lines of the same kind.
const LINE_EVERY: Duration = Duration::from_secs(60);

/// The kinds of lines about connections.
#[derive(Debug)]
pub(super) struct ConnectionLines {
    pub(super) ended: LogLines,
    pub(super) session_refused: LogLines,
    pub(super) session_begun: LogLines,
    pub(super) session_resumed: LogLines,
}

impl Default for ConnectionLines {
    fn default() -> Self {
        Self {
            ended: LogLines::every(LINE_EVERY),
            session_refused: LogLines::every(LINE_EVERY),
            session_begun: LogLines::every(LINE_EVERY),
            session_resumed: LogLines::every(LINE_EVERY),
        }
    }
}
