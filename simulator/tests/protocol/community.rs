//! The generator: reproducible, lifelike, quick.

use std::collections::{HashMap, HashSet};

use simulator::{Burst, Community, Config, Simulator, TruthMessage, unix_ms};

fn plan(seed: u64) -> Community {
    let anchor = chrono::DateTime::parse_from_rfc3339("2026-03-02T12:00:00Z")
        .unwrap()
        .to_utc();
    Community {
        messages: 4000,
        anchor: Some(anchor),
        ..Community {
            seed,
            ..Community::default()
        }
    }
}

async fn start(plan: Community) -> Simulator {
    Simulator::start(Config::quick().with_community(plan))
        .await
        .unwrap()
}

#[tokio::test]
async fn the_same_seed_is_the_same_community() {
    let (one, two, other) = (
        start(plan(3)).await,
        start(plan(3)).await,
        start(plan(4)).await,
    );
    assert_eq!(one.truth(), two.truth());
    assert_eq!(one.channels(), two.channels());
    assert_eq!(one.threads(), two.threads());
    assert_ne!(one.truth(), other.truth());
}

#[tokio::test]
async fn it_looks_lived_in() {
    let sim = start(plan(3)).await;
    let truth = sim.truth();
    let mut ids = HashSet::new();
    assert!(
        truth.iter().all(|message| ids.insert(message.id)),
        "ids are unique"
    );
    assert!(truth.len() >= 4000);
    let share = |wanted: &dyn Fn(&TruthMessage) -> bool| {
        truth.iter().filter(|message| wanted(message)).count()
    };
    for kind in [0, 6, 7, 8, 18, 19, 20, 21, 23, 46, 55] {
        assert!(share(&|message| message.kind == kind) > 0, "type {kind}");
    }
    for part in [
        "message_snapshots",
        "\"poll\"",
        "sticker_items",
        "webhook_id",
        "\"bot\":true",
        "reactions",
        "accent_color\":5793266",
    ] {
        assert!(share(&|message| message.rest.contains(part)) > 0, "{part}");
    }
    assert!(share(&|message| message.edited_timestamp.is_some()) > 50);
    assert!(share(&|message| message.attachment_count > 0) > 50);
    assert!(share(&|message| message.embed_count > 0) > 50);
    for letters in ['é', 'ß', 'ñ', 'ã', '明', '문', 'ม', 'ا', 'ж'] {
        assert!(
            share(&|message| message.content.contains(letters)) > 0,
            "{letters}"
        );
    }
    let written: HashSet<bool> = truth
        .iter()
        .map(|message| message.rest.contains("\\u00e9"))
        .collect();
    assert_eq!(written.len(), 2, "escaped and not escaped");
    assert!(share(&|message| message.rest.contains("18446744073709551617")) > 0);
    let mut sizes: HashMap<u64, usize> = HashMap::new();
    truth
        .iter()
        .for_each(|message| *sizes.entry(message.channel_id).or_default() += 1);
    let (most, least) = (sizes.values().max().unwrap(), sizes.values().min().unwrap());
    assert!(most > &(least * 10), "a Zipf law: {most}, {least}");
    let hour = |message: &TruthMessage| (unix_ms(message.id) / 3_600_000) % 24;
    assert!(share(&|message| hour(message) == 20) > 4 * share(&|message| hour(message) == 4));
    let milliseconds: HashSet<u64> = truth.iter().map(|message| unix_ms(message.id)).collect();
    assert!(
        milliseconds.len() < truth.len(),
        "several share a millisecond"
    );
}

#[tokio::test]
async fn fifty_thousand_messages_in_seconds() {
    let sim = start(Community {
        messages: 50_000,
        channels: 30,
        threads: 10,
        ..Community::default()
    })
    .await;
    let rooms: usize = sim
        .channels()
        .iter()
        .chain(&sim.threads())
        .map(|room| room.messages)
        .sum();
    assert!(rooms >= 50_000);
}

#[tokio::test]
async fn a_burst_is_a_mix_and_the_truth_follows() {
    let sim = start(plan(3)).await;
    let before = sim.truth().len();
    assert!(
        sim.burst(Burst {
            events: 3000,
            seed: 9,
            ..Burst::default()
        }) >= 3000
    );
    let truth = sim.truth();
    let fresh: Vec<&TruthMessage> = truth
        .iter()
        .filter(|message| message.gateway.is_some())
        .collect();
    assert!(truth.len() > before + 1500);
    assert!(fresh.iter().filter(|message| message.deleted).count() > 50);
    assert!(
        fresh
            .iter()
            .filter(|message| message.edited_timestamp.is_some())
            .count()
            > 50
    );
    assert!(
        fresh.iter().all(|message| !message.shown),
        "nobody was there"
    );
    let threads = sim.threads().len();
    assert!(threads > 20, "{threads} threads");
}

#[tokio::test]
async fn traffic_goes_on_until_its_guard_is_dropped() {
    let sim = start(plan(3)).await;
    let before = sim.truth().len();
    let traffic = sim.traffic(1000.0);
    while sim.truth().len() < before + 20 {
        tokio::task::yield_now().await;
    }
    drop(traffic);
}

#[tokio::test]
async fn most_messages_have_no_reaction_and_a_few_have_many() {
    let sim = start(plan(3)).await;
    let truth = sim.truth();
    let reacted: Vec<&TruthMessage> = truth
        .iter()
        .filter(|message| !message.reactions.is_empty())
        .collect();
    assert!(
        reacted.len() * 4 < truth.len() && reacted.len() * 20 > truth.len(),
        "{} of {} have reactions",
        reacted.len(),
        truth.len()
    );
    let count = |message: &TruthMessage| -> u32 {
        message
            .reactions
            .iter()
            .map(|reaction| reaction.count)
            .sum()
    };
    assert!(reacted.iter().filter(|message| count(message) <= 2).count() * 2 > reacted.len());
    assert!(reacted.iter().any(|message| count(message) > 50));
    let kind = |wanted: &dyn Fn(&simulator::TruthReaction) -> bool| {
        let mut all = reacted.iter().flat_map(|message| &message.reactions);
        all.any(wanted)
    };
    assert!(kind(&|reaction| reaction.burst > 0));
    assert!(kind(&|reaction| reaction.emoji.animated));
    assert!(kind(
        &|reaction| reaction.emoji.id.is_some() && reaction.emoji.name.is_empty()
    ));
    let named =
        |reaction: &simulator::TruthReaction| reaction.users.len() == reaction.count as usize;
    assert!(
        !kind(&|reaction| !named(reaction)),
        "everybody is known by name"
    );
    assert!(truth.iter().any(|message| message.pinned));
    assert!(
        truth
            .iter()
            .any(|message| message.flags & simulator::SUPPRESS_EMBEDS != 0)
    );
    let mut polls = truth.iter().filter_map(|message| message.poll.as_ref());
    assert!(polls.clone().any(|poll| poll.finalized));
    assert!(polls.any(|poll| poll.votes.values().sum::<u32>() > 3));
}

#[tokio::test]
async fn people_respond_in_a_burst() {
    let sim = start(plan(3)).await;
    let before: HashMap<u64, TruthMessage> = sim
        .truth()
        .into_iter()
        .map(|message| (message.id, message))
        .collect();
    sim.burst(Burst {
        events: 6000,
        seed: 11,
        ..Burst::default()
    });
    let truth = sim.truth();
    let changed = |wanted: &dyn Fn(&TruthMessage, &TruthMessage) -> bool| {
        let old = truth
            .iter()
            .filter_map(|now| Some((before.get(&now.id)?, now)));
        old.filter(|(then, now)| !now.deleted && wanted(then, now))
            .count()
    };
    assert!(changed(&|then, now| then.reactions != now.reactions) > 20);
    assert!(changed(&|then, now| then.pinned != now.pinned) > 0);
    let fresh: Vec<&TruthMessage> = truth
        .iter()
        .filter(|message| !before.contains_key(&message.id))
        .collect();
    assert!(
        fresh
            .iter()
            .filter(|message| !message.reactions.is_empty())
            .count()
            > 50
    );
    let votes = |message: &TruthMessage| {
        let poll = message.poll.as_ref();
        poll.map_or(0, |poll| poll.votes.values().sum::<u32>())
    };
    assert!(fresh.iter().map(|message| votes(message)).sum::<u32>() > 20);
    assert!(
        fresh.iter().any(|message| message.kind == 46),
        "a poll has ended"
    );
    assert!(
        fresh.iter().any(|message| message.kind == 6),
        "something was pinned"
    );
}
