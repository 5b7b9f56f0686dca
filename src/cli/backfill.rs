//! `guildlake backfill`: one pass of backfill over all collected channels, then the end. With `--verify` the
//! complete ranges are read again, to find missed edits and deletes.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use chrono::{DateTime, NaiveDate, Utc};
use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

use crate::config::{DiscordSettings, Source, StorageSettings};
use crate::discord::rest::Rest;
use crate::guild::{Access, Doubt, KnownChannel};
use crate::ingest::{History, HistoryError, PassReport, Progress, Scope, Writer};
use crate::message::IdRange;
use crate::service::{self, OpenRecord};
use crate::store::Batch;

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// Read the already archived history again, to find edits and deletes that were missed.
    #[arg(long)]
    verify: bool,
    /// With --verify: only messages written since this day (UTC) or time.
    #[arg(long, requires = "verify", value_name = "TIME", value_parser = time)]
    from: Option<DateTime<Utc>>,
    /// With --verify: only messages written before this day (UTC) or time.
    #[arg(long, requires = "verify", value_name = "TIME", value_parser = time)]
    to: Option<DateTime<Utc>>,
}

/// Parses a day (UTC), or a time with an offset.
fn time(text: &str) -> Result<DateTime<Utc>, &'static str> {
    let midnight = |day: NaiveDate| day.and_time(chrono::NaiveTime::MIN).and_utc();
    let day = text.parse().map(midnight);
    day.or_else(|_| DateTime::parse_from_rfc3339(text).map(|time| time.to_utc()))
        .map_err(|_| "must be a day such as 2026-01-31 or a time such as 2026-01-31T12:00:00Z")
}

pub(super) async fn run(
    arguments: &Arguments,
    source: &Source,
    stop: CancellationToken,
) -> anyhow::Result<ExitCode> {
    if let (Some(from), Some(to)) = (arguments.from, arguments.to) {
        anyhow::ensure!(from < to, "--from must be earlier than --to");
    }
    let storage = StorageSettings::read_alone(source)?;
    let discord = DiscordSettings::read_alone(source)?
        .context("DISCORD_BOT_TOKEN is not set; the backfill needs it to read the history")?;
    let rest = Rest::new(&discord.api_url, &discord.token, discord.rest.clone())?;
    service::ensure_message_content(&rest.application().await?)?;
    let OpenRecord {
        lock,
        record,
        reader,
        ..
    } = service::open_record(&storage).await?;
    let status = service::new_status();
    let (writer, handle) = Writer::start(record, status.clone(), rest.clock());
    let progress = tokio::spawn(Progress::new(status.subscribe()).show());
    let history = History {
        rest,
        reader: reader.clone(),
        writer: handle,
        scope: Arc::new(Scope::new(&discord.guilds, &discord.channels)),
        status: status.clone(),
        live: false,
        settle: discord.settle,
        second_look: discord.second_look,
        newest_gone: Mutex::default(),
    };
    let work = async {
        if arguments.verify {
            read_again(arguments, &history).await?;
        }
        history.pass().await
    };
    let result = tokio::select! {
        result = work => Some(result),
        () = stop.cancelled() => None,
    };
    // The writer ends when its last handle is dropped.
    drop(history);
    finish(writer, result.is_none()).await?;
    progress.abort();
    drop(lock);

    let read = status.borrow().backfill.messages;
    let Some(report) = result.transpose()? else {
        super::say(&format!(
            "stopped after {read} messages; all of them are stored, and the next run continues from there"
        ));
        return Ok(ExitCode::FAILURE);
    };
    super::say(&format!("{read} messages read"));
    say_what_is_missing(&report, &reader.channels().await?, discord.second_look);
    Ok(if report.is_complete() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Waits until everything that was read is on disk. After a stop the wait is bounded, because whoever stopped the
/// process waits for its end.
async fn finish(writer: Writer, is_stopped: bool) -> anyhow::Result<()> {
    let written = writer.finished();
    if is_stopped {
        let written = tokio::time::timeout(service::STOP_WITHIN, written).await;
        written.context(
            "the messages that were read last could not be written in time; the next run reads them again",
        )?
    } else {
        written.await
    }
    .context("the database writer failed")
}

/// Says what could not be read, and what to do about it.
fn say_what_is_missing(report: &PassReport, channels: &[KnownChannel], second_look: Duration) {
    for known in channels {
        if !matches!(known.access, Access::Readable | Access::Unknown) {
            let detail = known
                .access_detail
                .as_ref()
                .map(|detail| format!(" ({detail})"));
            super::say(&format!(
                "  not readable: {} #{}: {}{}",
                known.channel.id,
                known.channel.name,
                known.access.as_str(),
                detail.unwrap_or_default()
            ));
        }
    }
    for guild in &report.unread_guilds {
        super::say(&format!(
            "  guild {guild} can't be read; check that the bot is a member of it"
        ));
    }
    for channel in &report.suspected {
        super::say(&format!(
            "  channel {channel} is not known to Discord any more; a run later than SECOND_LOOK ({second_look:?}) looks for it again before its messages count as deleted"
        ));
    }
    for channel in &report.missing_channels {
        super::say(&format!(
            "  channel {channel} of DISCORD_CHANNEL_IDS is not in a guild that the bot can read"
        ));
    }
    for channel in &report.refused_lists {
        super::say(&format!(
            "  not readable: Discord refuses the archived threads of {channel}; their messages may be missing"
        ));
    }
    for guild in &report.partly_listed {
        super::say(&format!(
            "  guild {guild}: Discord lists channels or threads that can't be parsed; their messages are missing"
        ));
    }
    for channel in &report.incomplete {
        super::say(&format!(
            "  channel {channel} still has gaps (requests to Discord failed or got invalid responses; see the log, and run the backfill again)"
        ));
    }
}

/// Stores in the database which ranges `--verify` has to read again, so that an interrupted run continues.
async fn read_again(arguments: &Arguments, history: &History) -> Result<(), HistoryError> {
    let range = IdRange::between(arguments.from, arguments.to);
    let channels = history.reader.coverage().await?.into_keys();
    let doubts: Vec<_> = channels
        .map(|channel_id| Doubt {
            channel_id,
            range,
            stale_since: None,
        })
        .collect();
    super::say(&format!("reading {} channels again", doubts.len()));
    let batch = Batch {
        doubts,
        ..Batch::default()
    };
    history.writer.commit(batch).await?;
    Ok(())
}
