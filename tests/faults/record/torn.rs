//! A process that ends while DuckDB writes metadata over what it was, so that half of a block is new: the
//! next start puts back what it was, and nothing is lost. Writing is done by a child: this program
//! again, as the test `child`. `make damage` kills it 1,000 times; `GUILDLAKE_TORN_KILLS` says how often.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use chrono::Utc;
use duckdb::{AccessMode, Config, Connection};
use guildlake::store::Record;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tempfile::TempDir;

use super::damage::{batch, copy, expected, rows, settings};

const HEADERS: u64 = 3 * 4096;
const PAGE: u64 = 4096;
const BLOCK: u64 = 64 * PAGE;

/// Where the child finds its record, and its first commit.
const FOLDER: &str = "GUILDLAKE_CHILD_FOLDER";
const FIRST: &str = "GUILDLAKE_CHILD_FIRST";

#[test]
#[ignore = "the child of the other tests"]
fn child() {
    let folder = PathBuf::from(std::env::var_os(FOLDER).unwrap());
    let first = std::env::var(FIRST).unwrap().parse().unwrap();
    let (mut record, _reader) = Record::open(&settings(&folder)).unwrap();
    for commit in first.. {
        record.commit(&batch(commit), Utc::now()).unwrap();
        println!("acknowledged {}", commit + 1);
        record.checkpoint().unwrap();
    }
}

/// Starts the child, and waits until it has acknowledged a commit.
fn start(folder: &Path, first: u64) -> (Child, BufReader<impl Read>) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["record::torn::child", "--exact", "--ignored", "--nocapture"])
        .env(FOLDER, folder)
        .env(FIRST, first.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    while !line.contains("acknowledged") {
        line.clear();
        assert!(said.read_line(&mut line).unwrap() > 0, "it ended");
    }
    (child, said)
}

/// Ends the child. Answers how many commits it acknowledged, from `first` on.
fn kill(child: &mut Child, mut said: BufReader<impl Read>, first: u64) -> u64 {
    child.kill().unwrap();
    child.wait().unwrap();
    let mut rest = String::new();
    said.read_to_string(&mut rest).unwrap();
    first + 1 + rest.matches("acknowledged").count() as u64
}

fn database(folder: &TempDir) -> PathBuf {
    folder.path().join("r.duckdb")
}

fn journal(folder: &TempDir) -> PathBuf {
    folder.path().join("r.duckdb.rollback")
}

/// What a process leaves that ended in a checkpoint, before the headers were written. With the commits
/// that it acknowledged.
fn interrupted() -> (TempDir, u64) {
    loop {
        let folder = tempfile::tempdir().unwrap();
        let (mut child, said) = start(folder.path(), 0);
        while !journal(&folder).exists() {
            std::thread::yield_now();
        }
        let acknowledged = kill(&mut child, said, 0);
        // It may have come to the end of that one.
        let Ok(saved) = fs::read(journal(&folder)) else {
            continue;
        };
        let headers = HEADERS as usize;
        if fs::read(database(&folder)).unwrap()[..headers] == saved[..headers] {
            return (folder, acknowledged);
        }
    }
}

/// Where the blocks of metadata are that a checkpoint may write over, as DuckDB tells.
fn places(database: &Path) -> Vec<u64> {
    let config = Config::default().access_mode(AccessMode::ReadOnly).unwrap();
    let connection = Connection::open_with_flags(database, config).unwrap();
    let mut statement = connection
        .prepare("SELECT block_id FROM pragma_metadata_info()")
        .unwrap();
    let blocks = statement.query_map([], |row| row.get::<_, u64>(0)).unwrap();
    blocks
        .map(|block| HEADERS + block.unwrap() * BLOCK)
        .collect()
}

/// Writes the first pages of a block anew, as a write does that is cut off.
fn tear(database: &Path, place: u64, pages: u64) {
    let file = File::options().write(true).open(database).unwrap();
    let new = vec![0xA5; usize::try_from(pages * PAGE).unwrap()];
    file.write_all_at(&new, place).unwrap();
}

fn dice() -> StdRng {
    let seed = std::env::var("GUILDLAKE_SEED").map_or(11, |seed| seed.parse().unwrap());
    println!("seed {seed}");
    StdRng::seed_from_u64(seed)
}

#[test]
fn metadata_that_was_written_in_part_is_put_back() {
    let mut dice = dice();
    let (folder, acknowledged) = interrupted();
    let saved = fs::read(journal(&folder)).unwrap();
    // What the kill left may be torn already.
    drop(Record::open(&settings(folder.path())).unwrap());
    let places = places(&database(&folder));
    assert!(!places.is_empty());
    for place in &places {
        tear(&database(&folder), *place, dice.random_range(1..64));
    }

    fs::remove_file(journal(&folder)).unwrap();
    let refused = Record::open(&settings(folder.path())).map(drop);
    let refused = refused.unwrap_err().to_string();
    assert!(refused.contains("the file is damaged"), "{refused}");

    // One that is not whole is of no use.
    fs::write(journal(&folder), &saved[..saved.len() - 1]).unwrap();
    let refused = Record::open(&settings(folder.path())).map(drop);
    refused.unwrap_err();

    fs::write(journal(&folder), &saved).unwrap();
    drop(Record::open(&settings(folder.path())).unwrap());
    assert_eq!(rows(folder.path()).unwrap(), expected(acknowledged));
}

#[test]
fn what_is_put_back_is_of_this_file_and_of_its_last_checkpoint() {
    let (folder, acknowledged) = interrupted();
    let saved = fs::read(journal(&folder)).unwrap();
    let (mut record, reader) = Record::open(&settings(folder.path())).unwrap();
    record.checkpoint().unwrap();
    assert!(!journal(&folder).exists(), "it is done with");
    drop((record, reader));

    let (other, others) = interrupted();
    for (folder, acknowledged, what) in [
        (folder, acknowledged, "an earlier checkpoint"),
        (other, others, "another file"),
    ] {
        fs::write(journal(&folder), &saved).unwrap();
        let before = fs::read(database(&folder)).unwrap();
        drop(Record::open(&settings(folder.path())).unwrap());
        let after = fs::read(database(&folder)).unwrap();
        assert!(before == after, "{what}");
        assert_eq!(rows(folder.path()).unwrap(), expected(acknowledged));
    }
}

#[test]
fn a_kill_in_a_checkpoint_leaves_a_record_that_opens() {
    let mut dice = dice();
    let kills = std::env::var("GUILDLAKE_TORN_KILLS").map_or(5, |kills| kills.parse().unwrap());
    let (mut folder, mut commits) = (tempfile::tempdir().unwrap(), 0);
    let (mut torn, mut undone) = (0, 0);
    for kill_number in 0..kills {
        // A file that grows would make each round longer.
        if kill_number % 50 == 49 {
            (folder, commits) = (tempfile::tempdir().unwrap(), 0);
        }
        let (mut child, said) = start(folder.path(), commits);
        let end = Instant::now() + Duration::from_micros(dice.random_range(0..40_000));
        while Instant::now() < end {
            std::thread::yield_now();
        }
        let acknowledged = kill(&mut child, said, commits);

        undone += usize::from(journal(&folder).exists());
        let alone = tempfile::tempdir().unwrap();
        copy(folder.path(), alone.path());
        torn += usize::from(rows(alone.path()).is_err());
        drop(Record::open(&settings(folder.path())).unwrap());
        let found = rows(folder.path()).unwrap();
        commits = (acknowledged..=acknowledged + 1)
            .find(|&commits| found == expected(commits))
            .unwrap_or_else(|| panic!("{} rows after {acknowledged} commits", found.len()));
    }
    println!(
        "{kills} kills, {undone} in a checkpoint; {torn} left a file that DuckDB can't read by itself; 0 lost"
    );
}
