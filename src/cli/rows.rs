//! `guildlake rows`: shows or rebuilds the row store while the service does not run. The running service maintains it
//! by itself, and `/health` shows its state.

use std::process::ExitCode;

use bytesize::ByteSize;
use clap::Subcommand;
use tokio_util::sync::CancellationToken;

use super::progress;
use crate::config::{RowsSettings, Source, StorageSettings};
use crate::derived::rows::{Follower, RowsSummary};
use crate::service::{self, OpenRecord};
use crate::status::RowsState;
use crate::store::DataLock;

#[derive(Subcommand, Clone, Copy)]
pub(super) enum Arguments {
    /// Show the state of the row store; only while the service does not run (it shows the state in /health).
    #[command(
        after_help = "The exit code is 1 if there is no finished row store or if it can't be read.\n\nExample:\n  guildlake rows status"
    )]
    Status,
    /// Rebuild the row store from the whole database; only while the service does not run.
    #[command(
        after_help = "`serve` rebuilds a damaged or missing row store by itself, and answers from the database \
                      meanwhile.\n\nExample:\n  guildlake rows rebuild"
    )]
    Rebuild,
}

pub(super) async fn run(
    arguments: Arguments,
    source: &Source,
    stop: CancellationToken,
) -> anyhow::Result<ExitCode> {
    let storage = StorageSettings::read_alone(source)?;
    let settings = RowsSettings::read_alone(source)?;
    match arguments {
        Arguments::Status => status(&storage, settings),
        Arguments::Rebuild => rebuild(&storage, settings, stop).await,
    }
}

fn status(storage: &StorageSettings, settings: RowsSettings) -> anyhow::Result<ExitCode> {
    // Whoever only asks makes no folder.
    let is_there = storage.data_dir.exists();
    let _lock = is_there
        .then(|| DataLock::acquire(&storage.data_dir))
        .transpose()?;
    let Some(rows) = RowsSummary::read(&storage.data_dir, settings.follower())? else {
        super::say("there is no row store; `serve` or `guildlake rows rebuild` builds it");
        return Ok(ExitCode::FAILURE);
    };
    let size = ByteSize::b(rows.bytes);
    let Some(mark) = rows.mark else {
        super::print(&format!(
            "state      unfinished; it is rebuilt\nsize       {size}"
        ))?;
        return Ok(ExitCode::FAILURE);
    };
    super::print(&format!(
        "state      up to revision {}\nsize       {size}\nversion    {:08x}\nrecord     {}",
        mark.revision, mark.form, mark.store_id
    ))?;
    Ok(ExitCode::SUCCESS)
}

async fn rebuild(
    storage: &StorageSettings,
    settings: RowsSettings,
    stop: CancellationToken,
) -> anyhow::Result<ExitCode> {
    service::ensure_database(storage)?;
    let OpenRecord {
        lock,
        record,
        reader,
        ..
    } = service::open_record(storage).await?;
    let status = service::new_status();
    let follower = Follower::new(
        reader,
        &storage.data_dir,
        settings.follower(),
        status.clone(),
    );
    follower.set_aside("a rebuild was requested").await?;
    let bar = tokio::spawn(progress::show("rows", status.subscribe(), |status| {
        let rows = &status.rows;
        (rows.state == RowsState::Building).then_some((rows.rows_done, rows.rows_total))
    }));
    let built = follower.catch_up_once(&stop).await;
    bar.abort();
    // The lock is released last, because the file is open until then.
    drop((follower, record, lock));
    match built {
        Ok(mark) => {
            let rows = status.borrow().rows.clone();
            super::say(&format!(
                "the row store contains {} messages up to revision {}",
                rows.rows_total, mark.revision
            ));
            Ok(ExitCode::SUCCESS)
        }
        Err(_) if stop.is_cancelled() => {
            super::say("stopped: the next run begins again");
            Ok(ExitCode::FAILURE)
        }
        Err(error) => Err(error.into()),
    }
}
