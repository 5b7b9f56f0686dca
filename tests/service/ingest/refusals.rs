//! What Discord refused is not asked for again at every pass, and is asked for again as soon as
//! there is a reason.

use std::time::Duration;

use guildlake::status::BackfillState;
use simulator::{
    ChannelInfo, Community, Config, GatewayFault, Kind, PermissionChange, READ_MESSAGE_HISTORY,
    RestFault, RestFaultKind, VIEW_CHANNEL,
};

use testkit::world::{Running, World};

const FORBIDDEN: RestFaultKind = RestFaultKind::Forbidden { code: 50_001 };

/// A text channel that the bot can read, with threads.
fn text_channel(world: &World) -> ChannelInfo {
    let channels = world.simulator.channels().into_iter();
    let mut readable = channels.filter(|channel| {
        channel.visible && channel.history && channel.kind == Kind::Text && channel.messages > 0
    });
    readable.next().unwrap()
}

/// Everything below a channel is forbidden, against what its permissions say.
fn forbid(world: &World, channel: u64) {
    let path = format!("/channels/{channel}*");
    world
        .simulator
        .faults()
        .rest(RestFault::on(path, FORBIDDEN));
}

/// A community that is followed, but for one channel, of which everything is refused.
async fn followed_but_for_one(seed: u64) -> (World, Running, u64) {
    let world = World::new(seed, 600).await;
    let channel = text_channel(&world).id;
    forbid(&world, channel);
    let running = world.followed().await;
    (world, running, channel)
}

/// Ends the session, and waits until everything was read under the next one.
async fn new_session(world: &World, running: &mut Running) {
    let sessions = running.status.borrow().gateway.identified;
    world.expire_sessions();
    world
        .simulator
        .faults()
        .gateway(GatewayFault::Close { code: Some(4000) })
        .unwrap();
    running
        .until(|status| status.gateway.identified == sessions + 1)
        .await;
}

fn refused(world: &World) -> usize {
    world.simulator.counters().invalid_requests
}

#[tokio::test(flavor = "multi_thread")]
async fn reconnections_ask_for_nothing_that_was_refused() {
    let (world, mut running, _) = followed_but_for_one(401).await;
    let first = refused(&world);
    assert!(first > 0);
    for _ in 0..4 {
        new_session(&world, &mut running).await;
        world.caught_up(&mut running).await;
    }
    for resumed in 1..=4 {
        world
            .simulator
            .faults()
            .gateway(GatewayFault::Reconnect { close: true })
            .unwrap();
        running
            .until(|status| status.gateway.resumed == resumed)
            .await;
        world.caught_up(&mut running).await;
    }
    assert_eq!(refused(&world), first, "in 8 reconnections");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_right_that_is_given_back_is_used_at_once() {
    let (world, running, channel) = followed_but_for_one(402).await;
    world.simulator.faults().clear();
    world.set_bot_permission(channel, VIEW_CHANNEL | READ_MESSAGE_HISTORY, 0);
    world.finish(running).await;
    world.assert_equals_truth();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_right_that_was_given_back_while_nobody_listened_is_used() {
    let (world, mut running, channel) = followed_but_for_one(403).await;
    let outage = world.simulator.outage();
    world.simulator.faults().clear();
    let guild_id = world.simulator.guilds()[0].id;
    let change = PermissionChange::Overwrite {
        channel_id: channel,
        role_id: guild_id,
        allow: VIEW_CHANNEL | READ_MESSAGE_HISTORY,
        deny: 0,
    };
    world.simulator.set_permission(change).unwrap();
    world.expire_sessions();
    drop(outage);
    running.until(|status| status.gateway.identified == 2).await;
    world.finish(running).await;
    world.assert_equals_truth();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_asks_again_once() {
    let world = World::new(404, 600).await;
    let channel = text_channel(&world).id;
    let path = format!("/channels/{channel}/messages*");
    let faults = world.simulator.faults();
    faults.rest(RestFault::on(&path, FORBIDDEN));
    for run in 0..3 {
        let before = refused(&world);
        let mut running = world.followed().await;
        new_session(&world, &mut running).await;
        world.finish(running).await;
        assert_eq!(refused(&world) - before, 1, "in run {run}");
    }
    faults.clear();
    world.followed().await.stop().await;
    world.assert_equals_truth();
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_day_it_is_asked_again() {
    let (world, mut running, _) = followed_but_for_one(405).await;
    world.simulator.faults().clear();
    let asked = refused(&world);
    world
        .simulator
        .advance_clock(Duration::from_secs(25 * 3600));
    new_session(&world, &mut running).await;
    world.finish(running).await;
    assert_eq!(refused(&world), asked);
    world.assert_equals_truth();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guild_without_the_bot_is_asked_for_once_until_the_bot_is_back() {
    let world = World::with(Config::quick().with_community(Community {
        guilds: 2,
        channels: 20,
        messages: 800,
        ..Community::small(406)
    }))
    .await;
    let mut running = world.followed().await;
    let guild = world.simulator.guilds()[0].id;
    world.simulator.kick(guild).unwrap();
    new_session(&world, &mut running).await;
    running
        .until(|status| status.backfill.state == BackfillState::Incomplete)
        .await;
    let first = refused(&world);
    for _ in 0..3 {
        new_session(&world, &mut running).await;
        running
            .until(|status| status.backfill.state == BackfillState::Incomplete)
            .await;
    }
    assert_eq!(refused(&world), first, "in 3 reconnections");
    // The bot is invited again while its session is lost.
    let outage = world.simulator.outage();
    world.simulator.guild_back(guild).unwrap();
    world.expire_sessions();
    drop(outage);
    running.until(|status| status.gateway.identified == 6).await;
    world.finish(running).await;
    world.assert_equals_truth();
}
