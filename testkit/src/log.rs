//! What is logged. A process has one subscriber, and what `tracing` finds disabled under one of them would be so under
//! the next; so all tests of a program share this one.

use std::cell::RefCell;
use std::io::Write;
use std::sync::Once;

use serde_json::Value;
use tracing_subscriber::filter::{LevelFilter, dynamic_filter_fn};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, fmt};

thread_local! {
    /// What was logged on this thread since [`Log::start`]; none before.
    static LOG: RefCell<Option<Vec<u8>>> = const { RefCell::new(None) };
}

/// Shows warnings beside what a test prints, so that they are seen if it fails.
pub fn show_warnings() {
    static SUBSCRIBER: Once = Once::new();
    SUBSCRIBER.call_once(|| {
        let is_kept = dynamic_filter_fn(|_, _| LOG.with_borrow(Option::is_some));
        let kept = fmt::layer().json().with_writer(|| Kept);
        let shown = fmt::layer().with_test_writer();
        tracing_subscriber::registry()
            .with(kept.with_filter(is_kept))
            .with(shown.with_filter(LevelFilter::WARN))
            .init();
    });
}

/// Everything that is logged on the thread of a test from its start on. A test and its tasks are on one thread, unless
/// its runtime has several.
#[derive(Debug)]
pub struct Log(());

impl Log {
    pub fn start() -> Self {
        show_warnings();
        LOG.set(Some(Vec::new()));
        Self(())
    }

    pub fn text(&self) -> String {
        LOG.with_borrow(|log| String::from_utf8(log.clone().unwrap_or_default()).unwrap())
    }

    /// The lines of our own.
    pub fn lines(&self) -> Vec<Value> {
        let text = self.text();
        let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
        let is_ours = |line: &Value| line["target"].as_str().unwrap().starts_with("guildlake");
        lines.filter(is_ours).collect()
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        LOG.set(None);
    }
}

/// Writes into the log of the thread.
struct Kept;

impl Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        LOG.with_borrow_mut(|log| {
            if let Some(log) = log {
                log.extend_from_slice(bytes);
            }
        });
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
