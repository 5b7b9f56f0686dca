//! Rate limits for log lines that can repeat: the first line is written, then one from time to time with the
//! number of omitted lines, so that a bad hour does not fill the disk.

use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

/// The default time between two lines of one kind.
const LINE_EVERY: Duration = Duration::from_secs(10);

/// Lets a line through from time to time, and counts the others.
#[derive(Debug)]
pub(crate) struct LogLines {
    every: Duration,
    last: Mutex<(Option<Instant>, u64)>,
}

impl Default for LogLines {
    fn default() -> Self {
        Self::every(LINE_EVERY)
    }
}

impl LogLines {
    /// At most one line in this time.
    pub(crate) fn every(every: Duration) -> Self {
        Self {
            every,
            last: Mutex::default(),
        }
    }

    /// The number of lines that were omitted before this one; `None` if this one is to be omitted.
    pub(crate) fn pass(&self, now: Instant) -> Option<u64> {
        let mut state = self.last.lock();
        let (last, left_out) = &mut *state;
        if last.is_some_and(|last| now.duration_since(last) < self.every) {
            *left_out += 1;
            return None;
        }
        *last = Some(now);
        Some(std::mem::take(left_out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_in_ten_seconds() {
        let lines = LogLines::default();
        let start = Instant::now();
        assert_eq!(lines.pass(start), Some(0));
        assert_eq!(lines.pass(start), None);
        assert_eq!(lines.pass(start + LINE_EVERY / 2), None);
        assert_eq!(lines.pass(start + LINE_EVERY), Some(2));
        assert_eq!(lines.pass(start + LINE_EVERY), None);
    }
}
