//! A process that takes snapshots is killed at any moment, again and again, while another reads. It reads
//! by the manifest, and always sees one moment of the record, whole.
//!
//! The one that is killed is this program again, as the test `child`. `GUILDLAKE_SNAPSHOT_KILLS` sets the
//! number of kills, `GUILDLAKE_SEED` plays the dice of a run again (not its timing).

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use guildlake::derived::snapshot::Manifest;
use guildlake::store::DeletedContent;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use testkit::snapshots::reading::{check_files, everything, manifest, path};
use testkit::snapshots::{GUILDS, Home, Lake, nth, whole};

/// Where the child finds its record.
const FOLDER: &str = "GUILDLAKE_CHILD_FOLDER";

/// From which number on it counts.
const FIRST: &str = "GUILDLAKE_CHILD_FIRST";

/// Commits of one child at most.
const STEPS: u32 = 10_000;

/// Longer than a reader needs.
const GRACE: Duration = Duration::from_secs(120);

fn lake(folder: Home) -> Lake {
    Lake::open(folder, DeletedContent::Keep, GRACE)
}

/// One commit: a message of each guild becomes `n`, and each guild gets one more. A moment of the record
/// has both or neither.
fn step(lake: &mut Lake, n: u32) {
    let place = |guild, month, at, content: &str, edit| {
        whole(guild, at % 3, nth(guild, month, at), content, edit)
    };
    let number = n.to_string();
    let mut messages = Vec::new();
    for (guild, month) in [(GUILDS[0], "2026-01"), (GUILDS[1], "2026-02")] {
        messages.push(place(guild, month, 0, &number, n));
        messages.push(place(
            guild,
            "2026-03",
            i64::from(n % 40_000),
            "one more",
            0,
        ));
    }
    lake.commit(messages);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "the child of the other test"]
async fn child() {
    let folder = PathBuf::from(std::env::var_os(FOLDER).unwrap());
    let first: u32 = std::env::var(FIRST).unwrap().parse().unwrap();
    let mut lake = lake(Home::of(folder));
    println!("open");
    for n in first..first + STEPS {
        step(&mut lake, n);
        lake.take().await;
        println!("taken {n}");
    }
}

/// Runs the child until it is killed; answers the last number of which it said that it is published.
fn run_child(folder: &Path, first: u32, alive: Duration) -> Option<u32> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([
            "snapshots::kill::child",
            "--exact",
            "--ignored",
            "--nocapture",
        ])
        .env(FOLDER, folder)
        .env(FIRST, first.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let opened = lines.find(|line| line.as_ref().is_ok_and(|line| line.ends_with("open")));
    assert!(opened.is_some(), "it does not start");
    std::thread::sleep(alive);
    child.kill().unwrap();
    child.wait().unwrap();
    let mut taken = lines.map_while(Result::ok);
    let mut last = None;
    for line in taken.by_ref() {
        if let Some(n) = line.strip_prefix("taken ") {
            last = n.parse().ok().or(last);
        }
    }
    last
}

/// Reads the current snapshot as anybody may, and holds it to be one moment. Answers its number.
fn read(folder: &Path) -> (Manifest, u32) {
    let manifest = manifest(folder);
    check_files(folder, &manifest);
    let files: Vec<_> = manifest
        .files
        .iter()
        .filter(|file| file.stable_name().starts_with("messages/"))
        .map(|file| format!("'{}'", path(folder, &file.path).display()))
        .collect();
    let connection = duckdb::Connection::open_in_memory().unwrap();
    let numbers = "list(DISTINCT content) FILTER (content <> 'one more')";
    let (rows, guilds, more, number): (i64, i64, i64, String) = connection
        .query_row(
            &format!(
                "SELECT count(*), count(DISTINCT guild_id), \
                 count(*) FILTER (content = 'one more' AND guild_id = {}), \
                 array_to_string({numbers}, ',') FROM read_parquet([{}])",
                GUILDS[0],
                files.join(", ")
            ),
            [],
            |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)),
        )
        .unwrap();
    assert_eq!(
        (guilds, rows),
        (2, 2 * more + 2),
        "both guilds have as many"
    );
    let number = number.parse();
    (manifest, number.expect("both messages have one number"))
}

/// Reads again and again until it is told to end; answers how often, and how many snapshots it saw.
fn read_on(folder: &Path, done: &AtomicBool) -> (u64, usize) {
    let (mut times, mut last) = (0, 0);
    let mut seen = BTreeSet::new();
    while !done.load(Ordering::Relaxed) {
        let (manifest, number) = read(folder);
        assert!(number >= last, "{number} after {last}: it went back");
        last = number;
        seen.insert(manifest.created_at);
        times += 1;
    }
    (times, seen.len())
}

#[test]
fn a_reader_sees_one_moment_whatever_is_killed() {
    let kills = std::env::var("GUILDLAKE_SNAPSHOT_KILLS").map_or(6, |n| n.parse().unwrap());
    let seed =
        std::env::var("GUILDLAKE_SEED").map_or_else(|_| rand::random(), |n| n.parse().unwrap());
    println!("seed {seed}");
    let mut dice = StdRng::seed_from_u64(seed);
    let folder = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let mut lake = lake(Home::of(folder.path().to_owned()));
        step(&mut lake, 1);
        lake.take().await;
    });
    let done = Arc::new(AtomicBool::new(false));
    let reader = {
        let (folder, done) = (folder.path().to_owned(), Arc::clone(&done));
        std::thread::spawn(move || read_on(&folder, &done))
    };
    let mut published = 0;
    for round in 1..=kills {
        let alive = Duration::from_millis(dice.random_range(0..1000));
        let first = round * STEPS;
        let taken = run_child(folder.path(), first, alive);
        published += taken.map_or(0, |last| last - first + 1);
        let (_, number) = read(folder.path());
        // One may be there that the child could not tell of any more.
        if let Some(taken) = taken {
            assert!(
                number == taken || number == taken + 1,
                "{number} after {taken}"
            );
        }
        assert!(!reader.is_finished(), "the reader found something");
    }
    done.store(true, Ordering::Relaxed);
    let (times, seen) = reader.join().unwrap();

    // The next start has nothing left over, and the record's own rows.
    let lake = lake(Home::of(folder.path().to_owned()));
    let lake = runtime.block_on(lake.take_and_compare()).0;
    let left = everything(lake.path());
    assert!(!left.iter().any(|it| it.starts_with("tmp/")), "{left:?}");
    println!(
        "snapshots: seed {seed}, {kills} kills among {published} publications, a reader read {times} times \
         and saw {seen} snapshots, each whole; the last equals the record"
    );
}
