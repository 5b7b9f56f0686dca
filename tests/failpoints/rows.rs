//! The same at each step of the row store: what it answers is the record, nothing is lost or doubled, whatever fails.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono::Utc;
use guildlake::derived::rows::{Follower, Rows, Settings};
use guildlake::failpoint::STEPS;
use guildlake::message::{IdRange, Source};
use guildlake::status::StatusSender;
use guildlake::store::{Batch, Order, PageRequest, Record};
use tokio_util::sync::CancellationToken;

use crate::{FOLDER, each, rows, run_child, settings};
use testkit::record::{channel, guild, id, whole};

/// Commits of a run.
const COMMITS: u64 = 12;

/// Steps that are reached once, when it is filled and brought level.
const ONCE: [&str; 2] = ["rows_filled", "rows_read"];

/// The messages of a commit: three new ones, then an edit of one, then of another, and so on. What only edits misses is
/// not in the number of rows.
fn messages(n: u64) -> Vec<(u64, String, u32)> {
    let first = n - n % 3;
    match n % 3 {
        0 => (1..=3)
            .map(|k| (first + k, format!("text {n} {k}"), 0))
            .collect(),
        k => vec![(first + k, format!("edit {n}"), 1)],
    }
}

struct Opened {
    record: Record,
    follower: Follower,
    rows: Rows,
}

fn open(folder: &Path) -> Opened {
    let (mut record, reader) = Record::open(&settings(folder)).unwrap();
    let settings = Settings {
        cache: 1 << 20,
        forget_every: Duration::from_secs(3600),
    };
    let follower = Follower::new(reader, folder, settings, StatusSender::default());
    let feed = follower.feed();
    record.observe(move |changed| feed.committed(changed));
    Opened {
        record,
        rows: follower.rows(),
        follower,
    }
}

/// Says of each commit that it is acknowledged; the row store is brought level again wherever it is not.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "the child of the other test"]
async fn child() {
    let _orders = fail::FailScenario::setup();
    let folder = PathBuf::from(std::env::var_os(FOLDER).unwrap());
    let mut opened = open(&folder);
    let stop = CancellationToken::new();
    let mut failed = false;
    for n in 0..COMMITS {
        if !opened.rows.is_level() {
            failed |= opened.follower.catch_up_once(&stop).await.is_err();
        }
        let batch = Batch {
            messages: messages(n)
                .into_iter()
                .map(|(n, content, edit)| whole(id(n), &content, edit, 0, Source::Gateway))
                .collect(),
            ..Batch::default()
        };
        opened.record.commit(&batch, Utc::now()).unwrap();
        failed |= !opened.rows.is_level();
        println!("acknowledged {}", n + 1);
        opened.record.maintain().unwrap();
    }
    if failed {
        std::process::exit(3);
    }
}

#[test]
fn no_fault_at_any_step_of_the_row_store_loses_or_doubles_a_message() {
    let steps = STEPS.into_iter().filter(|step| step.starts_with("rows"));
    let once = |step: &str| ONCE.contains(&step);
    each(steps, |step| if once(step) { 2 } else { COMMITS }, fault);
}

fn fault(order: &str) -> bool {
    let mut order = order.to_owned();
    for step in ONCE {
        order = order.replace(&format!("{step}=1*off->"), &format!("{step}="));
    }
    let order = &order;
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (acknowledged, ended_well) = run_child("rows::child", folder, order);
    let opened = open(folder);
    let revision = opened.record.revision();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let found = runtime.block_on(async {
        let stop = CancellationToken::new();
        let mark = opened.follower.catch_up_once(&stop).await.unwrap();
        assert_eq!(mark.revision, revision, "{order}");
        let request = PageRequest {
            guild_id: guild(),
            channel_id: channel(),
            range: IdRange::ALL,
            order: Order::Ascending,
            limit: 10_000,
            include_deleted: true,
            include_raw: false,
        };
        opened.rows.page(&request).await.unwrap().rows
    });
    let found: BTreeMap<i64, String> = found
        .into_iter()
        .map(|row| (row.message_id.as_i64(), row.content))
        .collect();
    drop(opened);
    let expected = rows(folder);
    assert_eq!(found, expected, "{order}");
    let least = (0..acknowledged).flat_map(messages).map(|(n, ..)| n).max();
    let least = least.map_or(0, |n| usize::try_from(n).unwrap());
    assert!(expected.len() >= least, "{order}: {} rows", expected.len());
    !ended_well
}
