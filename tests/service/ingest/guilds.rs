//! A guild that is away, or that the bot was removed from: said at once, and no longer ready where
//! nothing is collected any more.

use std::time::Duration;

use serde_json::Value;
use simulator::Config;

use testkit::program::KEY;
use testkit::world::{Running, World};

async fn ask(running: &Running, path: &str) -> (u16, Value) {
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let url = format!("{}{path}", running.base);
    let asked = http.get(url).header("x-api-key", KEY);
    let answer = asked.send().await.unwrap();
    let status = answer.status().as_u16();
    (
        status,
        serde_json::from_str(&answer.text().await.unwrap()).unwrap(),
    )
}

/// Nothing is collected, for this reason.
async fn assert_nothing_is_collected(running: &Running, code: &str) {
    let (status, health) = ask(running, "/health").await;
    assert_eq!((status, &health["status"]), (200, &"degraded".into()));
    let problems = health["problems"].as_array().unwrap();
    assert!(
        problems.iter().any(|problem| problem["code"] == code),
        "{problems:?}"
    );
    assert_eq!(ask(running, "/ready").await.0, 503);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kick_and_an_outage_are_told_until_they_are_over() {
    let world = World::new(800, 200).await;
    let guild = world.simulator.guilds()[0].id;
    let mut running = world.followed().await;
    let guilds = running.status.borrow().gateway.guilds;
    assert_eq!((guilds.total, guilds.none_is_there()), (1, false));
    assert_eq!(ask(&running, "/ready").await.0, 200);

    world.simulator.kick(guild).unwrap();
    running
        .until(|status| status.gateway.guilds.without_the_bot == 1)
        .await;
    assert_nothing_is_collected(&running, "bot_not_in_guild").await;

    world.simulator.guild_back(guild).unwrap();
    running
        .until(|status| !status.gateway.guilds.none_is_there())
        .await;
    world.caught_up(&mut running).await;
    assert_eq!(ask(&running, "/ready").await.0, 200);

    world.simulator.guild_outage(guild).unwrap();
    running
        .until(|status| status.gateway.guilds.away == 1)
        .await;
    assert_nothing_is_collected(&running, "guild_away").await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kick_that_nobody_heard_is_told_at_the_next_session() {
    let world = World::new(801, 200).await;
    let guild = world.simulator.guilds()[0].id;
    world.followed().await.stop().await;
    world.simulator.kick(guild).unwrap();
    world.expire_sessions();
    let mut running = world.start().await;
    running
        .until(|status| status.gateway.guilds.without_the_bot == 1)
        .await;
    assert_nothing_is_collected(&running, "bot_not_in_guild").await;
    running.stop().await;
}

/// A resumed session tells of no guild again: here it is the history that finds none.
#[tokio::test(flavor = "multi_thread")]
async fn a_kick_in_an_earlier_run_is_told_though_the_session_goes_on() {
    let world = World::new(802, 200).await;
    let guild = world.simulator.guilds()[0].id;
    let mut running = world.followed().await;
    world.simulator.kick(guild).unwrap();
    running
        .until(|status| status.gateway.guilds.without_the_bot == 1)
        .await;
    running.stop().await;
    let mut running = world.start().await;
    running.until(|status| status.gateway.resumed == 1).await;
    running.until(|status| status.backfill.passes > 0).await;
    assert_nothing_is_collected(&running, "no_channels").await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guild_that_a_session_announces_and_does_not_tell_of_is_away() {
    let config = Config {
        heartbeat_interval: Duration::from_millis(500),
        ..Config::quick()
    };
    let world = World::young(803, config).await;
    let guild = world.simulator.guilds()[0].id;
    world.simulator.guild_outage(guild).unwrap();
    let mut running = world.start().await;
    running.until(|status| status.gateway.identified == 1).await;
    running
        .until(|status| status.gateway.guilds.away == 1)
        .await;
    assert_nothing_is_collected(&running, "guild_away").await;
    world.simulator.guild_back(guild).unwrap();
    running
        .until(|status| !status.gateway.guilds.none_is_there())
        .await;
    world.finish(running).await;
    world.assert_equals_truth_but_for_the_unknowable();
}
