//! Only what was chosen is collected, and what can't be read is reported, not taken for empty.

use std::collections::HashSet;

use duckdb::Connection;
use simulator::{
    Community, Config, Draft, Happening, Kind, PermissionChange, READ_MESSAGE_HISTORY, RestFault,
    RestFaultKind, VIEW_CHANNEL,
};

use testkit::truth::rows;
use testkit::world::World;

#[tokio::test(flavor = "multi_thread")]
async fn chosen_channels_come_with_their_threads_and_nothing_else() {
    let mut world = World::new(201, 1500).await;
    let threads = world.simulator.threads();
    let forum_or_text = world.simulator.channels().into_iter().find(|channel| {
        channel.visible
            && channel.history
            && threads
                .iter()
                .any(|thread| thread.parent_id == Some(channel.id))
    });
    let chosen = forum_or_text.unwrap();
    world.channels = vec![chosen.id];
    let running = world.followed().await;
    world.burst(300, 202);
    let on = (chosen.kind == Kind::Text).then(|| {
        world
            .simulator
            .create_message(chosen.id, Draft::text("a thread begins here"))
            .unwrap()
    });
    let thread = match chosen.kind {
        Kind::Forum | Kind::Media => world
            .simulator
            .create_post(chosen.id, "new", Draft::text("first"))
            .unwrap(),
        _ => world
            .simulator
            .create_thread(chosen.id, on, "new", false)
            .unwrap(),
    };
    let reply = world
        .simulator
        .create_message(thread, Draft::text("in it"))
        .unwrap();
    world.finish(running).await;

    let allowed: HashSet<u64> = world
        .simulator
        .threads()
        .iter()
        .filter(|thread| thread.parent_id == Some(chosen.id))
        .map(|thread| thread.id)
        .chain([chosen.id])
        .collect();
    let rows = rows(&world.database());
    assert!(
        rows.contains_key(&reply),
        "a message in a new thread of a chosen channel"
    );
    assert!(rows.values().all(|row| allowed.contains(&row.channel_id)));
    for truth in world.simulator.truth() {
        if allowed.contains(&truth.channel_id) && !truth.deleted {
            assert!(rows.contains_key(&truth.id), "{truth:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_permission_is_reported_and_not_taken_for_empty() {
    // A hidden channel is in no list: only one that is listed and closed can be reported.
    let world = World::with(Config {
        obfuscation: false,
        ..Config::quick().with_community(Community {
            messages: 1500,
            ..Community::small(203)
        })
    })
    .await;
    let running = world.start().await;
    let status = world.finish(running).await;
    let channels = world.simulator.channels();
    let hidden = |wanted: &str| -> Vec<u64> {
        let connection = Connection::open(world.database()).unwrap();
        let mut statement = connection
            .prepare("SELECT channel_id FROM channels WHERE access = ?")
            .unwrap();
        let ids = statement.query_map([wanted], |row| row.get(0)).unwrap();
        ids.map(Result::unwrap).collect()
    };
    let (forbidden, no_history) = (hidden("forbidden"), hidden("no_history"));
    let expected = |visible: bool| {
        channels.iter().filter(move |channel| {
            channel.kind.has_messages() && channel.visible == visible && !channel.history
        })
    };
    for channel in expected(true) {
        assert!(no_history.contains(&channel.id), "{channel:?}");
    }
    assert!(
        expected(true).count() > 0,
        "the community has one without history"
    );
    assert!(!forbidden.is_empty());
    assert!(status.backfill.channels_unreadable > 0);
    let connection = Connection::open(world.database()).unwrap();
    let (complete, gaps): (i64, i64) = connection
        .query_row(
            "SELECT count(*) FILTER (complete), count(*) FILTER (gap_reason = 'no_permission') \
             FROM coverage JOIN channels USING (channel_id) WHERE access <> 'readable'",
            [],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .unwrap();
    assert_eq!(complete, 0, "nothing is claimed of what can't be read");
    assert!(gaps > 0, "it is said that nothing is known of it, and why");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_channel_is_asked_once_in_a_run() {
    let world = World::new(204, 600).await;
    let refused = world
        .simulator
        .channels()
        .into_iter()
        .find(|channel| {
            channel.visible
                && channel.history
                && channel.kind.has_messages()
                && channel.messages > 0
        })
        .unwrap();
    let path = format!("/channels/{}/messages*", refused.id);
    world.simulator.faults().rest(RestFault::on(
        &path,
        RestFaultKind::Forbidden { code: 50_001 },
    ));
    for run in 0..3 {
        let before = world.simulator.counters().invalid_requests;
        world.followed().await.stop().await;
        let asked = world.simulator.counters().invalid_requests - before;
        assert_eq!(asked, 1, "in run {run}");
    }
    let connection = Connection::open(world.database()).unwrap();
    let (access, detail): (String, String) = connection
        .query_row(
            &format!(
                "SELECT access, access_detail FROM channels WHERE channel_id = {}",
                refused.id
            ),
            [],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .unwrap();
    assert_eq!(access, "forbidden");
    assert!(detail.contains("50001"), "{detail}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_channel_takes_its_messages_and_threads_with_it() {
    let world = World::new(205, 1000).await;
    let running = world.followed().await;
    let threads = world.simulator.threads();
    let parent = world.simulator.channels().into_iter().find(|channel| {
        channel.visible
            && channel.history
            && threads
                .iter()
                .any(|t| t.parent_id == Some(channel.id) && t.visible && t.messages > 0)
    });
    let parent = parent.unwrap();
    world.simulator.delete_channel(parent.id).unwrap();
    world.finish(running).await;
    let rows = rows(&world.database());
    let gone = rows
        .values()
        .filter(|row| row.deleted_by.as_deref() == Some("channel"));
    assert!(gone.count() > 0);
    world.assert_equals_truth();
}

/// Settles everything that happened, stops, and reports the ids that the record has of a channel.
async fn ids_of(world: &World, running: testkit::world::Running, channel: u64) -> HashSet<u64> {
    world.finish(running).await;
    let rows = rows(&world.database());
    let of = rows.iter().filter(|(_, row)| row.channel_id == channel);
    of.map(|(id, _)| *id).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guild_that_was_away_is_read_again() {
    let world = World::new(206, 600).await;
    let running = world.followed().await;
    let guild = world.simulator.guilds()[0].id;
    let channel = world
        .simulator
        .channels()
        .into_iter()
        .find(|channel| channel.visible && channel.history && channel.kind == Kind::Text)
        .unwrap();
    world.simulator.guild_outage(guild).unwrap();
    let missed = world
        .simulator
        .create_message(channel.id, Draft::text("nobody hears this"));
    world.simulator.guild_back(guild).unwrap();
    let heard = world
        .simulator
        .create_message(channel.id, Draft::text("everybody hears this"));
    let ids = ids_of(&world, running, channel.id).await;
    assert!(ids.contains(&heard.unwrap()));
    assert!(
        ids.contains(&missed.unwrap()),
        "what came while the guild was away is missing"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_left_out_for_a_while_is_read_again_when_it_is_chosen_again() {
    let mut world = World::new(207, 600).await;
    world.followed().await.stop().await;
    let readable: Vec<_> = world
        .simulator
        .channels()
        .into_iter()
        .filter(|channel| channel.visible && channel.history && channel.kind == Kind::Text)
        .collect();
    let (chosen, left_out) = (readable[0].id, readable[1].id);
    world.channels = vec![chosen];
    let running = world.followed().await;
    let missed = world
        .simulator
        .create_message(left_out, Draft::text("not collected now"))
        .unwrap();
    world.finish(running).await;
    assert!(!rows(&world.database()).contains_key(&missed));
    world.channels = vec![chosen, left_out];
    let running = world.start().await;
    let ids = ids_of(&world, running, left_out).await;
    assert!(
        ids.contains(&missed),
        "what was left out is taken for followed"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_right_lost_in_the_middle_of_a_reading_closes_no_gap() {
    let world = World::new(208, 6000).await;
    let busiest = world
        .simulator
        .channels()
        .into_iter()
        .filter(|channel| channel.visible && channel.history && channel.kind == Kind::Text)
        .max_by_key(|channel| channel.messages)
        .unwrap();
    let change = |deny| {
        world
            .simulator
            .set_permission(PermissionChange::Bot {
                channel_id: busiest.id,
                allow: 0,
                deny,
            })
            .unwrap();
    };
    let mut observer = world.simulator.observe();
    let mut running = world.start().await;
    // Its second page: the first one is in, most is not.
    let page = format!("/channels/{}/messages?limit=100&before=", busiest.id);
    observer
        .until(|happening| matches!(happening, Happening::Request { path, .. } if path.contains(&page)))
        .await
        .unwrap();
    change(READ_MESSAGE_HISTORY);
    world.caught_up(&mut running).await;
    change(0);
    world.finish(running).await;
    world.assert_equals_truth();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_happened_while_a_right_was_away_is_found_though_nobody_looked_then() {
    let world = World::young(209, Config::quick()).await;
    let running = world.followed().await;
    let simulator = &world.simulator;
    let busiest = simulator
        .channels()
        .into_iter()
        .filter(|channel| channel.visible && channel.history && channel.kind == Kind::Text)
        .max_by_key(|channel| channel.messages)
        .unwrap();
    let truth = simulator.truth();
    let mut there = truth
        .iter()
        .filter(|message| message.channel_id == busiest.id && !message.deleted);
    let (edited, deleted) = (there.next().unwrap().id, there.next().unwrap().id);
    let change = |deny| {
        let channel_id = busiest.id;
        let change = PermissionChange::Bot {
            channel_id,
            allow: 0,
            deny,
        };
        simulator.set_permission(change).unwrap();
    };
    change(VIEW_CHANNEL);
    simulator
        .edit_message(busiest.id, edited, "nobody hears this")
        .unwrap();
    simulator.delete_message(busiest.id, deleted).unwrap();
    simulator
        .create_message(busiest.id, Draft::text("nor this"))
        .unwrap();
    change(0);
    world.finish(running).await;
    world.assert_equals_truth_but_for_the_unknowable();
    let rows = rows(&world.database());
    assert_eq!(rows[&deleted].deleted_by.as_deref(), Some("rescan"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_calls_for_a_pass_only_if_what_it_allows_changes() {
    let world = World::new(210, 600).await;
    let mut running = world.start().await;
    let before = world.caught_up(&mut running).await.backfill.calls;
    let guild_id = world.simulator.guilds()[0].id;
    let change = |permissions| {
        let change = PermissionChange::Role {
            guild_id,
            role_id: guild_id,
            permissions,
        };
        world.simulator.set_permission(change).unwrap();
    };
    let everyone = VIEW_CHANNEL | READ_MESSAGE_HISTORY;
    change(everyone);
    let changed = world.caught_up(&mut running).await.backfill.calls;
    assert!(changed > before, "{changed}");
    for _ in 0..3 {
        change(everyone);
    }
    let same = world.caught_up(&mut running).await.backfill.calls;
    assert_eq!(same, changed);
    running.stop().await;
}
