//! The simulator as a program.
//! It prints where it listens and what lives in it, then lives until it is interrupted.

use std::io::Write as _;
use std::net::SocketAddr;
use std::process::ExitCode;

use clap::Parser;
use simulator::{Community, Config, Limits, Simulator};

/// A Discord that runs on this machine: REST and gateway over real sockets, with faults to order.
#[derive(Debug, Parser)]
#[command(
    name = "discord-simulator",
    version,
    after_help = "Example:\n  discord-simulator --bind 127.0.0.1:9000 --messages 50000 --channels 30 --threads 10 --traffic 5\n\n\
                  REST listens on the given port, the gateway on the next, the gateway for RESUME on the one after,\n\
                  the control routes on the one after that:\n  \
                  curl -X POST 127.0.0.1:9003/control/faults -d '{\"gateway\":{\"fault\":\"reconnect\"}}'\n  \
                  curl -X POST 127.0.0.1:9003/control/faults -d '{\"rest\":{\"path\":\"/channels/*/messages*\",\"times\":3,\"kind\":{\"fault\":\"server_error\",\"status\":502}}}'\n  \
                  curl 127.0.0.1:9003/control/truth\n\n\
                  DISCORD_BOT_TOKEN, if set, is the token it accepts; otherwise a fixed one that it prints."
)]
struct Arguments {
    /// Where to listen; with port 0 every listener takes a free port.
    #[arg(long, default_value = "127.0.0.1:0")]
    bind: SocketAddr,
    /// The seed of everything random.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many messages of history.
    #[arg(long, default_value_t = 5_000)]
    messages: usize,
    /// How many channels over all guilds.
    #[arg(long, default_value_t = 24)]
    channels: usize,
    /// How many threads over all guilds.
    #[arg(long, default_value_t = 16)]
    threads: usize,
    /// How many guilds.
    #[arg(long, default_value_t = 2)]
    guilds: usize,
    /// How many days of history.
    #[arg(long, default_value_t = 90)]
    days: u32,
    /// How many things happen a second.
    #[arg(long, default_value_t = 0.0)]
    traffic: f64,
    /// Enforce no rate limits.
    #[arg(long)]
    no_limits: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nothing is left to be done when even this cannot be said.
            let _ = writeln!(std::io::stderr(), "discord-simulator: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(asked: Arguments) -> Result<(), Box<dyn std::error::Error>> {
    let mut config = Config {
        bind: asked.bind,
        ..Config::default()
    };
    config.community = Community {
        seed: asked.seed,
        guilds: asked.guilds,
        channels: asked.channels,
        threads: asked.threads,
        messages: asked.messages,
        days: asked.days,
        ..Community::default()
    };
    if asked.no_limits {
        config.limits = Limits::off();
    }
    // From the environment only: a flag would show in the list of processes.
    let token = std::env::var("DISCORD_BOT_TOKEN")
        .ok()
        .filter(|token| !token.is_empty());
    let own_token = token.is_some();
    config.token = token.unwrap_or(config.token);
    let simulator = Simulator::start(config).await?;
    introduce(&simulator, own_token)?;
    let _traffic = (asked.traffic > 0.0).then(|| simulator.traffic(asked.traffic));
    tokio::signal::ctrl_c().await?;
    simulator.stop().await;
    Ok(())
}

/// Lines that can be put into an `.env`; a token that was given is not repeated.
fn introduce(simulator: &Simulator, own_token: bool) -> std::io::Result<()> {
    let guilds: Vec<String> = simulator
        .guilds()
        .iter()
        .map(|guild| guild.id.to_string())
        .collect();
    let mut out = std::io::stdout().lock();
    writeln!(out, "DISCORD_API_URL={}", simulator.api_url())?;
    if own_token {
        writeln!(out, "# DISCORD_BOT_TOKEN is the one that was given")?;
    } else {
        writeln!(out, "DISCORD_BOT_TOKEN={}", simulator.token())?;
    }
    writeln!(out, "DISCORD_GUILD_ID={}", guilds.join(","))?;
    writeln!(
        out,
        "# gateway {}, for RESUME {}",
        simulator.gateway_url(),
        simulator.resume_gateway_url()
    )?;
    writeln!(out, "# control {}/control/", simulator.control_url())?;
    out.flush()
}
