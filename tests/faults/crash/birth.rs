//! SIGKILL before the first session is in the record, with the file half made or empty.

use simulator::GatewayFault;

use crate::GUILDLAKE;
use testkit::ledger::{Found, Ledger};
use testkit::plan::{Plan, TRAFFIC, Times, rounds};
use testkit::service::Service;
use testkit::truth::{self, Unknowable};

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_before_the_first_session_is_stored_leaves_a_record_that_opens() {
    // Fewer: a record is born once.
    let rounds = rounds("GUILDLAKE_CRASH_ROUNDS", 30).div_ceil(10);
    let mut plan = Plan::new("birth", rounds, 600).await;
    let mut times = Times::default();
    let (mut no_record, mut no_session, mut sessions) = (0, 0, 0);
    let traffic = plan.simulator.traffic(TRAFFIC);
    for round in 0..rounds {
        plan.folder = tempfile::tempdir().unwrap();
        // Nobody comes for the session of the folder before.
        let expire = plan.simulator.faults();
        expire.gateway(GatewayFault::ExpireSessions).unwrap();
        let service = Service::start(GUILDLAKE, plan.folder.path(), &plan.simulator);
        tokio::time::sleep(plan.moment(1, 250)).await;
        let seen = service.kill().await;
        let found = Found::read(&plan.data()).unwrap();
        match &found {
            None => no_record += 1,
            Some(found) if found.has_session() => sessions += 1,
            Some(_) => no_session += 1,
        }
        Ledger::default().check(&plan.data(), &plan.simulator, &seen);
        let identifies = plan.simulator.counters().identifies;
        let mut service = Service::start(GUILDLAKE, plan.folder.path(), &plan.simulator);
        let ready = service.ready().await;
        times.push(ready.unwrap_or_else(|error| panic!("round {round}: {error}")));
        let seen = service.kill().await;
        let mut ledger = Ledger::default();
        ledger.check(&plan.data(), &plan.simulator, &seen);
        assert_eq!(ledger.violations, [""; 0]);
        let begun = plan.simulator.counters().identifies - identifies;
        let expected = !found.is_some_and(|found| found.has_session());
        assert_eq!(begun, u64::from(expected), "round {round}");
    }
    drop(traffic);
    let mut ledger = Ledger::default();
    ledger.settle(GUILDLAKE, &plan).await;
    assert_eq!(ledger.violations, [""; 0]);
    truth::compare(&plan.simulator, &plan.database(), Unknowable::LostSession);
    println!(
        "birth: seed {}, {rounds} kills ({no_record} without tables, {no_session} without a session, \
         {sessions} with one), 0 failed starts, ready: {times}; the record equals the truth",
        plan.seed
    );
}
