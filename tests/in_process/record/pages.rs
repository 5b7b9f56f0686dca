//! Pages while rows arrive, change and move: each is one moment of the record, and no level that holds
//! a row of it is left out.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use chrono::Utc;
use guildlake::message::{IdRange, MessageId, Source};
use guildlake::store::{Batch, Order, PageRequest, Reader};

use testkit::record::{TestRecord, channel, guild, id, whole};

/// Messages of a commit, and commits.
const NEW: u64 = 10;
const COMMITS: u64 = 120;

/// What a commit writes: new messages, and edits of others wherever they are by now.
fn written(commit: u64) -> impl Iterator<Item = u64> {
    let known = (commit - 1) * NEW;
    let old = (1..=3).filter_map(move |n| (commit * 7919 * n).checked_rem(known));
    (known + 1..=known + NEW).chain(old.map(|n| n + 1))
}

/// Every message after so many commits, with the commit that wrote it last.
fn after(commits: u64) -> BTreeMap<MessageId, u64> {
    let all = (1..=commits).flat_map(|commit| written(commit).map(move |n| (id(n), commit)));
    all.collect()
}

fn request(order: Order, limit: usize, range: IdRange) -> PageRequest {
    PageRequest {
        guild_id: guild(),
        channel_id: channel(),
        range,
        order,
        limit,
        include_deleted: false,
        include_raw: false,
    }
}

/// The whole channel as one page.
async fn whole_page(reader: &Reader, order: Order) -> BTreeMap<MessageId, u64> {
    let page = reader.page(request(order, 100_000, IdRange::ALL)).await;
    let rows = page.unwrap().rows;
    let mut in_order = rows.clone();
    in_order.sort_by_key(|row| row.message_id);
    if order == Order::Descending {
        in_order.reverse();
    }
    assert_eq!(rows, in_order);
    let read: BTreeMap<_, _> = rows
        .iter()
        .map(|row| (row.message_id, row.content.parse().unwrap()))
        .collect();
    assert_eq!(read.len(), rows.len(), "a message has two rows");
    read
}

/// All pages, one after the other.
async fn walk(reader: &Reader, order: Order, limit: usize) -> Vec<MessageId> {
    let mut range = IdRange::ALL;
    let mut ids = Vec::new();
    loop {
        let page = reader.page(request(order, limit, range)).await.unwrap();
        assert!(page.rows.len() <= limit);
        ids.extend(page.rows.iter().map(|row| row.message_id));
        let Some(cursor) = page.next_cursor else {
            return ids;
        };
        assert_eq!(ids.last(), Some(&cursor));
        match order {
            Order::Descending => range.high = cursor.as_i64(),
            Order::Ascending => range.low = cursor.as_i64() + 1,
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_page_is_one_moment_while_rows_arrive_and_move() {
    let mut record = TestRecord::new(60);
    let reader = record.reader.clone();
    let committed = Arc::new(AtomicU64::new(0));
    let done = Arc::clone(&committed);
    let writer = std::thread::spawn(move || {
        for commit in 1..=COMMITS {
            let edit = u32::try_from(commit).unwrap();
            let text = commit.to_string();
            let messages = written(commit).map(|n| whole(id(n), &text, edit, 0, Source::Gateway));
            let batch = Batch {
                messages: messages.collect(),
                ..Batch::default()
            };
            record.record.commit(&batch, Utc::now()).unwrap();
            done.store(commit, Ordering::SeqCst);
            record.record.maintain().unwrap();
        }
        record
    });
    let mut turns = 0_u64;
    while !writer.is_finished() {
        turns += 1;
        let order = [Order::Descending, Order::Ascending][usize::try_from(turns % 2).unwrap()];
        let least = committed.load(Ordering::SeqCst);
        let page = whole_page(&reader, order).await;
        let commits = page.len() as u64 / NEW;
        assert!(commits >= least, "{commits} commits are seen of {least}");
        assert_eq!(page, after(commits), "after {commits} commits");

        let start = after(committed.load(Ordering::SeqCst));
        let walked = walk(&reader, order, 170).await;
        let each: BTreeMap<_, _> = walked.iter().map(|id| (*id, ())).collect();
        assert_eq!(each.len(), walked.len(), "a message came twice");
        assert!(start.keys().all(|id| each.contains_key(id)));

        for n in 1..=20 {
            let known = committed.load(Ordering::SeqCst) * NEW;
            if let Some(n) = (turns * 104_729 * n).checked_rem(known) {
                let found = reader.message(id(n + 1), n % 2 == 0).await.unwrap();
                assert_eq!(found.map(|row| row.message_id), Some(id(n + 1)));
            }
        }
    }
    let record = writer.join().unwrap().reopen();
    let page = whole_page(&record.reader, Order::Descending).await;
    assert_eq!(page, after(COMMITS));
    assert!(turns > 3, "{turns}");
}

#[tokio::test]
async fn pages_find_rows_however_far_apart_they_are() {
    let mut record = TestRecord::new(40);
    // Crowds of a hundred, a second apart, with ever longer silences between.
    let numbers: Vec<u64> = (0..8_u32)
        .flat_map(|crowd| (1..=100).map(move |n| 20_u64.pow(crowd) + n))
        .collect();
    for part in numbers.chunks(30) {
        let messages = part
            .iter()
            .map(|&n| whole(id(n), "0", 0, 0, Source::Gateway));
        record.commit(messages.collect());
    }
    let mut expected: Vec<MessageId> = numbers.iter().map(|&n| id(n)).collect();
    expected.sort_unstable();
    expected.dedup();
    for limit in [1, 3, 60, 500] {
        let walked = walk(&record.reader, Order::Ascending, limit).await;
        assert_eq!(walked, expected);
        let mut walked = walk(&record.reader, Order::Descending, limit).await;
        walked.reverse();
        assert_eq!(walked, expected);
    }
    // Between and beyond them is nothing.
    let empty = IdRange {
        low: id(200).as_i64(),
        high: id(400).as_i64(),
    };
    for range in [
        empty,
        IdRange { low: 5, high: 5 },
        IdRange { low: 0, high: 9 },
    ] {
        let page = record
            .reader
            .page(request(Order::Ascending, 5, range))
            .await;
        let page = page.unwrap();
        assert!(page.rows.is_empty() && page.next_cursor.is_none());
    }
    assert_eq!(record.reader.message(id(300), true).await.unwrap(), None);
}
