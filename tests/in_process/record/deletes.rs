//! What a delete leaves, and what messages were before their edits.

use chrono::{DateTime, TimeDelta, Utc};
use guildlake::guild::{Channel, ChannelGone, Sighting};
use guildlake::message::{DeletedBy, Gone, Message, MessageId, Source};
use guildlake::store::{Batch, DeletedContent};

use testkit::record::{TestRecord, channel, guild, id, whole};

fn gone(id: MessageId, after: DateTime<Utc>, before: DateTime<Utc>, by: DeletedBy) -> Message {
    let gone = Gone::new(id, after, before, by);
    if by.is_told() {
        Message::told_gone(id, guild(), channel(), gone)
    } else {
        Message::not_shown(id, guild(), channel(), gone, before)
    }
}

#[tokio::test]
async fn the_earliest_notice_of_a_delete_stays_with_its_interval() {
    let mut record = TestRecord::new(10);
    let at = |minute| Utc::now() + TimeDelta::minutes(minute);
    let (seen, told) = (at(5), at(20));
    record.commit(vec![whole(id(1), "x", 0, 0, Source::Rest)]);
    record.commit(vec![gone(id(1), at(25), at(30), DeletedBy::Rescan)]);
    record.commit(vec![gone(id(1), seen, told, DeletedBy::Gateway)]);
    record.commit(vec![gone(id(1), at(40), at(41), DeletedBy::Channel)]);
    let row = record.rows().await.remove(0);
    assert_eq!(row.deleted_by.as_deref(), Some("gateway"));
    let micros = |at: DateTime<Utc>| at.timestamp_micros();
    assert_eq!(row.deleted_after.map(micros), Some(micros(seen)));
    assert_eq!(row.deleted_before.map(micros), Some(micros(told)));
}

#[tokio::test]
async fn a_thread_told_of_after_its_channel_went_is_gone_too() {
    let mut record = TestRecord::new(10);
    let parent = 1_400_000_000_000_000_050_u64.try_into().unwrap();
    let channel_of = |id, parent_id, channel_type| Channel {
        id,
        guild_id: guild(),
        parent_id,
        channel_type,
        name: "c".to_owned(),
    };
    let batch = Batch {
        channels: vec![channel_of(parent, None, 0)],
        channels_gone: vec![ChannelGone {
            id: parent,
            after: Utc::now(),
            before: Utc::now(),
            asked_at: None,
        }],
        ..Batch::default()
    };
    record.record.commit(&batch, Utc::now()).unwrap();
    let batch = Batch {
        channels: vec![channel_of(channel(), Some(parent), 11)],
        messages: vec![whole(id(1), "late", 0, 0, Source::Rest)],
        ..Batch::default()
    };
    record.record.commit(&batch, Utc::now()).unwrap();
    let row = record.rows().await.remove(0);
    assert_eq!(row.deleted_by.as_deref(), Some("channel"));
    // Nothing was known complete there: nobody can say that it was there until its channel went.
    assert_eq!(row.deleted_after, Some(row.created_at));
}

#[tokio::test]
async fn content_can_go_with_the_delete_and_never_comes_back() {
    let mut record = TestRecord::with(3, |settings| {
        settings.deleted_content = DeletedContent::RemoveAfter(TimeDelta::zero());
    });
    record.commit(vec![
        whole(id(1), "secret", 0, 0, Source::Gateway),
        whole(id(2), "stays", 0, 0, Source::Gateway),
    ]);
    record.commit(vec![whole(id(1), "secret, edited", 1, 2, Source::Gateway)]);
    let now = Utc::now();
    record.commit(vec![gone(id(1), now, now, DeletedBy::Gateway)]);
    record.commit(vec![whole(id(1), "secret again", 2, 0, Source::Rest)]);
    // The payload after the delete, too.
    record.commit(vec![gone(id(3), now, now, DeletedBy::Gateway)]);
    record.commit(vec![whole(id(3), "secret, late", 0, 0, Source::Rest)]);
    let mut record = record.reopen();
    record.commit(vec![whole(id(1), "secret for ever", 3, 0, Source::Rest)]);
    let rows = record.rows().await;
    assert_eq!(rows.len(), 3);
    for (row, is_deleted) in rows.iter().zip([true, false, true]) {
        assert_eq!(row.deleted, is_deleted);
        assert_eq!(row.content_removed_at.is_some(), is_deleted);
        assert_eq!(row.raw_json.is_none(), is_deleted);
        assert_eq!(row.content.is_empty(), is_deleted);
        assert_eq!(row.author_id.as_i64(), 77, "counts stay true");
    }
    assert_eq!(record.reader.versions(id(1)).await.unwrap(), Some(vec![]));
}

#[tokio::test]
async fn content_can_go_later() {
    let mut record = TestRecord::with(3, |settings| {
        settings.deleted_content = DeletedContent::RemoveAfter(TimeDelta::days(30));
    });
    for n in 1..=5 {
        record.commit(vec![whole(id(n), "text", 0, 0, Source::Gateway)]);
    }
    record.commit(vec![whole(id(1), "text, edited", 1, 0, Source::Gateway)]);
    let now = Utc::now();
    let long_ago = now - TimeDelta::days(31);
    record.commit(vec![
        gone(id(1), long_ago, long_ago, DeletedBy::Gateway),
        gone(id(2), now, now, DeletedBy::Gateway),
    ]);
    assert_eq!(record.record.remove_content(now).unwrap(), 1);
    assert_eq!(record.record.remove_content(now).unwrap(), 0);
    let rows = record.rows().await;
    let removed: Vec<bool> = rows.iter().map(|row| row.raw_json.is_none()).collect();
    assert_eq!(removed, [true, false, false, false, false]);
    assert_eq!(rows[0].revision, record.record.revision());
    assert_eq!(record.reader.versions(id(1)).await.unwrap(), Some(vec![]));
}

#[tokio::test]
async fn content_is_taken_out_of_a_level_that_moves() {
    let mut record = TestRecord::new(10);
    record.commit(vec![
        whole(id(1), "secret", 0, 0, Source::Gateway),
        whole(id(2), "stays", 0, 0, Source::Gateway),
    ]);
    let now = Utc::now();
    record.commit(vec![
        whole(id(3), "stays", 0, 0, Source::Gateway),
        gone(id(1), now, now, DeletedBy::Gateway),
    ]);
    // The setting is new, and the level is on its way, when another channel ends.
    record.settings.deleted_content = DeletedContent::RemoveAfter(TimeDelta::zero());
    record.settings.hot_rows = 3;
    let mut record = record.reopen();
    record.record.maintain().unwrap();
    let other = 1_400_000_000_000_000_050_u64.try_into().unwrap();
    let batch = Batch {
        channels: vec![Channel {
            id: other,
            guild_id: guild(),
            parent_id: None,
            channel_type: 0,
            name: "c".to_owned(),
        }],
        channels_gone: vec![ChannelGone {
            id: other,
            after: now,
            before: now,
            asked_at: None,
        }],
        ..Batch::default()
    };
    record.record.commit(&batch, now).unwrap();
    record.record.finish_move().unwrap();
    let rows = record.rows().await;
    let removed: Vec<bool> = rows.iter().map(|row| row.raw_json.is_none()).collect();
    assert_eq!(removed, [true, false, false]);
    assert_eq!(rows[0].revision, record.record.revision());
}

#[test]
fn content_is_taken_out_of_any_number_of_messages() {
    const MESSAGES: u64 = 100_010;
    let mut record = TestRecord::new(30_000);
    let now = Utc::now();
    for first in (0..MESSAGES).step_by(10_000) {
        let batch = Batch {
            messages: (first..MESSAGES.min(first + 10_000))
                .map(|n| gone(id(n), now, now, DeletedBy::Gateway))
                .chain(
                    (first..MESSAGES.min(first + 10_000))
                        .map(|n| whole(id(n), "secret", 0, 0, Source::Rest)),
                )
                .collect(),
            ..Batch::default()
        };
        record.record.commit(&batch, now).unwrap();
        record.record.maintain().unwrap();
    }
    record.settings.deleted_content = DeletedContent::RemoveAfter(TimeDelta::zero());
    let mut record = record.reopen();
    assert_eq!(record.record.remove_content(now).unwrap() as u64, MESSAGES);
    assert_eq!(record.record.remove_content(now).unwrap(), 0);
    let (_, left) = record.look(|connection| {
        let sql = "SELECT count(*) FROM discord_messages WHERE raw_json IS NOT NULL OR content_removed_at IS NULL";
        connection.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap()
    });
    assert_eq!(left, 0);
}

#[tokio::test]
async fn earlier_versions_are_kept_however_they_come() {
    let mut record = TestRecord::new(2);
    // The last edit first, then the original late, all in one commit with the middle, twice.
    record.commit(vec![whole(id(1), "third", 2, 0, Source::Gateway)]);
    let late = || {
        vec![
            whole(id(1), "second", 1, 0, Source::Gateway),
            whole(id(1), "first", 0, 0, Source::Rest),
            whole(id(1), "first", 0, 1, Source::Rest),
        ]
    };
    record.commit(late());
    let revision = record.record.revision();
    record.commit(late());
    assert_eq!(record.record.revision(), revision, "nothing new");
    let versions = record.reader.versions(id(1)).await.unwrap().unwrap();
    let shown: Vec<_> = versions
        .iter()
        .map(|it| (it.content.as_str(), it.embed_count, it.is_current))
        .collect();
    assert_eq!(
        shown,
        [
            ("first", 1, false),
            ("second", 0, false),
            ("third", 0, true)
        ]
    );
    assert_eq!(record.reader.versions(id(9)).await.unwrap(), None);
}

#[tokio::test]
async fn a_row_that_is_shown_again_has_a_new_revision_however_little_else_changed() {
    let mut record = TestRecord::new(10);
    // After all observations of the payloads here.
    let late =
        |hours| DateTime::from_timestamp(2_200_000_000, 0).unwrap() + TimeDelta::hours(hours);
    let here = Channel {
        id: channel(),
        guild_id: guild(),
        parent_id: None,
        channel_type: 0,
        name: "c".to_owned(),
    };
    let batch = Batch {
        channels: vec![here],
        ..Batch::default()
    };
    record.record.commit(&batch, Utc::now()).unwrap();
    record.commit(vec![whole(id(1), "x", 2, 0, Source::Rest)]);
    let batch = Batch {
        channels_gone: vec![ChannelGone {
            id: channel(),
            after: Utc::now(),
            before: Utc::now(),
            asked_at: Some(late(1)),
        }],
        ..Batch::default()
    };
    record.record.commit(&batch, Utc::now()).unwrap();
    let missing = record.rows().await.remove(0);
    assert_eq!(missing.deleted_by.as_deref(), Some("missing_channel"));
    // The channel is back, and with it, in one commit, an earlier version of the message: the row shows the same
    // payload as before, and only what the merge rule keeps beside it is written.
    let batch = Batch {
        sightings: vec![Sighting {
            id: channel(),
            at: late(2),
        }],
        messages: vec![whole(id(1), "earlier", 1, 0, Source::Rest)],
        ..Batch::default()
    };
    record.record.commit(&batch, Utc::now()).unwrap();
    let back = record.rows().await.remove(0);
    assert!(!back.deleted);
    assert!(back.revision > missing.revision, "{back:?}");
}
