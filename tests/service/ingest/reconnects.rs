//! A Gateway that accepts connections and ends them at once is not hammered: the pause between
//! connections grows until a session was followed for a minute.
//!
//! `make reconnects` has the real binary meet each way for a minute (`GUILDLAKE_RECONNECTS`, in
//! seconds), and prints what came of it.

use std::process::Stdio;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use guildlake::discord::gateway::ReconnectSettings;
use guildlake::status::{BackfillState, GatewayState, Status};
use simulator::{Community, Config, Happening, Simulator};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

use super::flapping::{Flapping, WAYS, Way};
use crate::GUILDLAKE;
use testkit::program::KEY;
use testkit::world::World;

/// A pause that no test waits for.
const NEVER: Duration = Duration::from_secs(3600);

#[tokio::test(flavor = "multi_thread")]
async fn after_each_way_to_end_a_connection_there_is_a_pause_that_a_stop_ends() {
    for (seed, way) in (900..).zip(WAYS) {
        println!("{way:?}");
        let mut world = World::new(seed, 200).await;
        world.reconnect = ReconnectSettings {
            min_pause: NEVER,
            max_pause: NEVER,
            ..ReconnectSettings::default()
        };
        let discord = Flapping::start(&world.simulator, way).await;
        let mut settings = world.settings();
        settings.discord.as_mut().unwrap().api_url = discord.api_url().parse().unwrap();
        let mut running = world.start_with(settings).await;
        let status = running
            .until(|status| status.gateway.last_end.is_some())
            .await;
        let is_a_session = matches!(way, Way::ReadyThenClose | Way::ResumedThenClose);
        if is_a_session {
            // Nothing waits for the next connection: history is read and committed meanwhile.
            let status = running
                .until(|status| status.backfill.state == BackfillState::Complete)
                .await;
            assert!(status.revision > 0);
            assert_eq!(status.gateway.state, GatewayState::Connecting);
        }
        let end = status.gateway.last_end.unwrap();
        assert_eq!(status.gateway.attempts, 1, "{way:?}");
        let (close_code, http_status, cause) = match way {
            Way::Close4000 | Way::ReadyThenClose | Way::ResumedThenClose => {
                (Some(4000), None, "with code 4000 (Unknown error.)")
            }
            Way::DroppedAfterUpgrade => (None, None, "ended without a close frame"),
            Way::DroppedBeforeUpgrade => (None, None, "could be established: "),
            Way::ReconnectBeforeReady => (None, None, "op 7"),
            Way::CloseWithoutCode => (None, None, "without a code"),
            Way::InvalidSession => (None, None, "op 9"),
            Way::HttpRefusal => (None, Some(502), "HTTP status 502"),
            Way::Silence | Way::NoSession | Way::NoResumeAddress => unreachable!(),
        };
        assert_eq!(end.close_code, close_code, "{way:?}");
        assert_eq!(end.http_status, http_status, "{way:?}");
        assert!(end.cause.contains(cause), "{way:?}: {}", end.cause);
        running.stop().await;
        assert_eq!(discord.attempts(), 1, "{way:?}");
        if !matches!(way, Way::DroppedBeforeUpgrade | Way::HttpRefusal) {
            let agent = discord.agent().unwrap();
            assert!(agent.starts_with("DiscordBot ("), "{agent}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn once_the_gateway_is_good_again_it_is_followed_and_nothing_is_missing() {
    // Discord, and so this one, lets a session begin every five seconds: all of them wait together.
    join_all((920..).zip(WAYS).map(|(seed, way)| recovers(seed, way))).await;
}

async fn recovers(seed: u64, way: Way) {
    let world = World::young(seed, Config::quick()).await;
    let discord = Flapping::start(&world.simulator, way).await;
    let mut settings = world.settings();
    settings.discord.as_mut().unwrap().api_url = discord.api_url().parse().unwrap();
    let mut running = world.start_with(settings).await;
    running.until(|status| status.gateway.attempts >= 3).await;
    let mut observer = world.simulator.observe();
    discord.be_good();
    observer.identified().await.unwrap();
    world.burst(100, seed);
    world.finish(running).await;
    println!("{way:?}");
    world.assert_equals_truth_but_for_the_unknowable();
}

/// A connection that is up and leads to nothing is given up like one that is closed.
#[tokio::test(flavor = "multi_thread")]
async fn who_says_nothing_is_not_waited_for_for_ever() {
    for (seed, way, cause) in [
        (930, Way::Silence, "no Hello"),
        (931, Way::NoSession, "neither started, resumed nor refused"),
        (
            932,
            Way::NoResumeAddress,
            "no address at all could be established",
        ),
    ] {
        let mut world = World::young(seed, Config::quick()).await;
        world.reconnect.hello_within = Duration::from_millis(200);
        world.reconnect.session_within = Duration::from_millis(200);
        let discord = Flapping::start(&world.simulator, way).await;
        let mut settings = world.settings();
        settings.discord.as_mut().unwrap().api_url = discord.api_url().parse().unwrap();
        let mut running = world.start_with(settings).await;
        let is_said = |status: &Status| {
            let end = status.gateway.last_end.as_ref();
            end.is_some_and(|end| end.cause.contains(cause))
        };
        running.until(is_said).await;
        discord.be_good();
        world.finish(running).await;
        world.assert_equals_truth_but_for_the_unknowable();
    }
}

/// What came of a minute.
struct Told {
    way: Way,
    attempts: u64,
    lines: usize,
    again: Duration,
    said: Vec<String>,
}

#[tokio::test(flavor = "multi_thread")]
async fn a_minute_of_each_way() {
    let Some(seconds) = std::env::var("GUILDLAKE_RECONNECTS").ok() else {
        println!("`make reconnects` runs this");
        return;
    };
    let lasts = Duration::from_secs(seconds.parse().unwrap());
    let told = join_all((940..).zip(WAYS).map(|(seed, way)| meet(seed, way, lasts))).await;
    println!(
        "{:<24}{:>10}{:>12}{:>18}",
        "way", "attempts", "log lines", "followed again"
    );
    for told in &told {
        let Told {
            way,
            attempts,
            lines,
            again,
            ..
        } = told;
        let way = format!("{way:?}");
        println!(
            "{way:<24}{attempts:>10}{lines:>12}{:>16.1} s",
            again.as_secs_f64()
        );
    }
    for told in &told {
        println!("\n{:?}\n{}", told.way, told.said.join("\n"));
    }
    for told in told {
        assert!(told.attempts <= 12, "{:?}: {}", told.way, told.attempts);
    }
}

/// The real binary against one way for so long, and then against a good Gateway.
async fn meet(seed: u64, way: Way, lasts: Duration) -> Told {
    let config = Config::quick().with_community(Community {
        messages: 200,
        ..Community::small(seed)
    });
    let simulator = Simulator::start(config).await.unwrap();
    let discord = Flapping::start(&simulator, way).await;
    let folder = tempfile::tempdir().unwrap();
    let guilds: Vec<_> = simulator
        .guilds()
        .iter()
        .map(|guild| guild.id.to_string())
        .collect();
    let program = std::env::var_os("GUILDLAKE_PROGRAM");
    let mut child = Command::new(program.unwrap_or(GUILDLAKE.path().into()))
        .arg("serve")
        .current_dir(folder.path())
        .env_clear()
        .env("BIND", "127.0.0.1:0")
        .env("API_KEY", KEY)
        .env("DISCORD_BOT_TOKEN", simulator.token())
        .env("DISCORD_GUILD_ID", guilds.join(","))
        .env("DISCORD_API_URL", discord.api_url())
        .env("RUST_LOG", "info")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let mut said = Vec::new();
    // A line of the log that names Discord, or the session: what a pass of history says is its own.
    let mut listen = async |said: &mut Vec<String>| {
        while let Ok(Some(line)) = lines.next_line().await {
            if line.contains("Discord") {
                said.push(line);
            }
        }
    };
    let _ = tokio::time::timeout(lasts, listen(&mut said)).await;
    let attempts = discord.attempts();
    let lines = said.len();
    let mut observer = simulator.observe();
    discord.be_good();
    let since = Instant::now();
    let followed =
        observer.until(|it| matches!(it, Happening::Identified { .. } | Happening::Resumed { .. }));
    tokio::select! {
        () = listen(&mut said) => panic!("{way:?}: it ended:\n{}", said.join("\n")),
        happening = followed => assert!(happening.is_some()),
        () = tokio::time::sleep(NEVER) => unreachable!(),
    }
    let again = since.elapsed();
    child.kill().await.unwrap();
    Told {
        way,
        attempts,
        lines,
        again,
        said,
    }
}
