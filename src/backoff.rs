//! The growing pauses between attempts that may take for ever: each is twice as long as the one before, up to a
//! longest one.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};

/// The pauses of one series of failures.
#[derive(Debug)]
pub(crate) struct Pauses {
    first: Duration,
    longest: Duration,
    delays: ExponentialBackoff,
}

impl Pauses {
    pub(crate) fn new(first: Duration, longest: Duration) -> Self {
        let delays = ExponentialBuilder::default()
            .with_min_delay(first)
            .with_max_delay(longest)
            .without_max_times()
            .build();
        Self {
            first,
            longest,
            delays,
        }
    }

    /// The pause after one more failure.
    pub(crate) fn next(&mut self) -> Duration {
        self.delays.next().unwrap_or(self.longest)
    }

    /// Records a success: the next pause is the first one again.
    pub(crate) fn reset(&mut self) {
        *self = Self::new(self.first, self.longest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_to_the_longest_and_begin_anew_after_a_success() {
        let mut pauses = Pauses::new(Duration::from_secs(10), Duration::from_secs(300));
        let taken: Vec<u64> = (0..8).map(|_| pauses.next().as_secs()).collect();
        assert_eq!(taken, [10, 20, 40, 80, 160, 300, 300, 300]);
        pauses.reset();
        assert_eq!(pauses.next(), Duration::from_secs(10));
    }
}
