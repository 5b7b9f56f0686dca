//! SIGKILL at any moment: what was acknowledged is in the record, the file opens, the session is
//! resumed, and at the end the record equals the truth.

use rand::RngExt;

use crate::plan::{Plan, TRAFFIC, Times, rounds};
use crate::record::Ledger;
use crate::service::Service;
use crate::truth;

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_at_any_moment_loses_nothing_that_was_acknowledged() {
    let mut plan = Plan::new("kill", rounds("GUILDLAKE_CRASH_ROUNDS", 6), 4000).await;
    let mut ledger = Ledger::default();
    let mut times = Times::default();
    let mut failed_starts = Vec::new();
    let (mut not_ready, mut not_complete, mut not_resumed) = (0, 0, 0);
    let traffic = plan.simulator.traffic(TRAFFIC);
    for round in 0..plan.rounds {
        let before = plan.simulator.counters();
        let mut service = Service::start(plan.folder.path(), &plan.simulator);
        // The first round brings a session into the record; `birth` kills before that.
        let is_early = round > 0 && plan.dice.random_bool(0.2);
        let how = if is_early {
            let moment = plan.moment(1, 150);
            tokio::time::sleep(moment).await;
            format!("{moment:?} after its start")
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
                }
            }
            let moment = plan.moment(10, 1500);
            tokio::time::sleep(moment).await;
            format!("{moment:?} after it was ready")
        };
        let seen = service.kill().await;
        ledger.check(&plan.data(), &plan.simulator, &seen);
        not_ready += usize::from(seen.ready.is_none());
        not_complete += usize::from(!seen.is_complete);
        let now = plan.simulator.counters();
        if round > 0 && now.identifies > before.identifies {
            not_resumed += 1;
            println!("VIOLATION: round {round}: a new session instead of a RESUME");
        }
        println!(
            "round {round}: killed {how}, acknowledged {}, {} events in the record",
            seen.sequence, ledger.stored
        );
    }
    drop(traffic);
    let wal = std::fs::metadata(plan.data().join("guildlake.duckdb.wal"));
    let identifies = plan.simulator.counters().identifies;
    println!(
        "kill: seed {}, {} kills ({not_ready} before it was ready, {not_complete} before history was complete), \
         {identifies} IDENTIFY, {} acknowledged events ({} stored), {} lost, {} duplicates, \
         {not_resumed} without RESUME, {} failed starts, ready: {times}, log {} kB",
        plan.seed,
        plan.rounds,
        ledger.acknowledged,
        ledger.stored,
        ledger.lost.len(),
        ledger.duplicates,
        failed_starts.len(),
        wal.map_or(0, |wal| wal.len() / 1000),
    );

    settle(&plan).await;
    truth::compare(&plan.simulator, &plan.database(), identifies > 1);
    println!("kill: the record equals the truth");
    assert_eq!(failed_starts, [0_usize; 0]);
    assert_eq!(ledger.violations, [""; 0]);
    assert_eq!(identifies, 1);
}

/// Starts it once more without traffic, waits until it has everything, and stops it.
pub(crate) async fn settle(plan: &Plan) {
    let mut service = Service::start(plan.folder.path(), &plan.simulator);
    let caught_up = service
        .until(|seen| seen.is_complete && seen.sequence >= plan.simulator.sequence())
        .await;
    caught_up.unwrap();
    let ended = service.terminate().await;
    assert_eq!(ended.code, Some(0), "{}", ended.said);
}
