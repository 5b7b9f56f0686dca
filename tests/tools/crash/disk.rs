//! A disk that fails to sync, and one that is full: nothing that was acknowledged is lost. The first
//! ends the process, the second is waited out.

use std::path::Path;
use std::time::Duration;

use rand::RngExt;
use tokio::process::Command;

use super::fsync::{around, child_of, try_strace, under_strace};
use crate::GUILDLAKE;
use testkit::ledger::Ledger;
use testkit::plan::{Plan, TRAFFIC, rounds};
use testkit::service::{ASK_AGAIN, Service};
use testkit::truth::{self, Unknowable};

/// A disk of its own that forgets all at its end: it is made, filled but for a little, used by the
/// command behind, and copied.
const SMALL_DISK: &str = "mkdir -p data kept && mount -t tmpfs -o size=40m none data && \
    head -c 37000000 /dev/zero > data/filler && \"$@\"; code=$?; cp -a data/. kept/; exit $code";

/// How long things go on happening while the disk is full.
const FULL: Duration = Duration::from_secs(2);

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs strace: run `make test`"]
async fn a_sync_that_fails_ends_the_process_and_loses_nothing() {
    if let Err(reason) = try_strace().await {
        println!("sync error: skipped: {reason}");
        return;
    }
    let mut plan = Plan::new("sync error", rounds("GUILDLAKE_FAULT_ROUNDS", 1), 1500).await;
    let mut ledger = Ledger::default();
    for round in 0..plan.rounds {
        let traffic = plan.simulator.traffic(TRAFFIC);
        let nth = plan.dice.random_range(1..150);
        let fault = format!("inject=fsync,fdatasync:error=EIO:when={nth}");
        let mut command = GUILDLAKE.following(plan.folder.path(), &plan.simulator, &["serve"]);
        // A snapshot that can't be synced is tried again: only the record's syncs are to fail.
        command.env("SNAPSHOT_INTERVAL", "off");
        command.env("REACTIONS", "full");
        let orders = ["-e", "trace=fsync,fdatasync", "-e", &fault];
        let trace = plan.folder.path().join("trace");
        let command = under_strace(&command, &orders, &trace, plan.folder.path());
        let (seen, ended) = Service::spawn(command).end().await;
        drop(traffic);
        assert_eq!(ended.code, Some(1), "round {round}:\n{}", ended.said);
        // One of DuckDB's syncs, or that of the rollback journal.
        let reasons = [
            "fsync failed",
            "guildlake.duckdb.rollback: Input/output error",
        ];
        let is_told = reasons.iter().any(|reason| ended.said.contains(reason));
        assert!(is_told, "{}", ended.said);
        ledger.check(&plan.data(), &plan.simulator, &seen);
    }
    ledger.settle(GUILDLAKE, &plan).await;
    assert_eq!(ledger.violations, [""; 0]);
    let unknowable = match plan.simulator.counters().identifies {
        1 => Unknowable::LostPages,
        _ => Unknowable::LostSession,
    };
    truth::compare(&plan.simulator, &plan.database(), unknowable);
    println!(
        "sync error: seed {}, {} failed syncs, {} acknowledged events, {} lost, {} duplicates; \
         the record equals the truth",
        plan.seed,
        plan.rounds,
        ledger.acknowledged,
        ledger.lost.len(),
        ledger.duplicates
    );
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs unshare: run `make test`"]
async fn a_full_disk_is_waited_out() {
    let Some(unshare) = try_unshare().await else {
        println!("full disk: skipped: no file system may be mounted here");
        return;
    };
    for round in 0..rounds("GUILDLAKE_FAULT_ROUNDS", 1) {
        let plan = Plan::new("full disk", 1, 600).await;
        let folder = plan.folder.path();
        let mut disk = Command::new(unshare[0]);
        disk.args(&unshare[1..])
            .args(["sh", "-c", SMALL_DISK, "sh"]);
        let mut command = GUILDLAKE.following(folder, &plan.simulator, &["serve"]);
        command.env("ASK_AGAIN", ASK_AGAIN);
        let mut service = Service::spawn(around(disk, &command, folder));
        service.ready().await.unwrap();
        let traffic = plan.simulator.traffic(TRAFFIC);
        let full = service.until(|seen| seen.is_full).await.unwrap();
        tokio::time::sleep(FULL).await;
        let program = child_of(service.pid());
        remove_filler(program, folder);
        let back = service.until(|seen| !seen.is_full).await.unwrap();
        drop(traffic);
        let sequence = plan.simulator.sequence();
        let caught_up = service
            .until(|seen| seen.is_complete && seen.unsettled == 0 && seen.sequence >= sequence);
        let caught_up = caught_up.await.unwrap();
        let ended = service.terminate_process(program).await;
        assert_eq!(ended.code, Some(0), "{}", ended.said);
        let database = folder.join("kept/guildlake.duckdb");
        truth::compare(&plan.simulator, &database, Unknowable::Nothing);
        println!(
            "full disk: seed {}, round {round}: full at event {}, {} when there was room again, {} at the end; \
             the record equals the truth",
            plan.seed, full.sequence, back.sequence, caught_up.sequence
        );
    }
}

/// How a process gets mounts of its own here, if it can.
async fn try_unshare() -> Option<&'static [&'static str]> {
    let ways: [&[&str]; 2] = [
        &["unshare", "--user", "--map-root-user", "--mount"],
        &["unshare", "--mount"],
    ];
    for way in ways {
        let mut tried = Command::new(way[0]);
        tried
            .args(&way[1..])
            .args(["mount", "-t", "tmpfs", "none", "/mnt"]);
        if tried.output().await.is_ok_and(|it| it.status.success()) {
            return Some(way);
        }
    }
    None
}

/// Makes room on the disk that only this process sees.
fn remove_filler(process: u32, folder: &Path) {
    let root = format!("/proc/{process}/root");
    let filler = folder.join("data/filler");
    let filler = Path::new(&root).join(filler.strip_prefix("/").unwrap());
    std::fs::remove_file(filler).unwrap();
}
