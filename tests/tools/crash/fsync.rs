//! A killed process leaves the system's page cache behind, so a kill proves nothing about power
//! cuts. `strace` does: the log is synced before a commit is acknowledged.

use std::path::Path;
use std::time::Duration;

use tokio::process::Command;

use super::strace::{check, parse};
use crate::GUILDLAKE;
use testkit::plan::{Plan, TRAFFIC};
use testkit::service::Service;

/// How long it runs under traffic.
const RUN: Duration = Duration::from_secs(4);

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs strace: run `make test`"]
async fn the_log_is_synced_before_a_commit_is_acknowledged() {
    if let Err(reason) = try_strace().await {
        println!("fsync: skipped: {reason}");
        return;
    }
    let plan = Plan::new("fsync", 1, 600).await;
    let trace = plan.folder.path().join("trace");
    let mut command = GUILDLAKE.following(plan.folder.path(), &plan.simulator, &["serve"]);
    command
        .env("RUST_LOG", "guildlake::commit=debug")
        .env("SNAPSHOT_INTERVAL", "off")
        .env("REACTIONS", "full")
        .env("NO_COLOR", "1");
    let orders = [
        "-y",
        "-s",
        "400",
        "-e",
        "trace=pwrite64,write,fsync,fdatasync",
    ];
    let traced = under_strace(&command, &orders, &trace, plan.folder.path());
    let mut service = Service::spawn(traced);
    service.ready().await.unwrap();
    let traffic = plan.simulator.traffic(TRAFFIC);
    tokio::time::sleep(RUN).await;
    drop(traffic);
    let traced = child_of(service.pid());
    let ended = service.terminate_process(traced).await;
    assert_eq!(ended.code, Some(0), "{}", ended.said);

    let trace = std::fs::read_to_string(trace).unwrap();
    let proof = check(&parse(&trace));
    println!(
        "fsync: seed {}, {} commits synced before they were acknowledged, {} empty ones, {} violations",
        plan.seed,
        proof.synced,
        proof.empty,
        proof.violations.len()
    );
    assert_eq!(proof.violations, [""; 0]);
    assert!(proof.synced > 10, "too few commits to prove anything");
}

pub(crate) async fn try_strace() -> Result<(), String> {
    let tried = Command::new("strace")
        .args(["-f", "-e", "trace=none", "true"])
        .output()
        .await;
    match tried {
        Err(error) => Err(format!("strace can't be run: {error}")),
        Ok(output) if !output.status.success() => Err(format!(
            "strace may not trace: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        )),
        Ok(_) => Ok(()),
    }
}

/// The same command with strace around it, which writes into `trace`.
pub(crate) fn under_strace(
    command: &Command,
    orders: &[&str],
    trace: &Path,
    folder: &Path,
) -> Command {
    let mut strace = Command::new("strace");
    strace.args(["-f", "-o"]).arg(trace).args(orders);
    around(strace, command, folder)
}

/// A command that runs another one, with that one's environment.
pub(crate) fn around(mut outer: Command, inner: &Command, folder: &Path) -> Command {
    let inner = inner.as_std();
    outer
        .arg(inner.get_program())
        .args(inner.get_args())
        .current_dir(folder)
        .env_clear()
        .envs(
            inner
                .get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        )
        .stdin(std::process::Stdio::null())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .kill_on_drop(true);
    outer
}

/// The process that another one has started.
pub(crate) fn child_of(process: u32) -> u32 {
    let path = format!("/proc/{process}/task/{process}/children");
    let children = std::fs::read_to_string(path).unwrap();
    children.split_whitespace().next().unwrap().parse().unwrap()
}
