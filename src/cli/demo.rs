//! `guildlake demo`: the service with a generated community. The Discord simulator runs inside the process;
//! everything else, including the ingest, is the code that `serve` runs.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;
use chrono::TimeDelta;
use simulator::{Community, Config, Simulator};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::config::{
    AccessSettings, ApiSettings, DiscordSettings, Reactions, RowsSettings, SearchSettings,
    Settings, SnapshotSettings, Source, StorageSettings,
};
use crate::discord::gateway::ReconnectSettings;
use crate::discord::rest::RestSettings;
use crate::ingest::Progress;
use crate::message::GuildId;
use crate::service;
use crate::status::{BackfillState, StatusReceiver};

/// The community is small, so snapshots can be frequent, and users of the demo need not wait.
const SNAPSHOT_INTERVAL: TimeDelta = TimeDelta::seconds(15);

/// The files of old snapshots are deleted soon: at this pace, those of an hour would be many times the database.
const SNAPSHOT_GRACE: TimeDelta = TimeDelta::minutes(2);

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// Number of messages in the history.
    #[arg(long, default_value_t = 20_000)]
    messages: usize,
    /// New events per second while the demo runs.
    #[arg(long, default_value_t = 2.0)]
    traffic: f64,
    /// Seed of the generated community.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Port to listen on, instead of the port of BIND (127.0.0.1:8000).
    #[arg(long)]
    port: Option<u16>,
}

pub(super) async fn run(arguments: Arguments, stop: CancellationToken) -> anyhow::Result<ExitCode> {
    let mut bind = ApiSettings::read_bind(&Source::environment())?;
    if let Some(port) = arguments.port {
        bind.set_port(port);
    }
    let listener = TcpListener::bind(bind).await.with_context(|| {
        format!("the demo can't listen on {bind}; choose another port with --port")
    })?;
    let base = format!("http://{}", reachable(listener.local_addr()?));
    super::say(&format!(
        "guildlake demo: generating a community with {} messages (seed {}) ...",
        arguments.messages, arguments.seed
    ));
    let simulator = Simulator::start(Config::quick().with_community(Community {
        seed: arguments.seed,
        guilds: 3,
        channels: 30,
        threads: 24,
        messages: arguments.messages,
        ..Community::default()
    }))
    .await?;
    // The times and ids of the community belong to this run, so nothing is kept.
    let folder = tempfile::tempdir()?;
    let key = Uuid::new_v4().simple().to_string();
    let data = folder.path().join("data");
    let settings = settings(&simulator, &data, &key, &listener)?;
    let status = service::new_status();

    say_lines(&simulator, &base, &key, &data);
    let filled = tokio::spawn(say_when_filled(status.subscribe(), base));
    let progress = tokio::spawn(Progress::new(status.subscribe()).show());
    let traffic = simulator.traffic(arguments.traffic);
    service::run(settings, listener, status, stop).await?;
    drop(traffic);
    filled.abort();
    progress.abort();
    simulator.stop().await;
    Ok(ExitCode::SUCCESS)
}

/// The address under which this machine reaches the service: an unspecified address becomes the loopback address.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => address.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(ip) if ip.is_unspecified() => address.set_ip(Ipv6Addr::LOCALHOST.into()),
        _ => {}
    }
    address
}

fn settings(
    simulator: &Simulator,
    data: &Path,
    key: &str,
    listener: &TcpListener,
) -> anyhow::Result<Settings> {
    let guilds = simulator.guilds();
    let guilds: Result<Vec<GuildId>, _> = guilds.iter().map(|guild| guild.id.try_into()).collect();
    Ok(Settings {
        access: AccessSettings::default(),
        api: ApiSettings::new(listener.local_addr()?, key.into()),
        storage: StorageSettings::in_folder(data.to_owned()),
        snapshots: SnapshotSettings {
            interval: Some(SNAPSHOT_INTERVAL),
            grace: SNAPSHOT_GRACE,
            ..SnapshotSettings::default()
        },
        search: SearchSettings::default(),
        rows: RowsSettings::default(),
        discord: Some(DiscordSettings {
            token: simulator.token().into(),
            guilds: guilds?,
            channels: Vec::new(),
            api_url: simulator.api_url().parse()?,
            rest: RestSettings {
                // The simulator is not limited to Discord's request rate.
                requests_per_second: u16::MAX,
                ..RestSettings::default()
            },
            reactions: Reactions::Full,
            second_look: std::time::Duration::from_secs(60),
            ask_again: std::time::Duration::from_secs(40),
            reconnect: ReconnectSettings::default(),
            settle: std::time::Duration::ZERO,
        }),
    })
}

/// Prints commands to copy. A test runs each of them.
fn say_lines(simulator: &Simulator, base: &str, key: &str, data: &Path) {
    let channels = simulator.channels();
    let busiest = channels
        .iter()
        .filter(|channel| channel.visible && channel.history && channel.kind.has_messages())
        .max_by_key(|channel| channel.messages);
    let Some(channel) = busiest else { return };
    let url = format!(
        "{base}/v1/messages?guild_id={}&channel_id={}",
        channel.guild_id, channel.id
    );
    super::say(&format!(
        r#"
Copy and try these commands (the history is read within seconds):

  # a page of messages in #{name}, newest first
  curl -s -H 'x-api-key: {key}' '{url}&limit=3'

  # messages per day in DuckDB, over HTTP
  curl -s -H 'x-api-key: {key}' '{url}&limit=500' | duckdb -c "SELECT CAST(created_at AS DATE) AS day, count(*) AS messages FROM (SELECT unnest(data, recursive := true) FROM read_json('/dev/stdin')) GROUP BY ALL ORDER BY day DESC LIMIT 5"

  # messages per channel in DuckDB, from the Parquet snapshots (every {seconds} seconds; deleted when the demo ends)
  duckdb -init '{data}/init.sql' -c "SELECT name, count(*) AS messages FROM discord_messages JOIN discord_channels USING (channel_id) WHERE NOT deleted GROUP BY ALL ORDER BY messages DESC LIMIT 5"

  # a report as CSV: messages and authors per week
  curl -s -H 'x-api-key: {key}' '{base}/v1/reports/activity.csv?guild_id={guild}&unit=week'

  # a search: messages with links of the last year, with the number of hits per channel
  curl -s -H 'x-api-key: {key}' '{base}/v1/search?q=has:link+after:1y&facets=channel&limit=3'

  # the newest messages in pandas
  python3 -c "import json, urllib.request as u, pandas as pd; print(pd.DataFrame(json.load(u.urlopen(u.Request('{url}', headers={{'x-api-key': '{key}'}})))['data'])[['created_at', 'author_name', 'content']].head())"

  # the API documentation in a browser (the key: {key})
  {base}/docs

Ctrl-C ends the demo. To archive a real server, see README.md, "Your own server".
"#,
        name = channel.name,
        guild = channel.guild_id,
        data = data.display(),
        seconds = SNAPSHOT_INTERVAL.num_seconds(),
    ));
}

async fn say_when_filled(mut status: StatusReceiver, base: String) {
    let complete =
        |status: &crate::status::Status| status.backfill.state == BackfillState::Complete;
    let messages = match status.wait_for(complete).await {
        Ok(status) => status.backfill.messages,
        Err(_) => return,
    };
    super::say(&format!(
        "The history is complete: {messages} messages. New messages arrive while the demo runs; {base}/health shows the state."
    ));
}
