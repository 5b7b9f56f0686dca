//! The merge law by its algebra, and what it means for single messages. What it means for whole
//! histories is in `histories.rs`.

use chrono::{TimeZone, Utc};
use guildlake::message::{DeletedBy, Gone, Message, Source, read_update};
use proptest::prelude::*;

use crate::support::{TestRecord, channel, edit_time, guild, id, payload, whole};

/// Something that happens to one of a few messages.
fn event() -> impl Strategy<Value = Message> {
    let which = 1_u64..6;
    let source = prop_oneof![
        Just(Source::Gateway),
        Just(Source::Rest),
        Just(Source::Import)
    ];
    prop_oneof![
        5 => (which.clone(), "[a-c]{0,2}", 0_u32..3, 0_usize..3, source)
            .prop_map(|(n, content, edit, embeds, source)| whole(id(n), &content, edit, embeds, source)),
        3 => (which.clone(), proptest::option::of("[x-z]{0,2}"), 0_u32..3, proptest::option::of(0_usize..3))
            .prop_map(|(n, content, edit, embeds)| partial(n, content, edit, embeds)),
        1 => (which, 0_i64..3, prop_oneof![Just(DeletedBy::Gateway), Just(DeletedBy::Bulk), Just(DeletedBy::Rescan)])
            .prop_map(|(n, at, by)| {
                let noticed_at = Utc.timestamp_opt(1_950_000_000 + at, 0).unwrap();
                Message::gone(id(n), guild(), channel(), Gone { after: id(n).created_at(), before: noticed_at, by })
            }),
    ]
}

fn partial(n: u64, content: Option<String>, edit: u32, embeds: Option<usize>) -> Message {
    let mut update = serde_json::json!({
        "id": id(n).to_string(), "channel_id": channel().to_string(),
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
    read_update(guild(), &update.to_string()).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 10_000, ..ProptestConfig::default() })]

    #[test]
    fn join_is_commutative_associative_and_idempotent(
        a in event(), b in event(), c in event(),
    ) {
        let [a, b, c] = [a, b, c].map(|m| Message { id: id(1), ..m });
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
    let gone = Gone {
        after: Utc::now(),
        before: Utc::now(),
        by: DeletedBy::Gateway,
    };
    record.commit(vec![Message::gone(id(1), guild(), channel(), gone)]);
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
    record.commit(vec![partial(1, None, 0, Some(1))]);
    let row = record.rows().await.remove(0);
    assert_eq!((row.embed_count, row.edited_at, row.revision), (1, None, 2));
    record.commit(vec![partial(1, None, 0, Some(1))]);
    record.commit(vec![whole(
        id(1),
        "see https://a.example",
        0,
        0,
        Source::Rest,
    )]);
    assert_eq!(record.record.revision(), 2);
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
        Message::read(guild(), Source::Rest, &lone).is_err(),
        "half a character is no text"
    );
}
