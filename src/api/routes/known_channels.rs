//! The channels of the record, read a moment ago: each request of a key that is limited to channels needs them all.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::guild::KnownChannel;
use crate::store::{Reader, StoreError};

/// How long the channels are taken for known. A channel that is moved out of a category is seen by the keys of that
/// category for so long.
const KNOWN_FOR: Duration = Duration::from_secs(1);

/// The channels, and when they were read.
#[derive(Default)]
pub(crate) struct KnownChannels(Mutex<Option<(Instant, Arc<Vec<KnownChannel>>)>>);

impl KnownChannels {
    pub(crate) async fn read(&self, reader: &Reader) -> Result<Arc<Vec<KnownChannel>>, StoreError> {
        let known = self.0.lock().clone();
        if let Some((at, channels)) = known
            && at.elapsed() < KNOWN_FOR
        {
            return Ok(channels);
        }
        let at = Instant::now();
        let channels = Arc::new(reader.channels().await?);
        *self.0.lock() = Some((at, Arc::clone(&channels)));
        Ok(channels)
    }
}
