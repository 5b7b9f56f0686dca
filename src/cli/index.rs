//! `guildlake index`: shows or rebuilds the full-text search index while the service does not run. The running
//! service maintains the index by itself.

use std::process::ExitCode;

use bytesize::ByteSize;
use clap::Subcommand;
use tokio_util::sync::CancellationToken;

use super::progress;
use crate::config::{SearchSettings, Source, StorageSettings};
use crate::derived::search::{Follower, IndexState};
use crate::service::{self, OpenRecord};
use crate::status::SearchState;

#[derive(Subcommand, Clone, Copy)]
pub(super) enum Arguments {
    /// Show the state of the index; also works while the service runs.
    #[command(
        after_help = "The exit code is 1 if there is no index or if it can't be read.\n\nExample:\n  guildlake index status"
    )]
    Status,
    /// Rebuild the index from the whole database; only while the service does not run.
    #[command(
        after_help = "An interrupted rebuild continues where it stopped. `serve` rebuilds a damaged or missing index by \
                      itself.\n\nExample:\n  guildlake index rebuild"
    )]
    Rebuild,
}

pub(super) async fn run(
    arguments: Arguments,
    source: &Source,
    stop: CancellationToken,
) -> anyhow::Result<ExitCode> {
    match arguments {
        Arguments::Status => status(source),
        Arguments::Rebuild => rebuild(source, stop).await,
    }
}

fn status(source: &Source) -> anyhow::Result<ExitCode> {
    let storage = StorageSettings::read_alone(source)?;
    let Some(state) = IndexState::read(&storage.data_dir)? else {
        super::say("there is no search index; `serve` or `guildlake index rebuild` builds it");
        return Ok(ExitCode::FAILURE);
    };
    let progress = match state.mark.filling {
        None => format!("up to revision {}", state.mark.whole_revision()),
        Some(_) => "being rebuilt; the search is not available yet".to_owned(),
    };
    super::print(&format!(
        "messages   {}\nstate      {progress}\nsegments   {}\nsize       {}\nversion    {}\nrecord     {}",
        state.documents,
        state.segments,
        ByteSize::b(state.bytes),
        state.mark.version,
        state.mark.store_id
    ))?;
    Ok(ExitCode::SUCCESS)
}

async fn rebuild(source: &Source, stop: CancellationToken) -> anyhow::Result<ExitCode> {
    let storage = StorageSettings::read_alone(source)?;
    let settings = SearchSettings::read_alone(source)?;
    service::ensure_database(&storage)?;
    let OpenRecord {
        lock,
        record,
        reader,
        search,
        ..
    } = service::open_record(&storage).await?;
    // An unfinished rebuild is continued.
    let is_unfinished = IndexState::read(&storage.data_dir)
        .ok()
        .flatten()
        .is_some_and(|state| state.mark.filling.is_some());
    if !is_unfinished {
        search.set_aside("a rebuild was requested")?;
    }
    let status = service::new_status();
    let follower = Follower::new(reader, search, settings.follower(), status.clone());
    let bar = tokio::spawn(progress::show("index", status.subscribe(), |status| {
        let search = &status.search;
        (search.state == SearchState::Building).then_some((search.rows_done, search.rows_total))
    }));
    let built = follower.catch_up_once(&stop).await;
    bar.abort();
    // The lock is released last, because the file is open until then.
    drop((follower, record, lock));
    match built {
        Ok(mark) => {
            let search = status.borrow().search.clone();
            super::say(&format!(
                "the search index contains {} messages up to revision {} in {}",
                search.documents,
                mark.whole_revision(),
                ByteSize::b(search.bytes)
            ));
            Ok(ExitCode::SUCCESS)
        }
        Err(_) if stop.is_cancelled() => {
            super::say("stopped: the next run continues from there");
            Ok(ExitCode::FAILURE)
        }
        Err(error) => Err(error.into()),
    }
}
