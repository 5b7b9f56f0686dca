//! What is said of changes that nobody could hear of, one case each. Found by tests/faults/outages.

use std::time::Duration;

use chrono::{DateTime, Utc};
use duckdb::Connection;
use simulator::{ChannelInfo, Config, VIEW_CHANNEL, unix_ms};

use testkit::world::{Running, World};

fn general(world: &World) -> ChannelInfo {
    let mut channels = world.simulator.channels().into_iter();
    channels
        .find(|channel| channel.name == "general" && channel.messages > 0)
        .unwrap()
}

/// Deletes the channel's oldest message; answers it and when it went, in milliseconds.
fn delete_oldest(world: &World, channel: u64) -> (u64, i64) {
    let messages = world.simulator.truth_in(channel);
    let oldest = messages.iter().find(|message| !message.deleted).unwrap().id;
    world.simulator.delete_message(channel, oldest).unwrap();
    let truth = world.simulator.truth_in(channel).into_iter();
    let went = truth
        .filter(|message| message.id == oldest)
        .find_map(|message| message.deleted_timestamp);
    let went: DateTime<Utc> = went.unwrap().parse().unwrap();
    (oldest, went.timestamp_millis())
}

/// What a query of one number says; none for NULL.
fn number(world: &World, sql: &str) -> Option<i64> {
    let connection = Connection::open(world.database()).unwrap();
    connection.query_row(sql, [], |row| row.get(0)).unwrap()
}

/// Hides a channel, deletes a message in it that nobody hears of, lets half a minute pass, and shows
/// the channel again if that is wanted.
fn hide(world: &World, is_shown_again: bool) -> (u64, u64, i64) {
    let channel_id = general(world).id;
    let set = |deny| {
        world.set_bot_permission(channel_id, 0, deny);
    };
    set(VIEW_CHANNEL);
    let (message, went) = delete_oldest(world, channel_id);
    world.simulator.advance_clock(Duration::from_secs(30));
    if is_shown_again {
        set(0);
    }
    (channel_id, message, went)
}

async fn a_hidden_delete_is_known_or_said_to_be_stale(is_followed: bool, is_shown_again: bool) {
    let world = World::young(301, Config::quick()).await;
    let mut running: Running = world.start().await;
    world.caught_up(&mut running).await;
    let (channel, message, went) = if is_followed {
        hide(&world, is_shown_again)
    } else {
        running.stop().await;
        let hidden = hide(&world, is_shown_again);
        running = world.start().await;
        running.until(|status| status.gateway.resumed == 1).await;
        hidden
    };
    world.finish(running).await;
    let deleted = number(
        &world,
        &format!("SELECT count(*) FROM discord_messages WHERE message_id = {message} AND deleted"),
    );
    if deleted == Some(1) {
        return;
    }
    let stale_since = number(
        &world,
        &format!(
            "SELECT epoch_ms(stale_since) FROM coverage \
             WHERE channel_id = {channel} AND low <= {message} AND high > {message}"
        ),
    );
    assert!(
        stale_since.is_some_and(|since| since <= went),
        "followed {is_followed}, shown again {is_shown_again}: it went at {went}, is not known to be gone, \
         and is said to be stale since {stale_since:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delete_in_a_channel_that_was_hidden_before_a_resume_is_not_passed_over() {
    a_hidden_delete_is_known_or_said_to_be_stale(false, false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delete_in_a_channel_that_was_hidden_for_a_moment_is_not_passed_over() {
    a_hidden_delete_is_known_or_said_to_be_stale(true, true).await;
    a_hidden_delete_is_known_or_said_to_be_stale(false, true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_s_end_does_not_say_that_a_message_was_there_of_which_that_is_not_known() {
    // Most of it is older than the repair window.
    let world = World::new(302, 2000).await;
    world.followed().await.stop().await;
    let channel = general(&world).id;
    let (message, went) = delete_oldest(&world, channel);
    assert!(unix_ms(message) + 8 * 86_400_000 < world.simulator.now_ms());
    world.expire_sessions();
    world.simulator.advance_clock(Duration::from_secs(3600));
    let running = world.followed().await;
    world.simulator.delete_channel(channel).unwrap();
    world.finish(running).await;
    let after = number(
        &world,
        &format!(
            "SELECT epoch_ms(deleted_after) FROM discord_messages WHERE message_id = {message}"
        ),
    );
    assert!(
        after.is_some_and(|after| after <= went),
        "it went at {went}, and is said to have been there at {after:?}"
    );
}
