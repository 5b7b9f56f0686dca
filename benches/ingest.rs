//! How fast messages get from Discord's sockets into committed rows, beside what one would write
//! first: a plain loop of single-row inserts of the same payloads into the same DuckDB, each its
//! own commit. `make bench` runs it; figures are ratios of one run.
//!
//! `ARGS="-- --messages 50000 --events 5000 --rounds 5"` changes its size.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a bench may panic, and prints"
)]

use std::time::{Duration, Instant};

use clap::Parser;
use duckdb::{Connection, params};
use guildlake::config::{
    AccessSettings, ApiSettings, DiscordSettings, Reactions, RowsSettings, SearchSettings,
    Settings, SnapshotSettings, StorageSettings,
};
use guildlake::discord::gateway::ReconnectSettings;
use guildlake::discord::rest::RestSettings;
use guildlake::message::{GuildId, Message, Observed, Source};
use guildlake::service;
use guildlake::status::{BackfillState, Status, StatusReceiver};
use simulator::{Burst, Community, Config, Simulator};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

#[derive(Parser)]
struct Arguments {
    /// Messages of history.
    #[arg(long, default_value_t = 50_000)]
    messages: usize,
    /// Live events in one burst.
    #[arg(long, default_value_t = 5_000)]
    events: usize,
    /// How often; the median counts.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Rows of the plain loop, which is slow.
    #[arg(long, default_value_t = 1_000)]
    rows: usize,
    /// What cargo passes to every bench.
    #[arg(long, hide = true)]
    bench: bool,
}

/// Things per second, of each round.
#[derive(Default)]
struct Rates {
    backfill: Vec<f64>,
    burst: Vec<f64>,
    plain: Vec<f64>,
}

#[tokio::main]
async fn main() {
    let arguments = Arguments::parse();
    let mut rates = Rates::default();
    for round in 0..arguments.rounds {
        measure(&arguments, round as u64 + 1, &mut rates).await;
    }
    let plain = median(&mut rates.plain);
    let (backfill, burst) = (median(&mut rates.backfill), median(&mut rates.burst));
    println!(
        "{} messages of history, bursts of {} events, medians of {} rounds",
        arguments.messages, arguments.events, arguments.rounds
    );
    println!("| what | per second | ratio |\n|---|---|---|");
    println!("| plain loop: one row, one commit | {plain:.0} rows | 1 |");
    println!(
        "| backfill: REST page to committed row | {backfill:.0} rows | {:.1} |",
        backfill / plain
    );
    println!(
        "| live: socket to committed event | {burst:.0} events | {:.1} |",
        burst / plain
    );
}

async fn measure(arguments: &Arguments, seed: u64, rates: &mut Rates) {
    let config = Config::quick().with_community(Community {
        seed,
        guilds: 1,
        channels: 24,
        threads: 16,
        messages: arguments.messages,
        ..Community::default()
    });
    let simulator = Simulator::start(config).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let sender = service::new_status();
    let mut status = sender.subscribe();
    let stop = CancellationToken::new();
    let settings = settings(&simulator, folder.path());
    let began = Instant::now();
    let running = tokio::spawn(service::run(settings, listener, sender, stop.clone()));

    let read = until(&mut status, |status| {
        status.backfill.state == BackfillState::Complete
    })
    .await;
    rates
        .backfill
        .push(per_second(read.backfill.messages as usize, began.elapsed()));

    let before = simulator.sequence();
    let began = Instant::now();
    simulator.burst(Burst {
        events: arguments.events,
        seed,
        ..Burst::default()
    });
    let sent = simulator.sequence();
    until(&mut status, |status| status.gateway.sequence >= sent).await;
    rates
        .burst
        .push(per_second((sent - before) as usize, began.elapsed()));

    stop.cancel();
    running.await.unwrap().unwrap();
    rates
        .plain
        .push(plain_loop(&simulator, folder.path(), arguments.rows));
    simulator.stop().await;
}

/// The same payloads, read the same way, each inserted and committed by itself.
fn plain_loop(simulator: &Simulator, folder: &std::path::Path, rows: usize) -> f64 {
    let payloads: Vec<(u64, String)> = simulator
        .truth()
        .into_iter()
        .take(rows)
        .map(|truth| (truth.guild_id, truth.rest))
        .collect();
    let connection = Connection::open(folder.join("plain.duckdb")).unwrap();
    connection
        .execute_batch(
            "CREATE TABLE discord_messages (message_id BIGINT PRIMARY KEY, guild_id BIGINT, \
             channel_id BIGINT, author_id BIGINT, author_name VARCHAR, content VARCHAR, \
             created_at TIMESTAMPTZ, raw_json VARCHAR)",
        )
        .unwrap();
    let began = Instant::now();
    for (guild_id, payload) in &payloads {
        let guild_id: GuildId = (*guild_id).try_into().unwrap();
        let message = Message::read(
            guild_id,
            Source::Rest,
            Observed::asked(chrono::Utc::now()),
            payload,
        )
        .unwrap();
        let visible = message.shown().unwrap();
        connection
            .execute(
                "INSERT INTO discord_messages VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                params![
                    message.id.as_i64(),
                    message.guild_id.as_i64(),
                    message.channel_id.as_i64(),
                    visible.body.author_id.as_i64(),
                    visible.body.author_name,
                    visible.body.content,
                    message.id.created_at(),
                    payload,
                ],
            )
            .unwrap();
    }
    per_second(payloads.len(), began.elapsed())
}

fn settings(simulator: &Simulator, folder: &std::path::Path) -> Settings {
    let guilds = simulator.guilds();
    Settings {
        access: AccessSettings::default(),
        api: ApiSettings::new(
            ([127, 0, 0, 1], 0).into(),
            "a-key-for-benches-0123456789".into(),
        ),
        storage: StorageSettings::in_folder(folder.to_owned()),
        snapshots: SnapshotSettings {
            interval: None,
            ..SnapshotSettings::default()
        },
        rows: RowsSettings::default(),
        search: SearchSettings {
            is_on: false,
            ..SearchSettings::default()
        },
        discord: Some(DiscordSettings {
            ask_again: Duration::from_secs(40),
            reactions: Reactions::Counts,
            second_look: Duration::ZERO,
            token: simulator.token().into(),
            guilds: guilds
                .iter()
                .map(|guild| guild.id.try_into().unwrap())
                .collect(),
            channels: Vec::new(),
            api_url: simulator.api_url().parse().unwrap(),
            rest: RestSettings {
                requests_per_second: u16::MAX,
                ..RestSettings::default()
            },
            reconnect: ReconnectSettings::default(),
            settle: Duration::ZERO,
        }),
    }
}

async fn until(status: &mut StatusReceiver, condition: impl FnMut(&Status) -> bool) -> Status {
    status.wait_for(condition).await.unwrap().clone()
}

fn per_second(count: usize, time: Duration) -> f64 {
    count as f64 / time.as_secs_f64()
}

fn median(rates: &mut [f64]) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates[rates.len() / 2]
}
