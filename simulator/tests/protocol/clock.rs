//! REST tells the time of the simulated clock.

use std::time::Duration;

use simulator::{Community, Config, Draft, unix_ms};

use super::Bench;

#[tokio::test]
async fn the_date_is_that_of_the_simulated_clock() {
    let anchor = chrono::DateTime::parse_from_rfc3339("2026-03-02T12:00:00Z").unwrap();
    let bench = Bench::with(Config::quick().with_community(Community {
        anchor: Some(anchor.to_utc()),
        ..Community::small(7)
    }))
    .await;
    let room = bench.channel("general").id;
    let say = || bench.simulator.create_message(room, Draft::text("now"));
    let date = async |token| {
        let reply = bench.ask("/users/@me", token).await.unwrap();
        let date = chrono::DateTime::parse_from_rfc2822(reply.header("date")).unwrap();
        u64::try_from(date.timestamp_millis()).unwrap()
    };
    for passed in [Duration::ZERO, Duration::from_secs(86_400)] {
        bench.simulator.advance_clock(passed);
        let before = say().unwrap();
        let answered = date(Some(bench.simulator.token())).await;
        let refused = date(None).await;
        let after = say().unwrap();
        // `Date` has whole seconds.
        let span = unix_ms(before) / 1000 * 1000..=unix_ms(after);
        assert!(
            span.contains(&answered) && span.contains(&refused),
            "{answered} {refused} in {span:?}"
        );
    }
}
