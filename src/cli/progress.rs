//! Progress bars by messages, on a terminal only.

use std::io::IsTerminal;

use indicatif::{ProgressBar, ProgressStyle};

use crate::status::{Status, StatusReceiver};

/// Shows what `progress` says of each status: how many messages of how many are done; none when there is nothing to
/// show.
pub(super) async fn show(
    what: &'static str,
    mut status: StatusReceiver,
    progress: impl Fn(&Status) -> Option<(u64, u64)>,
) {
    if !std::io::stderr().is_terminal() {
        return;
    }
    let style = ProgressStyle::with_template(
        "{prefix} {wide_bar} {pos} of {len} messages [{elapsed}, {eta} left]",
    );
    let bar = ProgressBar::new(0).with_prefix(what);
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    while status.changed().await.is_ok() {
        if let Some((done, total)) = progress(&status.borrow_and_update()) {
            bar.set_length(total);
            bar.set_position(done);
        } else {
            bar.finish_and_clear();
        }
    }
}
