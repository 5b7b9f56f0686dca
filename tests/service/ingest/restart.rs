//! A stop leaves nothing to replay, and the next start goes on where it was.

use guildlake::store::StoreError;
use simulator::Config;

use testkit::world::World;

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_resumes_the_session_and_misses_nothing() {
    let world = World::new(101, 600).await;
    let running = world.followed().await;
    world.burst(200, 102);
    running.stop().await;
    // Edits and deletes while nobody is there: only a resume can tell of them.
    world.burst(300, 103);
    let mut running = world.start().await;
    running.until(|status| status.gateway.resumed == 1).await;
    let status = world.caught_up(&mut running).await;
    assert_eq!(status.gateway.identified, 0);
    running.stop().await;
    assert_eq!(world.simulator.counters().identifies, 1);
    world.assert_equals_truth();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_under_load_leaves_nothing_to_replay() {
    let world = World::new(104, 600).await;
    let running = world.followed().await;
    world.burst(500, 105);
    world.finish(running).await;
    let wal = world.folder.path().join("guildlake.duckdb.wal");
    assert!(!wal.exists(), "the log was folded into the file");
    let mut observer = world.simulator.observe();
    let running = world.start().await;
    observer
        .until(|happening| matches!(happening, simulator::Happening::Resumed { replayed: 0, .. }))
        .await
        .unwrap();
    world.finish(running).await;
    world.assert_equals_truth();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_during_the_backfill_goes_on_at_the_page() {
    let world = World::new(106, 4000).await;
    let mut running = world.start().await;
    running
        .until(|status| status.backfill.messages > 1000)
        .await;
    running.stop().await;
    let first = world.simulator.counters().requests;
    world.followed().await.stop().await;
    world.assert_equals_truth();

    let whole = World::new(106, 4000).await;
    whole.followed().await.stop().await;
    let both = world.simulator.counters().requests;
    let once = whole.simulator.counters().requests;
    assert!(first > 10, "{first}");
    // Beyond one whole reading: the catalog and the pages in flight, once more.
    assert!(
        both < once + 60,
        "{both} requests in two runs, {once} in one"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_died_meanwhile_is_repaired() {
    let world = World::young(107, Config::quick()).await;
    world.followed().await.stop().await;
    world.burst(300, 108);
    world.expire_sessions();
    let mut running = world.start().await;
    running.until(|status| status.gateway.identified == 1).await;
    world.finish(running).await;
    world.assert_equals_truth_but_for_the_unknowable();
}

#[tokio::test(flavor = "multi_thread")]
async fn two_services_cannot_share_a_folder() {
    let world = World::new(109, 200).await;
    let running = world.followed().await;
    let failure = world.start().await.failure().await;
    let refusal = failure.downcast_ref::<StoreError>().unwrap();
    assert!(matches!(refusal, StoreError::Locked { .. }), "{failure}");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_and_a_thread_deleted_between_two_sessions_are_noticed() {
    let world = World::young(110, Config::quick()).await;
    world.followed().await.stop().await;
    let readable = |channel: &simulator::ChannelInfo| {
        channel.visible && channel.history && channel.kind.has_messages() && channel.messages > 0
    };
    let channel = world
        .simulator
        .channels()
        .into_iter()
        .find(readable)
        .unwrap();
    world.simulator.delete_channel(channel.id).unwrap();
    let thread = world
        .simulator
        .threads()
        .into_iter()
        .find(readable)
        .unwrap();
    world.simulator.delete_thread(thread.id).unwrap();
    world.expire_sessions();
    let mut running = world.start().await;
    running.until(|status| status.gateway.identified == 1).await;
    world.caught_up(&mut running).await;
    // The first pass suspects it, and a second look some time later confirms it.
    running.until(|status| status.backfill.passes >= 2).await;
    running.stop().await;
    let rows = testkit::truth::rows(&world.database());
    let of = |id| rows.values().filter(move |row| row.channel_id == id);
    assert!(of(channel.id).count() > 0 && of(channel.id).all(|row| row.deleted));
    assert!(of(thread.id).count() > 0 && of(thread.id).all(|row| row.deleted));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_session_under_the_id_of_the_one_before_is_a_new_session() {
    let config = Config {
        same_session_id: true,
        ..Config::quick()
    };
    let world = World::young(130, config).await;
    world.followed().await.stop().await;
    // What is edited and deleted now, nobody is told of.
    world.burst(300, 131);
    world.expire_sessions();
    let mut running = world.start().await;
    running.until(|status| status.gateway.identified == 1).await;
    world.finish(running).await;
    world.assert_equals_truth_but_for_the_unknowable();
}
