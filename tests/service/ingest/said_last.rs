//! What changes on a message without an edit: what Discord showed last is what the record has.

use std::time::Duration;

use simulator::{Draft, GatewayFault, Happening, SOURCE_MESSAGE_DELETED};

use super::scene::Scene;

/// Two reactions of this sort, and so on.
fn counts(expected: &[(&str, u64)]) -> Vec<(String, u64)> {
    let owned = expected.iter().map(|(emoji, n)| ((*emoji).to_owned(), *n));
    owned.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pin_that_is_taken_off_stays_off() {
    let mut scene = Scene::followed(601).await;
    let (channel, id) = (scene.channel, scene.said(Draft::text("hello")).await);
    let simulator = scene.world.simulator.clone();
    simulator.pin_message(channel, id).unwrap();
    scene.caught_up().await;
    simulator.unpin_message(channel, id).unwrap();
    scene.caught_up().await;
    scene.stop().await;
    assert!(!scene.outside(id).pinned);
    // Taken off while nobody listens, and put on again.
    let other = scene.say(Draft::text("another"));
    scene.follow().await;
    simulator.pin_message(channel, other).unwrap();
    scene.caught_up().await;
    scene
        .lose_session(|_| {
            simulator.unpin_message(channel, other).unwrap();
            simulator.pin_message(channel, id).unwrap();
        })
        .await;
    scene.stop().await;
    assert!(!scene.outside(other).pinned);
    assert!(scene.outside(id).pinned);
    scene.world.assert_equals_truth_but_for_the_unknowable();
}

#[tokio::test(flavor = "multi_thread")]
async fn nine_votes_become_ten_and_nine_again() {
    let mut scene = Scene::new(602).await;
    let (channel, people) = (scene.channel, scene.people.clone());
    let id = scene.say(Draft::default().poll("Tea?", &["yes", "no"]));
    let simulator = scene.world.simulator.clone();
    let vote = |person: usize| {
        let voted = simulator.add_vote(channel, id, people[person], 1);
        voted.unwrap();
    };
    (0..9).for_each(vote);
    scene.follow().await;
    scene.lose_session(|_| vote(9)).await;
    scene.stop().await;
    assert_eq!(scene.outside(id).votes, Some([(1, 10)].into()));
    scene.follow().await;
    simulator.remove_vote(channel, id, people[3], 1).unwrap();
    simulator.add_vote(channel, id, people[4], 2).unwrap();
    scene.caught_up().await;
    scene.stop().await;
    assert_eq!(scene.outside(id).votes, Some([(1, 8), (2, 1)].into()));
    scene.world.assert_equals_truth_but_for_the_unknowable();
}

#[tokio::test(flavor = "multi_thread")]
async fn reactions_of_a_live_message_are_counted_go_down_and_are_cleared() {
    let mut scene = Scene::followed(603).await;
    let (channel, id) = (scene.channel, scene.said(Draft::text("hello")).await);
    let simulator = scene.world.simulator.clone();
    for person in 0..3 {
        scene.react(id, person, "👍");
    }
    scene.react(id, 0, "🎉");
    scene.caught_up().await;
    scene.stop().await;
    assert_eq!(scene.reactions(id), counts(&[("🎉", 1), ("👍", 3)]));
    scene.follow().await;
    scene.unreact(id, 1, "👍");
    scene.caught_up().await;
    scene.stop().await;
    assert_eq!(scene.reactions(id), counts(&[("🎉", 1), ("👍", 2)]));
    scene.follow().await;
    simulator.clear_emoji(channel, id, "👍").unwrap();
    scene.react(id, 5, "👍");
    scene.caught_up().await;
    scene.stop().await;
    assert_eq!(scene.reactions(id), counts(&[("🎉", 1), ("👍", 1)]));
    scene.follow().await;
    simulator.clear_reactions(channel, id).unwrap();
    scene.caught_up().await;
    scene.stop().await;
    assert_eq!(scene.reactions(id), []);
    scene.world.assert_equals_truth();
}

#[tokio::test(flavor = "multi_thread")]
async fn reactions_that_nobody_heard_are_there_after_the_repair() {
    let mut scene = Scene::followed(604).await;
    let id = scene.said(Draft::text("hello")).await;
    scene.react(id, 0, "👍");
    scene.caught_up().await;
    scene
        .lose_session(|scene| {
            scene.react(id, 1, "👍");
            scene.react(id, 2, "🎉");
        })
        .await;
    scene.stop().await;
    assert_eq!(scene.reactions(id), counts(&[("🎉", 1), ("👍", 2)]));
    scene.follow().await;
    scene
        .lose_session(|scene| {
            scene.unreact(id, 0, "👍");
            scene.unreact(id, 1, "👍");
        })
        .await;
    scene.stop().await;
    assert_eq!(scene.reactions(id), counts(&[("🎉", 1)]));
    scene.world.assert_equals_truth_but_for_the_unknowable();
}

#[tokio::test(flavor = "multi_thread")]
async fn reactions_that_nobody_heard_are_there_after_verify() {
    let mut scene = Scene::followed(605).await;
    let id = scene.said(Draft::text("hello")).await;
    scene.react(id, 0, "👍");
    scene.caught_up().await;
    scene.stop().await;
    scene.react(id, 1, "👍");
    scene.unreact(id, 0, "👍");
    scene.react(id, 2, "🎉");
    scene.verify().await;
    assert_eq!(scene.reactions(id), counts(&[("🎉", 1), ("👍", 1)]));
    // The session goes on, and replays what the reading has counted already, minutes ago.
    let simulator = &scene.world.simulator;
    simulator.advance_clock(Duration::from_secs(120));
    scene.follow().await;
    scene.stop().await;
    assert_eq!(scene.reactions(id), counts(&[("🎉", 1), ("👍", 1)]));
    scene.world.assert_equals_truth();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_embed_that_is_taken_away_is_gone() {
    let mut scene = Scene::followed(606).await;
    let channel = scene.channel;
    let live = scene.said(Draft::text("a link").embeds(1)).await;
    let unheard = scene.said(Draft::text("another link").embeds(2)).await;
    let simulator = scene.world.simulator.clone();
    simulator.remove_embeds(channel, live).unwrap();
    scene.caught_up().await;
    scene
        .lose_session(|_| simulator.remove_embeds(channel, unheard).unwrap())
        .await;
    scene.stop().await;
    assert_eq!(scene.outside(live).embeds, 0);
    assert_eq!(scene.outside(unheard).embeds, 0);
    scene.world.assert_equals_truth_but_for_the_unknowable();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crosspost_whose_source_goes_says_so() {
    let mut scene = Scene::followed(607).await;
    let (channel, news) = (scene.channel, scene.people[0]);
    let posts = [0, 1].map(|n| Draft::crosspost(news, news + n, news, "the news"));
    let [live, unheard] = posts.map(|post| scene.say(post));
    scene.caught_up().await;
    let simulator = scene.world.simulator.clone();
    simulator.delete_crosspost_source(channel, live).unwrap();
    scene.caught_up().await;
    scene
        .lose_session(|_| {
            simulator.delete_crosspost_source(channel, unheard).unwrap();
        })
        .await;
    scene.stop().await;
    for id in [live, unheard] {
        let flags = scene.outside(id).flags;
        assert_ne!(flags & SOURCE_MESSAGE_DELETED, 0, "{flags}");
        assert_eq!(scene.row(id).content, "[Original Message Deleted]");
    }
    scene.world.assert_equals_truth_but_for_the_unknowable();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_is_what_a_reading_showed_last() {
    let mut scene = Scene::followed(608).await;
    let author = scene.people[0];
    let id = scene.said(Draft::text("hello").author(author)).await;
    let simulator = scene.world.simulator.clone();
    simulator.rename_user(author, "aaron").unwrap();
    // Discord tells nobody; a reading shows it, whichever name is the greater.
    scene.lose_session(|_| {}).await;
    scene.stop().await;
    assert_eq!(scene.outside(id).author_name, "aaron");
    scene.follow().await;
    simulator.rename_user(author, "zoe").unwrap();
    scene.lose_session(|_| {}).await;
    scene.stop().await;
    assert_eq!(scene.outside(id).author_name, "zoe");
    scene.world.assert_equals_truth_but_for_the_unknowable();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_comes_while_a_page_is_on_its_way_counts_once() {
    let mut scene = Scene::new(609).await;
    let channel = scene.channel;
    let simulator = scene.world.simulator.clone();
    let texts = ["pinned", "liked", "linked", "edited", "deleted"];
    let [pinned, liked, linked, edited, deleted] =
        texts.map(|text| scene.say(Draft::text(text).embeds(1)));
    simulator.pin_message(channel, pinned).unwrap();
    scene.react(liked, 0, "👍");
    scene.react(liked, 1, "👍");
    let rule = scene.delay_pages(1500);
    let mut observer = simulator.observe();
    scene.start().await;
    let page = format!("/channels/{channel}/messages?limit=100");
    let asked =
        observer.until(|it| matches!(it, Happening::Request { path, .. } if path.contains(&page)));
    asked.await.unwrap();
    // The page is made, and on its way.
    simulator.unpin_message(channel, pinned).unwrap();
    scene.unreact(liked, 0, "👍");
    scene.react(liked, 2, "🎉");
    simulator.remove_embeds(channel, linked).unwrap();
    simulator
        .edit_message(channel, edited, "once more")
        .unwrap();
    simulator.delete_message(channel, deleted).unwrap();
    scene.caught_up().await;
    simulator.faults().remove(rule);
    scene.stop().await;
    assert!(!scene.outside(pinned).pinned);
    assert_eq!(scene.reactions(liked), counts(&[("🎉", 1), ("👍", 1)]));
    assert_eq!(scene.outside(linked).embeds, 0);
    assert_eq!(scene.row(edited).content, "once more");
    assert!(scene.row(deleted).deleted);
    scene.world.assert_equals_truth();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_a_page_has_already_counts_once() {
    let mut scene = Scene::new(610).await;
    let liked = scene.say(Draft::text("liked"));
    scene.follow().await;
    // Discord's socket is late: the reading shows what it tells of only afterwards.
    let faults = scene.world.simulator.faults();
    scene.lose_session(|_| {}).await;
    faults.gateway(GatewayFault::Delay { ms: None }).unwrap();
    scene.react(liked, 0, "👍");
    scene.react(liked, 1, "👍");
    scene.react(liked, 1, "🎉");
    scene.stop().await;
    scene.verify().await;
    assert_eq!(scene.reactions(liked), counts(&[("🎉", 1), ("👍", 2)]));
    faults.gateway(GatewayFault::Release).unwrap_or_default();
    scene.follow().await;
    scene.stop().await;
    assert_eq!(scene.reactions(liked), counts(&[("🎉", 1), ("👍", 2)]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_counts_no_reaction_twice() {
    let mut scene = Scene::followed(611).await;
    let (channel, id) = (scene.channel, scene.said(Draft::text("hello")).await);
    let simulator = scene.world.simulator.clone();
    scene.react(id, 0, "👍");
    simulator.pin_message(channel, id).unwrap();
    scene.caught_up().await;
    let faults = simulator.faults();
    for _ in 0..2 {
        faults
            .gateway(GatewayFault::DuplicateReplay { times: 1 })
            .unwrap();
        faults
            .gateway(GatewayFault::RepeatAfterResumed { times: 1 })
            .unwrap();
        let mut observer = simulator.observe();
        let cut = simulator.outage();
        simulator.unpin_message(channel, id).unwrap();
        scene.react(id, 1, "👍");
        scene.react(id, 2, "👍");
        scene.unreact(id, 2, "👍");
        scene.react(id, 3, "🎉");
        drop(cut);
        observer.resumed().await.unwrap();
        scene.caught_up().await;
        // Something that comes after everything that was repeated.
        scene.said(Draft::text("and then")).await;
        scene.stop().await;
        assert_eq!(scene.reactions(id), counts(&[("🎉", 1), ("👍", 2)]));
        assert!(!scene.outside(id).pinned);
        scene.follow().await;
        simulator.pin_message(channel, id).unwrap();
        scene.unreact(id, 1, "👍");
        scene.unreact(id, 3, "🎉");
        scene.caught_up().await;
    }
    scene.stop().await;
    assert_eq!(simulator.counters().identifies, 1);
    scene.world.assert_equals_truth();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_partial_update_after_an_edit_shows() {
    let mut scene = Scene::followed(612).await;
    let (channel, id) = (scene.channel, scene.said(Draft::text("hello")).await);
    let simulator = scene.world.simulator.clone();
    simulator
        .edit_message(channel, id, "https://example.org/")
        .unwrap();
    scene.caught_up().await;
    simulator.partial_update(channel, id, 2).unwrap();
    scene.caught_up().await;
    scene.stop().await;
    assert_eq!(scene.outside(id).embeds, 2);
    assert_eq!(scene.row(id).content, "https://example.org/");
    scene.world.assert_equals_truth();
}

#[tokio::test(flavor = "multi_thread")]
async fn counts_that_are_not_certain_are_asked_for_by_the_next_start() {
    let mut scene = Scene::followed(613).await;
    let id = scene.said(Draft::text("hello")).await;
    scene.stop().await;
    scene.react(id, 0, "👍");
    scene.verify().await;
    // The session goes on, and tells of what the reading has counted already.
    let mut settings = scene.world.settings();
    let discord = settings.discord.as_mut().unwrap();
    discord.ask_again = Duration::from_secs(3600);
    let mut running = scene.world.start_with(settings).await;
    let said = scene.world.simulator.sequence();
    running
        .until(|status| status.gateway.sequence >= said && status.unsettled > 0)
        .await;
    running.stop().await;
    scene.follow().await;
    scene.stop().await;
    assert_eq!(scene.reactions(id), counts(&[("👍", 1)]));
    scene.world.assert_equals_truth();
}
