//! SIGTERM under traffic: a clean end in time, and the next start resumes.

use std::time::Duration;

use crate::GUILDLAKE;
use testkit::ledger::Ledger;
use testkit::plan::{Plan, TRAFFIC, Times, rounds};
use testkit::service::Service;
use testkit::truth::{self, Unknowable};

/// How long a stop may take: what orchestrators give before they kill.
const IN_TIME: Duration = Duration::from_secs(10);

#[tokio::test(flavor = "multi_thread")]
async fn a_sigterm_at_any_moment_ends_well_and_the_next_start_resumes() {
    let mut plan = Plan::new("terminate", rounds("GUILDLAKE_TERM_ROUNDS", 3), 2000).await;
    let (mut times, mut ends) = (Times::default(), Times::default());
    let traffic = plan.simulator.traffic(TRAFFIC);
    for round in 0..plan.rounds {
        let mut service = Service::start(GUILDLAKE, plan.folder.path(), &plan.simulator);
        times.push(service.ready().await.unwrap());
        if round > 0 {
            let seen = service.until(|seen| seen.has_resumed).await;
            seen.unwrap_or_else(|error| panic!("round {round}: no RESUME: {error}"));
        }
        tokio::time::sleep(plan.moment(10, 1000)).await;
        let ended = service.terminate().await;
        assert_eq!(ended.code, Some(0), "round {round}:\n{}", ended.said);
        assert!(ended.took < IN_TIME, "round {round}: {:?}", ended.took);
        ends.push(ended.took);
        assert!(
            !plan.data().join("guildlake.duckdb.wal").exists(),
            "round {round}: the log was not folded into the file:\n{}",
            ended.said
        );
    }
    drop(traffic);
    let mut ledger = Ledger::default();
    ledger.settle(GUILDLAKE, &plan).await;
    assert_eq!(ledger.violations, [""; 0]);
    let identifies = plan.simulator.counters().identifies;
    truth::compare(&plan.simulator, &plan.database(), Unknowable::LostPages);
    println!(
        "terminate: seed {}, {} stops, {identifies} IDENTIFY, stop: {ends}, ready: {times}; \
         the record equals the truth",
        plan.seed, plan.rounds
    );
    assert_eq!(identifies, 1);
}
