//! The same at each step of a snapshot: readers see the one before or the new one, whole; the record goes
//! on; and the next snapshot is the record, with nothing left over.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono::Utc;
use guildlake::derived::snapshot::{Follower, Found, Manifest, Settings};
use guildlake::failpoint::STEPS;
use guildlake::message::Source;
use guildlake::status::{Status, StatusSender};
use guildlake::store::{Batch, Record, Table};
use sha2::{Digest, Sha256};
use tokio_util::sync::CancellationToken;

use crate::{FOLDER, each, expected, messages, rows, run_child, settings};
use testkit::record::{id, whole};

/// Commits of a run, each with a snapshot.
const COMMITS: u64 = 12;

fn open(folder: &Path) -> (Record, Follower) {
    let (record, reader) = Record::open(&settings(folder)).unwrap();
    let found = Found::look(folder, &record.state().unwrap());
    let settings = Settings {
        interval: None,
        grace: Duration::from_secs(3600),
        floor: Duration::ZERO,
    };
    let status = StatusSender::new(Status::default());
    (record, Follower::new(reader, found, settings, status))
}

fn commit(record: &mut Record, commit: u64) {
    let batch = Batch {
        messages: messages(commit)
            .map(|(n, content, edit)| whole(id(n), &content, edit, 0, Source::Gateway))
            .collect(),
        ..Batch::default()
    };
    record.commit(&batch, Utc::now()).unwrap();
    record.maintain().unwrap();
}

/// Says of each snapshot that it is published; one that fails stops nothing.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "the child of the other test"]
async fn child() {
    let _orders = fail::FailScenario::setup();
    let folder = PathBuf::from(std::env::var_os(FOLDER).unwrap());
    let (mut record, follower) = open(&folder);
    let mut failed = false;
    for n in 0..COMMITS {
        commit(&mut record, n);
        match follower.take(&CancellationToken::new()).await {
            Ok(_) => println!("acknowledged {}", n + 1),
            Err(_) => failed = true,
        }
    }
    if failed {
        std::process::exit(3);
    }
}

/// What a reader has by the manifest; nothing if there is none.
fn read(folder: &Path) -> Option<(Manifest, BTreeMap<i64, String>)> {
    let root = folder.join("snapshots");
    let text = std::fs::read(root.join("manifest.json")).ok()?;
    let manifest: Manifest = serde_json::from_slice(&text).unwrap();
    let mut files = Vec::new();
    for file in &manifest.files {
        let path = root.join(&file.path);
        let hash = Sha256::digest(std::fs::read(&path).unwrap());
        let hash: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hash, file.sha256, "{}", file.path);
        if file.table == Table::Messages {
            files.push(format!("'{}'", path.display()));
        }
    }
    let connection = duckdb::Connection::open_in_memory().unwrap();
    let sql = format!(
        "SELECT message_id, content FROM read_parquet([{}])",
        files.join(", ")
    );
    let mut statement = connection.prepare(&sql).unwrap();
    let found = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)));
    let mut rows = BTreeMap::new();
    for row in found.unwrap() {
        let (id, content) = row.unwrap();
        assert!(rows.insert(id, content).is_none(), "{id} is there twice");
    }
    Some((manifest, rows))
}

#[test]
fn no_fault_at_any_step_of_a_snapshot_shows_half_of_one() {
    let steps = STEPS
        .into_iter()
        .filter(|step| step.starts_with("snapshot"));
    each(steps, |_| COMMITS, fault);
}

fn fault(order: &str) -> bool {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (acknowledged, ended_well) = run_child("snapshot::child", folder, order);
    if let Some((_, found)) = read(folder) {
        let is_one = (acknowledged..=COMMITS).any(|commits| found == expected(commits));
        assert!(is_one, "{order}: half a state after {acknowledged}");
    } else {
        assert_eq!(acknowledged, 0, "{order}");
    }
    let (record, follower) = open(folder);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let taken = runtime.block_on(follower.take(&CancellationToken::new()));
    taken.unwrap();
    drop((record, follower));
    let (manifest, found) = read(folder).unwrap();
    assert!(found == rows(folder), "{order}: the next one is the record");
    let unfinished = std::fs::read_dir(folder.join("snapshots/tmp")).unwrap();
    assert_eq!(unfinished.count(), 0, "{order}: {manifest:?}");
    !ended_well
}
