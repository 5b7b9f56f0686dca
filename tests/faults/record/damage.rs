//! Damaged files: the record opens with exactly the commits up to the damage and says what is lost,
//! or refuses with a reason. Never wrong rows, never silence. `make damage` runs 500 of each.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use chrono::Utc;
use guildlake::message::Source;
use guildlake::store::{Batch, Record, StoreSettings};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tempfile::TempDir;

use testkit::record::{id, whole};

const COMMITS: u64 = 60;
const CHECKPOINT_AFTER: u64 = 20;
const ROWS: u64 = 5;

/// A record's files as a process that was killed leaves them.
struct Image {
    folder: TempDir,
}

pub(crate) fn settings(folder: &Path) -> StoreSettings {
    let mut settings = StoreSettings::new(folder.join("r.duckdb"), folder.join("tmp"));
    settings.threads = Some(1);
    settings.readers = 1;
    settings
}

/// The rows after so many commits. Every seventh commit edits what the one before wrote.
pub(crate) fn expected(commits: u64) -> BTreeMap<i64, String> {
    let mut rows = BTreeMap::new();
    for commit in 0..commits {
        for (n, content, _) in rows_of(commit) {
            rows.insert(id(n).as_i64(), content);
        }
    }
    rows
}

fn rows_of(commit: u64) -> impl Iterator<Item = (u64, String, u32)> {
    let is_edit = commit % 7 == 6;
    let target = if is_edit { commit - 1 } else { commit };
    (0..ROWS).map(move |n| {
        let text = format!("{commit} {n} {}", "text ".repeat(40));
        (1 + target * ROWS + n, text, u32::from(is_edit))
    })
}

pub(crate) fn batch(commit: u64) -> Batch {
    Batch {
        messages: rows_of(commit)
            .map(|(n, content, edit)| whole(id(n), &content, edit, 0, Source::Gateway))
            .collect(),
        ..Batch::default()
    }
}

impl Image {
    fn new() -> Self {
        let live = tempfile::tempdir().unwrap();
        let (mut record, _reader) = Record::open(&settings(live.path())).unwrap();
        let image = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        for commit in 0..COMMITS {
            record.commit(&batch(commit), Utc::now()).unwrap();
            if commit + 1 == CHECKPOINT_AFTER {
                record.checkpoint().unwrap();
                copy(live.path(), &image.folder.path().join("older"));
            }
        }
        copy(live.path(), image.folder.path());
        image
    }

    /// A copy to damage.
    fn copy(&self) -> TempDir {
        let folder = tempfile::tempdir().unwrap();
        copy(self.folder.path(), folder.path());
        folder
    }
}

pub(crate) fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for file in ["r.duckdb", "r.duckdb.wal", "r.duckdb.commits"] {
        if from.join(file).exists() {
            fs::copy(from.join(file), to.join(file)).unwrap();
        }
    }
}

fn log(folder: &Path) -> PathBuf {
    folder.join("r.duckdb.wal")
}

pub(crate) fn rows(folder: &Path) -> Result<BTreeMap<i64, String>, duckdb::Error> {
    let connection = duckdb::Connection::open(folder.join("r.duckdb"))?;
    let mut statement =
        connection.prepare("SELECT message_id, content, raw_json FROM discord_messages")?;
    let found = statement.query_map([], |row| {
        let _raw: String = row.get(2)?;
        Ok((row.get(0)?, row.get(1)?))
    })?;
    found.collect()
}

/// Opens a damaged copy; answers how many commits it has. It holds exactly those, says so, takes new
/// ones, and keeps them.
fn recovered(folder: &Path, what: &str) -> u64 {
    let witness = fs::read_to_string(folder.join("r.duckdb.commits")).unwrap();
    let store_before = witness.split(' ').next().unwrap();
    let (mut record, reader) = Record::open(&settings(folder))
        .unwrap_or_else(|error| panic!("{what}: it does not open: {error}"));
    record.commit(&batch(COMMITS + 7), Utc::now()).unwrap();
    drop((record, reader));
    let (record, reader) = Record::open(&settings(folder)).unwrap();
    drop((record, reader));
    let mut found = rows(folder).unwrap();
    for (n, ..) in rows_of(COMMITS + 7) {
        assert!(
            found.remove(&id(n).as_i64()).is_some(),
            "{what}: a new commit is lost"
        );
    }
    let commits = (0..=COMMITS)
        .rev()
        .find(|&commits| expected(commits) == found)
        .unwrap_or_else(|| panic!("{what}: {} rows are no prefix", found.len()));
    let connection = duckdb::Connection::open(folder.join("r.duckdb")).unwrap();
    let (reported, store_after): (i64, String) = connection
        .query_row(
            "SELECT (SELECT count(*) FROM outages WHERE reason = 'record_damaged'), \
             CAST(store_id AS VARCHAR) FROM record_state",
            [],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .unwrap();
    assert_eq!(
        store_before != store_after,
        reported > 0,
        "{what}: its revisions are used again"
    );
    assert_eq!(
        reported > 0,
        commits < COMMITS,
        "{what}: {commits} commits, told: {reported}"
    );
    commits
}

fn trials() -> u64 {
    std::env::var("GUILDLAKE_DAMAGE").map_or(12, |n| n.parse().unwrap())
}

fn rng() -> StdRng {
    let seed = std::env::var("GUILDLAKE_SEED").map_or(7, |n| n.parse().unwrap());
    println!("seed {seed}");
    StdRng::seed_from_u64(seed)
}

#[test]
fn a_log_that_was_cut_gives_a_prefix_and_says_so() {
    let (image, mut rng) = (Image::new(), rng());
    let length = fs::metadata(log(image.folder.path())).unwrap().len();
    let mut kept = 0;
    for trial in 0..trials() {
        let at = rng.random_range(0..length);
        let copy = image.copy();
        let file = fs::OpenOptions::new()
            .write(true)
            .open(log(copy.path()))
            .unwrap();
        file.set_len(at).unwrap();
        kept += recovered(
            copy.path(),
            &format!("trial {trial}, cut at {at} of {length}"),
        );
    }
    println!(
        "{} cuts, on average {} of {COMMITS} commits kept",
        trials(),
        kept / trials()
    );
}

#[test]
fn a_flipped_bit_in_the_log_gives_a_prefix_and_says_so() {
    let (image, mut rng) = (Image::new(), rng());
    let whole = fs::read(log(image.folder.path())).unwrap();
    let mut kept = 0;
    for trial in 0..trials() {
        // Every fifth in the first bytes, which DuckDB does not check.
        let byte = if trial % 5 == 0 {
            rng.random_range(0..64)
        } else {
            rng.random_range(0..whole.len())
        };
        let bit = rng.random_range(0..8);
        let mut damaged = whole.clone();
        damaged[byte] ^= 1 << bit;
        let copy = image.copy();
        fs::write(log(copy.path()), &damaged).unwrap();
        let what = format!("trial {trial}, bit {bit} of byte {byte}");
        let commits = recovered(copy.path(), &what);
        kept += commits;
        let aside = aside(copy.path());
        assert_eq!(
            aside.is_empty(),
            commits == COMMITS,
            "{what}: set aside: {aside:?}"
        );
        for name in aside {
            let kept = fs::read(name).unwrap();
            assert!(kept == damaged, "{what}: what was set aside is whole");
        }
    }
    println!(
        "{} flips, on average {} of {COMMITS} commits kept",
        trials(),
        kept / trials()
    );
}

fn aside(folder: &Path) -> Vec<PathBuf> {
    let names = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    names
        .filter(|name| name.to_string_lossy().contains(".damaged-"))
        .collect()
}

#[test]
fn what_a_power_cut_leaves_at_the_end_of_the_log_is_cut_off() {
    let image = Image::new();
    let whole = fs::read(log(image.folder.path())).unwrap();
    let zeros = [whole.clone(), vec![0; 4096]].concat();
    let mut hole = whole.clone();
    let end = hole.len();
    hole[end - 600..].fill(0);
    for (what, bytes, kept) in [("zeros", zeros, COMMITS), ("a hole", hole, COMMITS - 1)] {
        let copy = image.copy();
        fs::write(log(copy.path()), bytes).unwrap();
        assert_eq!(recovered(copy.path(), what), kept, "{what}");
    }
}

#[test]
fn a_log_that_is_missing_or_of_another_time_is_not_passed_over() {
    let image = Image::new();
    let older = image.folder.path().join("older");
    let missing = image.copy();
    fs::remove_file(log(missing.path())).unwrap();
    assert_eq!(recovered(missing.path(), "missing"), CHECKPOINT_AFTER);

    // The file from before, with the log from now.
    let stale = image.copy();
    let (mut record, reader) = Record::open(&settings(stale.path())).unwrap();
    record.checkpoint().unwrap();
    drop((record, reader));
    fs::copy(log(image.folder.path()), log(stale.path())).unwrap();
    assert_eq!(
        recovered(stale.path(), "a log of before the checkpoint"),
        COMMITS
    );

    let back = image.copy();
    fs::remove_file(log(back.path())).unwrap();
    fs::copy(older.join("r.duckdb"), back.path().join("r.duckdb")).unwrap();
    assert_eq!(recovered(back.path(), "an older copy"), CHECKPOINT_AFTER);
}

#[test]
fn a_missing_file_beside_its_log_is_refused() {
    let image = Image::new();
    let copy = image.copy();
    fs::remove_file(copy.path().join("r.duckdb")).unwrap();
    let refusal = Record::open(&settings(copy.path()))
        .err()
        .unwrap()
        .to_string();
    assert!(refusal.contains("restore the file"), "{refusal}");
    assert!(log(copy.path()).exists(), "DuckDB would have deleted it");
}

#[test]
fn a_file_that_was_never_finished_is_begun_anew() {
    let image = Image::new();
    let whole = fs::read(image.folder.path().join("r.duckdb")).unwrap();
    // A kill between the writes of the three headers, or a full disk.
    for length in [0, 4096, 8192] {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("r.duckdb");
        fs::write(&file, &whole[..length]).unwrap();
        Record::open(&settings(folder.path())).unwrap();
        // A record that existed is left to its owner.
        fs::write(&file, &whole[..length]).unwrap();
        assert!(Record::open(&settings(folder.path())).is_err(), "{length}");
    }
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("r.duckdb"), "a text of somebody's").unwrap();
    assert!(Record::open(&settings(folder.path())).is_err());
}

#[test]
fn a_damaged_file_is_refused_or_reads_right() {
    let (image, mut rng) = (Image::new(), rng());
    let (mut record, reader) = Record::open(&settings(image.folder.path())).unwrap();
    record.checkpoint().unwrap();
    drop((record, reader));
    let whole = fs::read(image.folder.path().join("r.duckdb")).unwrap();
    let (mut refused, mut unreadable, mut right) = (0, 0, 0);
    for trial in 0..trials() {
        let byte = rng.random_range(0..whole.len());
        let mut damaged = whole.clone();
        damaged[byte] ^= 1 << rng.random_range(0..8);
        let copy = image.copy();
        fs::write(copy.path().join("r.duckdb"), &damaged).unwrap();
        match Record::open(&settings(copy.path())) {
            Err(refusal) => {
                refused += 1;
                let told = refusal.to_string();
                assert!(
                    told.contains("the file is damaged") || told.contains("Corrupt database file"),
                    "trial {trial}, byte {byte}: {told}"
                );
                let after = fs::read(copy.path().join("r.duckdb")).unwrap();
                assert!(after == damaged, "trial {trial}: it is left as it was");
            }
            Ok(open) => {
                drop(open);
                match rows(copy.path()) {
                    Ok(rows) => {
                        right += 1;
                        assert!(
                            rows == expected(COMMITS),
                            "trial {trial}, byte {byte}: wrong rows"
                        );
                    }
                    Err(_) => unreadable += 1,
                }
            }
        }
    }
    println!("{refused} refused, {unreadable} can't be read, {right} in unused space");
}
