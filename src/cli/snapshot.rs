//! `guildlake snapshot`: takes a snapshot now, while the service does not run. A running service takes snapshots
//! by itself, and locks the record for itself.

use std::io::IsTerminal;
use std::process::ExitCode;

use indicatif::{ProgressBar, ProgressStyle};
use tokio_util::sync::CancellationToken;

use crate::config::{ApiSettings, SnapshotSettings, Source, StorageSettings};
use crate::derived::snapshot::Follower;
use crate::service::{self, OpenRecord};
use crate::status::{SnapshotState, StatusReceiver};
use crate::store::StoreError;

pub(super) async fn run(source: &Source, stop: CancellationToken) -> anyhow::Result<ExitCode> {
    let storage = StorageSettings::read_alone(source)?;
    let settings = SnapshotSettings::read_alone(source)?;
    service::ensure_database(&storage)?;
    let opened = service::open_record(&storage).await;
    let opened = opened.map_err(|error| match error.downcast_ref() {
        Some(StoreError::Locked { .. }) => anyhow::anyhow!("{error}\n{}", ask_the_service(source)),
        _ => error,
    });
    let OpenRecord {
        lock,
        record,
        reader,
        snapshots,
        ..
    } = opened?;
    let status = service::new_status();
    let follower = Follower::new(reader, snapshots, settings.follower(), status.clone());
    let progress = tokio::spawn(show(status.subscribe()));
    let taken = follower.take(&stop).await;
    progress.abort();
    let folder = follower.snapshots().folder().to_owned();
    // The lock is released last, because the file is open until then.
    drop((follower, record, lock));
    match taken {
        Ok(snapshot) => {
            super::say(&format!(
                "took a snapshot of revision {}: {} files, {} of them new, in {}",
                snapshot.revision,
                snapshot.files,
                snapshot.written,
                folder.display()
            ));
            Ok(ExitCode::SUCCESS)
        }
        Err(_) if stop.is_cancelled() => {
            super::say(
                "stopped: the previous snapshot remains current, and this one was discarded",
            );
            Ok(ExitCode::FAILURE)
        }
        Err(error) => Err(error.into()),
    }
}

/// The advice if the running service has locked the data folder.
fn ask_the_service(source: &Source) -> String {
    let bind = ApiSettings::read_alone(source).map_or_else(
        |_| "127.0.0.1:8000".to_owned(),
        |settings| settings.bind.to_string(),
    );
    format!(
        "The running service takes the snapshots, every SNAPSHOT_INTERVAL. To request one now, run:\n  \
         curl -X POST -H \"x-api-key: $API_KEY\" http://{bind}/v1/snapshots"
    )
}

/// Shows a progress bar by rows, on a terminal only.
async fn show(mut status: StatusReceiver) {
    if !std::io::stderr().is_terminal() {
        return;
    }
    let style = ProgressStyle::with_template(
        "snapshot {wide_bar} {pos} of {len} messages, {msg} [{elapsed}, {eta} left]",
    );
    let bar = ProgressBar::new(0);
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    while status.changed().await.is_ok() {
        let snapshot = status.borrow_and_update().snapshot.clone();
        if snapshot.state == SnapshotState::Writing {
            bar.set_length(snapshot.rows_total);
            bar.set_position(snapshot.rows_done);
            bar.set_message(format!(
                "file {} of {}",
                snapshot.files_done, snapshot.files_total
            ));
        } else {
            bar.finish_and_clear();
        }
    }
}
