//! The merge law by its algebra, and what it means for single messages. What it means for whole
//! histories is in `histories.rs`.

use chrono::{TimeZone, Utc};
use guildlake::guild::{Channel, ChannelGone};
use guildlake::message::{
    Counted, DeletedBy, Gone, Life, Message, Observed, Source, Step, Tally, read_update,
};
use guildlake::store::{Batch, DeletedContent};
use proptest::prelude::*;

use testkit::payload::observed;
use testkit::record::{TestRecord, channel, edit_time, guild, id, payload, whole};

/// Something that happens to a message, at one of a few times: some of them at the same.
fn anything() -> impl Strategy<Value = Message> {
    let source = prop_oneof![
        Just(Source::Gateway),
        Just(Source::Rest),
        Just(Source::Import)
    ];
    let second = 0_i64..8;
    prop_oneof![
        5 => (second.clone(), "[a-c]{0,2}", 0_u32..3, 0_usize..3, source)
            .prop_map(|(second, content, edit, embeds, source)| {
                let payload = payload(id(1), &content, edit, embeds);
                Message::read(guild(), source, at(second), &payload).unwrap()
            }),
        3 => (second.clone(), proptest::option::of("[x-z]{0,2}"), 0_u32..3, proptest::option::of(0_usize..3))
            .prop_map(|(second, content, edit, embeds)| partial(at(second), content, edit, embeds)),
        2 => (second.clone(), prop_oneof![Just(Step::Added), Just(Step::Removed), Just(Step::Cleared)])
            .prop_map(|(second, step)| {
                let of = Counted { key: "x".to_owned(), name: None };
                Message {
                    reactions: Tally::change(at(second), of, step, false),
                    life: Life::alive(at(second).at),
                    ..Message::unknown(id(1), guild(), channel())
                }
            }),
        1 => (second.clone(), prop_oneof![Just(DeletedBy::Gateway), Just(DeletedBy::Bulk), Just(DeletedBy::Channel)])
            .prop_map(|(second, by)| {
                let gone = Gone::new(id(1), id(1).created_at(), at(second).at, by);
                Message::told_gone(id(1), guild(), channel(), gone)
            }),
        2 => (second, 0_i64..2).prop_map(|(second, later)| {
            let gone = Gone::new(id(1), id(1).created_at(), at(second + later).at, DeletedBy::Rescan);
            Message::not_shown(id(1), guild(), channel(), gone, at(second).at)
        }),
    ]
}

fn at(second: i64) -> Observed {
    Observed::asked(Utc.timestamp_opt(1_950_000_000 + second, 0).unwrap())
}

fn partial(
    observed: Observed,
    content: Option<String>,
    edit: u32,
    embeds: Option<usize>,
) -> Message {
    let mut update = serde_json::json!({
        "id": id(1).to_string(), "channel_id": channel().to_string(),
    });
    if let Some(content) = content {
        update["content"] = content.into();
    }
    if let Some(at) = edit_time(edit) {
        update["edited_timestamp"] = serde_json::to_value(at).unwrap();
    }
    if let Some(embeds) = embeds {
        update["embeds"] = vec![serde_json::json!({"type": "link"}); embeds].into();
    }
    read_update(guild(), observed, &update.to_string()).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 10_000, ..ProptestConfig::default() })]

    #[test]
    fn join_is_commutative_associative_and_idempotent(
        a in anything(), b in anything(), c in anything(),
    ) {
        prop_assert_eq!(a.clone().join(b.clone()), b.clone().join(a.clone()));
        prop_assert_eq!(
            a.clone().join(b.clone()).join(c.clone()),
            a.clone().join(b.clone().join(c))
        );
        let ab = a.clone().join(b.clone());
        prop_assert_eq!(ab.clone().join(a), ab.clone());
        prop_assert_eq!(ab.clone().join(b), ab);
    }
}

#[tokio::test]
async fn a_delete_stops_what_arrives_later_for_ids_never_seen() {
    let mut record = TestRecord::new(10);
    let gone = Gone::new(id(1), Utc::now(), Utc::now(), DeletedBy::Gateway);
    record.commit(vec![Message::told_gone(id(1), guild(), channel(), gone)]);
    assert!(
        record.rows().await.is_empty(),
        "a delete alone is no message"
    );
    let mut record = record.reopen();
    record.commit(vec![whole(id(1), "late", 0, 0, Source::Rest)]);
    let rows = record.rows().await;
    assert_eq!(rows.len(), 1);
    assert!(rows[0].deleted);
}

#[tokio::test]
async fn an_unfurl_is_no_edit_and_what_changes_nothing_is_no_revision() {
    let mut record = TestRecord::new(10);
    record.commit(vec![whole(
        id(1),
        "see https://a.example",
        0,
        0,
        Source::Gateway,
    )]);
    record.commit(vec![partial(observed(), None, 0, Some(1))]);
    let row = record.rows().await.remove(0);
    assert_eq!((row.embed_count, row.edited_at, row.revision), (1, None, 2));
    record.commit(vec![partial(observed(), None, 0, Some(1))]);
    let page = |record: &mut TestRecord| {
        record.commit(vec![whole(
            id(1),
            "see https://a.example",
            0,
            1,
            Source::Rest,
        )]);
    };
    assert_eq!(record.record.revision(), 2);
    // A page has another payload, and shows the same message each time that it is read.
    page(&mut record);
    assert_eq!(record.record.revision(), 3);
    page(&mut record);
    let mut record = record.reopen();
    page(&mut record);
    assert_eq!(record.record.revision(), 3);
}

/// What strangers write must not stop the writer: it is kept, or refused before it gets there.
#[tokio::test]
async fn whatever_strangers_write_is_kept_byte_for_byte() {
    let mut record = TestRecord::new(2);
    let contents = [
        "\0 a NUL and \u{1} controls \u{7f}".to_owned(),
        "emoji 👩‍🚀, right-to-left \u{202e}abc, combining e\u{301}, \u{feff}BOM, \u{ffff}".to_owned(),
        "quotes ' \" \\ ; -- /* $1 ? {}".to_owned(),
        "x".repeat(2_000_000),
        String::new(),
    ];
    for (n, content) in contents.iter().enumerate() {
        record.commit(vec![whole(
            id(n as u64 + 1),
            content,
            0,
            0,
            Source::Gateway,
        )]);
    }
    let rows = record.rows().await;
    for (row, content) in rows.iter().zip(&contents) {
        assert_eq!(&row.content, content);
        assert_eq!(
            row.raw_json.as_deref(),
            Some(payload(row.message_id, content, 0, 0).as_str())
        );
    }
    assert_eq!(rows.len(), contents.len());
    let lone = payload(id(9), "X", 0, 0).replace('X', "\\ud800");
    assert!(
        Message::read(guild(), Source::Rest, observed(), &lone).is_err(),
        "half a character is no text"
    );
}

/// A page's payload of a message with a poll, with more fields.
fn poll(second: i64, source: Source, more: &serde_json::Value) -> Message {
    let mut whole: serde_json::Value = serde_json::from_str(&payload(id(1), "x", 0, 0)).unwrap();
    whole["poll"] = serde_json::json!({"question": {"text": "?"}, "answers": []});
    for (field, value) in more.as_object().unwrap() {
        whole[field] = value.clone();
    }
    Message::read(guild(), source, at(second), &whole.to_string()).unwrap()
}

fn change(second: i64, key: &str, step: Step) -> Tally {
    let of = Counted {
        key: key.to_owned(),
        name: None,
    };
    Tally::change(at(second), of, step, false)
}

fn event(reactions: Tally, votes: Tally) -> Message {
    Message {
        reactions,
        votes,
        ..Message::unknown(id(1), guild(), channel())
    }
}

/// What a row would hold, and no commit would ever settle, is not asked for again and again.
#[test]
fn only_what_an_answer_can_settle_is_asked_for() {
    let none = serde_json::json!({});
    let vote = event(Tally::default(), change(200, "1", Step::Added));
    let page = poll(0, Source::Rest, &none).join(vote.clone());
    assert!(!page.is_unsettled(None), "REST does not tell the votes");
    assert!(vote.is_unsettled(None), "nothing but a vote is known");
    let live = poll(0, Source::Gateway, &none).join(vote);
    assert!(!live.is_unsettled(None), "each vote was heard");
    let heard_since = Some(at(100).at);
    assert!(live.is_unsettled(heard_since), "votes before that were not");

    let react = |second| event(change(second, "x", Step::Added), Tally::default());
    let page = || poll(0, Source::Rest, &none);
    assert!(page().join(react(60)).is_unsettled(None), "it may be in it");
    assert!(!page().join(react(600)).is_unsettled(None));
    // It was replayed: it may have happened long before it came.
    let replayed = change(600, "x", Step::Added).replayed_since(Some(at(30).at));
    let replayed = event(replayed, Tally::default());
    assert!(page().join(replayed).is_unsettled(None));
}

/// The same rule at a start, for what the process before left open: in level 0, and in a sorted run.
#[test]
fn a_start_asks_only_for_what_an_answer_can_settle() {
    let none = serde_json::json!({});
    let results = serde_json::json!({"poll": {
        "question": {"text": "?"}, "answers": [],
        "results": {"is_finalized": false, "answer_counts": [{"id": 1, "count": 2}]},
    }});
    let vote = |second| event(Tally::default(), change(second, "1", Step::Added));
    let votes = (0..300).map(|n| vote(200 + n)).reduce(Message::join);
    let page = || poll(0, Source::Rest, &none);
    let left = |message: &Message, hot_rows| {
        let mut record = TestRecord::new(hot_rows);
        record.commit(vec![message.clone()]);
        record.record.finish_move().unwrap();
        let at_once = record.record.take_unsettled();
        let at_the_start = record.reopen().record.take_unsettled();
        (at_once.len(), at_the_start.len())
    };
    for hot_rows in [1, 100] {
        let told = poll(0, Source::Rest, &results);
        let counted = told.clone().join(vote(60));
        assert_eq!(left(&counted, hot_rows), (1, 1), "it may be in the page");
        assert_eq!(left(&told.join(vote(600)), hot_rows), (0, 0));
        let message = page().join(vote(200));
        assert_eq!(left(&message, hot_rows), (0, 0), "REST does not tell it");
        // The votes since the poll began are known, and too many to keep; a later page does not tell them.
        let message = poll(-60, Source::Gateway, &none).join(page());
        let message = votes.clone().unwrap().join(message);
        assert_eq!(left(&message, hot_rows), (0, 0), "REST tells no total");
    }
}

#[test]
fn counts_of_a_partial_update_do_not_outlive_what_changed_them() {
    let none = serde_json::json!({});
    let update = serde_json::json!({
        "id": id(1).to_string(), "channel_id": channel().to_string(),
        "reactions": [{"count": 1, "emoji": {"id": null, "name": "x"}}],
        "poll": {"question": {"text": "?"}, "answers": [],
                 "results": {"is_finalized": true, "answer_counts": [{"id": 1, "count": 2}]}},
    });
    let update = read_update(guild(), at(1), &update.to_string()).unwrap();
    let message = poll(0, Source::Rest, &none).join(update);
    let shown = message.shown().unwrap();
    assert_eq!(shown.reaction_count, Some(1));
    let removed = event(change(2, "x", Step::Removed), change(2, "1", Step::Added));
    let message = message.join(removed);
    let shown = message.shown().unwrap();
    assert_eq!(
        (shown.reaction_count, shown.reactions.as_deref()),
        (Some(0), Some("[]"))
    );
    let fields: serde_json::Value =
        serde_json::from_str(shown.changed_fields.as_deref().unwrap()).unwrap();
    assert!(fields["reactions"].is_null(), "{fields}");
    let results = &fields["poll"]["results"];
    assert_eq!(results["is_finalized"], true, "{fields}");
    assert_eq!(results["answer_counts"][0]["count"], 3, "{fields}");
}

#[tokio::test]
async fn what_was_taken_out_with_a_missing_channel_is_kept_again_once_it_lives() {
    let mut record = TestRecord::with(10, |settings| {
        settings.deleted_content = DeletedContent::RemoveAfter(chrono::TimeDelta::zero());
    });
    let page = |content: &str| {
        let payload = payload(id(1), content, 0, 0);
        Message::read(guild(), Source::Rest, observed(), &payload).unwrap()
    };
    let early = page("early");
    let channel_of = Channel {
        id: channel(),
        guild_id: guild(),
        parent_id: None,
        channel_type: 0,
        name: "c".to_owned(),
    };
    let batch = Batch {
        channels: vec![channel_of],
        messages: vec![page("secret")],
        ..Batch::default()
    };
    record.record.commit(&batch, Utc::now()).unwrap();
    let asked_at = observed().at;
    let batch = Batch {
        channels_gone: vec![ChannelGone {
            id: channel(),
            after: asked_at,
            before: asked_at,
            asked_at: Some(asked_at),
        }],
        ..Batch::default()
    };
    record.record.commit(&batch, Utc::now()).unwrap();
    let row = record.rows().await.remove(0);
    assert!(row.deleted && row.content_removed_at.is_some());
    // A page that was asked for before that brings nothing back.
    record.commit(vec![early]);
    let row = record.rows().await.remove(0);
    assert!(row.deleted && row.raw_json.is_none());
    record.commit(vec![page("it lives")]);
    let mut record = record.reopen();
    let row = record.rows().await.remove(0);
    assert!(!row.deleted && row.content_removed_at.is_none());
    assert_eq!(row.content, "it lives");
    record.commit(vec![page("and goes on")]);
    assert_eq!(record.rows().await.remove(0).content, "and goes on");
}
