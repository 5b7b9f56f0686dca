//! Ends that were only inferred can be taken back; ends that were told can't. And Discord's lists are not believed
//! at once.

use std::time::Duration;

use chrono::{DateTime, Utc};
use duckdb::Connection;
use simulator::{Draft, ListFault, Refused, RestFault, RestFaultKind};

use super::scene::Scene;

/// So many are gone by that.
fn gone(by: &str, count: usize) -> Vec<(String, i64)> {
    vec![(by.to_owned(), i64::try_from(count).unwrap())]
}

fn there(scene: &Scene) -> usize {
    let truth = scene.world.simulator.truth_in(scene.channel).into_iter();
    truth.filter(|message| !message.deleted).count()
}

/// Two readings leave a message out: it counts as deleted.
async fn left_out_twice(seed: u64) -> (Scene, u64) {
    let mut scene = Scene::followed(seed).await;
    let id = scene.said(Draft::text("hello")).await;
    scene.said(Draft::text("and then")).await;
    let faults = scene.world.simulator.faults();
    faults.list(ListFault::without(&[id]).in_place(scene.channel).times(2));
    scene.lose_session(|_| {}).await;
    scene.stop().await;
    let row = scene.row(id);
    assert_eq!(row.deleted_by.as_deref(), Some("rescan"));
    (scene, id)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_two_readings_left_out_is_there_when_the_next_one_shows_it() {
    let (mut scene, id) = left_out_twice(621).await;
    scene.follow().await;
    scene.lose_session(|_| {}).await;
    scene.stop().await;
    assert!(!scene.row(id).deleted);
    scene.world.assert_equals_truth_but_for_the_unknowable();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_two_readings_left_out_is_there_when_it_is_edited() {
    let (mut scene, id) = left_out_twice(622).await;
    scene.follow().await;
    let simulator = scene.world.simulator.clone();
    simulator
        .edit_message(scene.channel, id, "hello again")
        .unwrap();
    scene.caught_up().await;
    scene.stop().await;
    let row = scene.row(id);
    assert!(!row.deleted);
    assert_eq!(row.content, "hello again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_two_readings_left_out_is_there_when_somebody_reacts_to_it() {
    let (mut scene, id) = left_out_twice(623).await;
    scene.follow().await;
    scene.react(id, 0, "👍");
    scene.caught_up().await;
    scene.stop().await;
    assert!(!scene.row(id).deleted);
    assert_eq!(scene.reactions(id), [("👍".to_owned(), 1)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn verify_brings_back_a_message_that_two_readings_left_out() {
    let (scene, id) = left_out_twice(624).await;
    scene.verify().await;
    assert!(!scene.row(id).deleted);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_reading_that_leaves_a_message_out_deletes_nothing() {
    let mut scene = Scene::followed(625).await;
    let id = scene.said(Draft::text("hello")).await;
    scene.said(Draft::text("and then")).await;
    let faults = scene.world.simulator.faults();
    faults.list(ListFault::without(&[id]).in_place(scene.channel).times(1));
    scene.lose_session(|_| {}).await;
    scene.stop().await;
    assert!(!scene.row(id).deleted);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_that_is_missing_once_loses_nothing() {
    let mut scene = Scene::followed(626).await;
    let faults = scene.world.simulator.faults();
    let missing = ListFault::without(&[scene.channel]).times(1);
    faults.list(missing.refused(Refused::NotFound, 1));
    scene.passes(2).await;
    let after = scene.said(Draft::text("written afterwards")).await;
    scene.stop().await;
    assert_eq!(scene.gone(scene.channel), []);
    assert!(!scene.row(after).deleted);
    scene.world.assert_equals_truth();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_that_is_missing_and_whose_history_answers_loses_nothing() {
    let mut scene = Scene::followed(627).await;
    let faults = scene.world.simulator.faults();
    let missing = with_its_threads(&scene);
    let rule = faults.list(missing.refused(Refused::NotFound, None));
    // Suspected, contradicted, suspected again.
    scene.passes(2).await;
    scene.passes(1).await;
    let after = scene.said(Draft::text("written afterwards")).await;
    faults.remove(rule);
    scene.passes(1).await;
    scene.stop().await;
    assert_eq!(scene.gone(scene.channel), []);
    assert!(!scene.row(after).deleted);
    scene.world.assert_equals_truth();
}

/// Lists leave the channel out. A thread of it that is listed would say that it is there.
fn with_its_threads(scene: &Scene) -> ListFault {
    let threads = scene.world.simulator.threads().into_iter();
    let threads = threads.filter(|thread| thread.parent_id == Some(scene.channel));
    let ids = std::iter::once(scene.channel).chain(threads.map(|thread| thread.id));
    ListFault::without(&ids.collect::<Vec<u64>>())
}

/// As long as the rules stand, Discord does not know the channel on any route.
fn hide(scene: &Scene) -> [u64; 2] {
    let faults = scene.world.simulator.faults();
    let missing = with_its_threads(scene);
    let path = format!("/channels/{}/messages*", scene.channel);
    let unknown = RestFault::on(path, RestFaultKind::NotFound { code: 10_003 });
    [
        faults.list(missing.refused(Refused::NotFound, None)),
        faults.rest(unknown),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_that_stays_missing_is_deleted_and_lives_again_when_it_is_back() {
    let mut scene = Scene::followed(628).await;
    let faults = scene.world.simulator.faults();
    let rules = hide(&scene);
    scene.passes(2).await;
    scene.stop().await;
    let all = there(&scene);
    assert_eq!(scene.gone(scene.channel), gone("missing_channel", all));
    assert_eq!(scene.upside_down(), 0);
    rules.into_iter().for_each(|rule| faults.remove(rule));
    scene.follow().await;
    scene.passes(1).await;
    scene.stop().await;
    assert_eq!(scene.gone(scene.channel), []);
    scene.world.assert_equals_truth_but_for_the_unknowable();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_in_a_channel_that_was_missing_says_that_it_lives() {
    let mut scene = Scene::followed(629).await;
    let faults = scene.world.simulator.faults();
    let rules = hide(&scene);
    scene.passes(2).await;
    rules.into_iter().for_each(|rule| faults.remove(rule));
    let after = scene.said(Draft::text("written afterwards")).await;
    scene.stop().await;
    assert!(!scene.row(after).deleted);
    assert_eq!(scene.gone(scene.channel), []);
    assert_eq!(scene.upside_down(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_happened_in_a_channel_while_it_was_missing_is_read_when_it_is_back() {
    let mut scene = Scene::followed(630).await;
    let id = scene.said(Draft::text("hello")).await;
    let faults = scene.world.simulator.faults();
    let rules = hide(&scene);
    scene.passes(2).await;
    // The session is lost while the channel is missing, so nobody hears this.
    let simulator = scene.world.simulator.clone();
    let channel = scene.channel;
    let mut unheard = 0;
    scene
        .lose_session(|scene| {
            unheard = scene.say(Draft::text("unheard"));
            scene.react(id, 0, "👍");
            simulator.edit_message(channel, id, "hello again").unwrap();
        })
        .await;
    rules.into_iter().for_each(|rule| faults.remove(rule));
    scene.passes(1).await;
    scene.stop().await;
    assert!(!scene.row(unheard).deleted);
    assert_eq!(scene.row(id).content, "hello again");
    assert_eq!(scene.reactions(id), [("👍".to_owned(), 1)]);
    assert_eq!(scene.gone(channel), []);
    scene.world.assert_equals_truth_but_for_the_unknowable();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_list_of_channels_deletes_nothing() {
    let mut scene = Scene::followed(631).await;
    let channels = scene.world.simulator.channels().into_iter();
    let all: Vec<u64> = channels.map(|channel| channel.id).collect();
    let faults = scene.world.simulator.faults();
    let missing = ListFault::without(&all).refused(Refused::NotFound, None);
    let rules = [
        faults.list(missing),
        faults.rest(RestFault::on(
            "/channels/*/messages*",
            RestFaultKind::NotFound { code: 10_003 },
        )),
    ];
    scene.passes(4).await;
    rules.into_iter().for_each(|rule| faults.remove(rule));
    let after = scene.said(Draft::text("written afterwards")).await;
    scene.passes(1).await;
    scene.stop().await;
    assert!(!scene.row(after).deleted);
    scene.world.assert_equals_truth();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_short_list_of_channels_deletes_nothing_as_long_as_they_are_there() {
    let mut scene = Scene::followed(632).await;
    let faults = scene.world.simulator.faults();
    let rule = faults.list(ListFault::short(simulator::List::Channels, 2));
    scene.passes(1).await;
    faults.remove(rule);
    // And once with a 404 for each of those that are missing, in one pass.
    let channels = scene.world.simulator.channels().into_iter();
    let most: Vec<u64> = channels.skip(2).map(|channel| channel.id).collect();
    let requests = u32::try_from(most.len()).unwrap();
    let missing = ListFault::without(&most).times(1);
    faults.list(missing.refused(Refused::NotFound, requests));
    scene.passes(2).await;
    scene.stop().await;
    scene.world.assert_equals_truth();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_whose_end_was_told_stays_deleted() {
    let mut scene = Scene::followed(633).await;
    let all = there(&scene);
    let simulator = scene.world.simulator.clone();
    // A reading of it is under way when it goes.
    let rule = scene.delay_pages(300);
    simulator.delete_channel(scene.channel).unwrap();
    scene.caught_up().await;
    simulator.faults().remove(rule);
    scene.passes(1).await;
    scene.lose_session(|_| {}).await;
    scene.stop().await;
    assert_eq!(scene.gone(scene.channel), gone("channel", all));
    assert_eq!(scene.upside_down(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_partial_update_of_a_message_that_nobody_knows_is_asked_for() {
    let mut scene = Scene::new(634).await;
    let id = scene.say(Draft::text("never shown"));
    let faults = scene.world.simulator.faults();
    faults.list(ListFault::without(&[id]).in_place(scene.channel));
    scene.say(Draft::text("and then"));
    scene.follow().await;
    let simulator = scene.world.simulator.clone();
    simulator.partial_update(scene.channel, id, 2).unwrap();
    scene.caught_up().await;
    scene.react(id, 0, "👍");
    scene.caught_up().await;
    scene.stop().await;
    assert_eq!(scene.row(id).content, "never shown");
    assert_eq!(scene.outside(id).embeds, 2);
    assert_eq!(scene.reactions(id), [("👍".to_owned(), 1)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_s_end_does_not_say_that_a_message_was_there_that_a_reading_missed() {
    let mut scene = Scene::followed(635).await;
    let id = scene.said(Draft::text("hello")).await;
    scene.said(Draft::text("and then")).await;
    let simulator = scene.world.simulator.clone();
    let channel = scene.channel;
    scene
        .lose_session(|_| simulator.delete_message(channel, id).unwrap())
        .await;
    let truth = simulator.truth_in(channel).into_iter();
    let went = truth
        .filter(|it| it.id == id)
        .find_map(|it| it.deleted_timestamp);
    let went: DateTime<Utc> = went.unwrap().parse().unwrap();
    simulator.advance_clock(Duration::from_secs(3600));
    // Its channel goes an hour later, and is told of.
    scene.lose_session(|_| {}).await;
    simulator.delete_channel(channel).unwrap();
    scene.caught_up().await;
    scene.stop().await;
    let connection = Connection::open(scene.world.database()).unwrap();
    let sql = "SELECT epoch_ms(deleted_after) FROM discord_messages WHERE message_id = ?";
    let after: i64 = connection.query_row(sql, [id], |row| row.get(0)).unwrap();
    assert!(
        after <= went.timestamp_millis(),
        "{after}, and it went at {went}"
    );
}
