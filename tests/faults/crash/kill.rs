//! SIGKILL at any moment: what was acknowledged is in the record, the file opens, the session is
//! resumed, and at the end the record equals the truth.

use rand::RngExt;
use rand::rngs::StdRng;

use crate::GUILDLAKE;
use testkit::ledger::Ledger;
use testkit::plan::{Plan, TRAFFIC, Times, rounds};
use testkit::service::Service;
use testkit::truth::{self, Unknowable};

/// What a process is killed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum How {
    /// Before it is ready.
    Starting,
    Running,
    /// After SIGTERM: in the last commit, or in the checkpoint.
    Stopping,
}

impl How {
    fn roll(dice: &mut StdRng) -> Self {
        match dice.random_range(0..10) {
            0 | 1 => Self::Starting,
            2 => Self::Stopping,
            _ => Self::Running,
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_at_any_moment_loses_nothing_that_was_acknowledged() {
    let mut plan = Plan::new("kill", rounds("GUILDLAKE_CRASH_ROUNDS", 6), 4000).await;
    let mut ledger = Ledger::default();
    let mut times = Times::default();
    let mut failed_starts = Vec::new();
    let (mut not_ready, mut not_complete, mut not_resumed) = (0, 0, 0);
    for round in 0..plan.rounds {
        let before = plan.simulator.counters();
        // Not while the record is looked at: a restart that takes longer would bring the next one
        // more to take in, and so on.
        let traffic = plan.simulator.traffic(TRAFFIC);
        let mut service = Service::start(GUILDLAKE, plan.folder.path(), &plan.simulator);
        // The first round brings a session into the record; `birth` kills before that.
        let how = if round == 0 {
            How::Running
        } else {
            How::roll(&mut plan.dice)
        };
        let seen = if how == How::Starting {
            let half = u64::try_from(times.percentile(50).as_millis()).unwrap();
            tokio::time::sleep(plan.moment(1, half.max(2))).await;
            service.kill().await
        } else {
            let ready = match round {
                0 => service.until(|seen| seen.sequence > 0).await,
                _ => service.until(|seen| seen.ready.is_some()).await,
            };
            match ready {
                Ok(seen) => times.push(seen.ready.unwrap_or_default()),
                Err(error) => {
                    println!("VIOLATION: round {round}: it does not start: {error}");
                    failed_starts.push(round);
                    continue;
                }
            }
            tokio::time::sleep(plan.moment(10, 1500)).await;
            if how == How::Stopping {
                let after = plan.moment(0, 400);
                service.kill_in_stop(after).await
            } else {
                service.kill().await
            }
        };
        drop(traffic);
        ledger.check(&plan.data(), &plan.simulator, &seen);
        not_ready += usize::from(seen.ready.is_none());
        not_complete += usize::from(!seen.is_complete);
        let now = plan.simulator.counters();
        if round > 0 && now.identifies > before.identifies {
            not_resumed += 1;
            println!("VIOLATION: round {round}: a new session instead of a RESUME");
        }
        println!(
            "round {round}: killed while {how:?}, {} acknowledged, {} events and {} rows in the record, log {} kB, ready after {:?}",
            seen.sequence,
            ledger.stored,
            ledger.rows,
            log_size(&plan),
            seen.ready
        );
    }
    let identifies = plan.simulator.counters().identifies;
    println!(
        "kill: seed {}, {} kills ({not_ready} before it was ready, {not_complete} before history was complete), \
         {identifies} IDENTIFY, {} acknowledged events ({} stored), {} lost, {} duplicates, \
         {not_resumed} without RESUME, {} failed starts, ready: {times}, DuckDB opens it: {}, log {} kB",
        plan.seed,
        plan.rounds,
        ledger.acknowledged,
        ledger.stored,
        ledger.lost.len(),
        ledger.duplicates,
        failed_starts.len(),
        ledger.opened,
        log_size(&plan),
    );

    ledger.settle(GUILDLAKE, &plan).await;
    let unknowable = if identifies == 1 {
        Unknowable::LostPages
    } else {
        Unknowable::LostSession
    };
    truth::compare(&plan.simulator, &plan.database(), unknowable);
    println!("kill: the record equals the truth");
    assert_eq!(failed_starts, [0_usize; 0]);
    assert_eq!(ledger.violations, [""; 0]);
    assert_eq!(identifies, 1);
}

/// The size of the write-ahead log in kB: what the next start has to replay.
fn log_size(plan: &Plan) -> u64 {
    let log = std::fs::metadata(plan.data().join("guildlake.duckdb.wal"));
    log.map_or(0, |log| log.len() / 1000)
}
