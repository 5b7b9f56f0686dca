//! A fault at each step of a commit, of a move into a run, of a checkpoint, of a snapshot, of the index and of the row store: an error, a
//! panic, or the end of the process. What was acknowledged is there afterwards, once, and the rest goes on.
//! The writing is done by a child: this program again, as the test `child`.
//!
//! `make failpoints` runs each twenty times; `GUILDLAKE_SEED` plays a run again.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test may panic, and prints its seeds and results"
)]

mod lost;
mod rows;
mod search;
mod snapshot;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};

use chrono::Utc;
use guildlake::failpoint::STEPS;
use guildlake::message::Source;
use guildlake::store::{Batch, Record, StoreError, StoreSettings};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use testkit::record::{id, whole};

const COMMITS: u64 = 40;
const ROWS: u64 = 3;
const CHECKPOINT_EVERY: u64 = 8;

/// Where the child finds its record.
const FOLDER: &str = "GUILDLAKE_CHILD_FOLDER";

fn settings(folder: &Path) -> StoreSettings {
    let mut settings = StoreSettings::new(folder.join("r.duckdb"), folder.join("tmp"));
    settings.threads = Some(1);
    settings.readers = 1;
    settings.hot_rows = 10;
    settings.small_run_rows = 20;
    settings
}

/// The messages of a commit; each edits one of the commit before.
fn messages(commit: u64) -> impl Iterator<Item = (u64, String, u32)> {
    let edited = (commit > 0).then(|| ((commit - 1) * ROWS + 1, format!("edit {commit}"), 1));
    let new = (0..ROWS).map(move |n| (commit * ROWS + n + 1, format!("text {commit} {n}"), 0));
    new.chain(edited)
}

fn expected(commits: u64) -> BTreeMap<i64, String> {
    let all = (0..commits).flat_map(messages);
    all.map(|(n, content, _)| (id(n).as_i64(), content))
        .collect()
}

/// Writes the commits from `first` on, and says of each that it is acknowledged.
fn write(folder: &Path, first: u64) -> Result<(), StoreError> {
    let (mut record, _reader) = Record::open(&settings(folder))?;
    for commit in first..COMMITS {
        let batch = Batch {
            messages: messages(commit)
                .map(|(n, content, edit)| whole(id(n), &content, edit, 0, Source::Gateway))
                .collect(),
            ..Batch::default()
        };
        record.commit(&batch, Utc::now())?;
        println!("acknowledged {}", commit + 1);
        record.maintain()?;
        if commit % 2 == 0 {
            record.finish_move()?;
        }
        if commit % CHECKPOINT_EVERY == 0 {
            record.checkpoint()?;
        }
    }
    Ok(())
}

#[test]
#[ignore = "the child of the other test"]
fn child() {
    let _orders = fail::FailScenario::setup();
    let folder = std::env::var_os(FOLDER).unwrap();
    if let Err(error) = write(Path::new(&folder), 0) {
        println!("failed: {error}");
        std::process::exit(3);
    }
}

/// Runs the child with an order; answers how many commits it acknowledged, and whether it ended well.
fn run_child(child: &str, folder: &Path, order: &str) -> (u64, bool) {
    let output = Command::new(std::env::current_exe().unwrap())
        .args([child, "--exact", "--ignored", "--nocapture"])
        .env(FOLDER, folder)
        .env("FAILPOINTS", order)
        .stderr(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let mut acknowledged = said
        .lines()
        .filter_map(|line| line.split_once("acknowledged "));
    let last = acknowledged
        .next_back()
        .map_or(0, |(_, n)| n.trim().parse().unwrap());
    (last, output.status.success())
}

fn rows(folder: &Path) -> BTreeMap<i64, String> {
    let connection = duckdb::Connection::open(folder.join("r.duckdb")).unwrap();
    let mut statement = connection
        .prepare("SELECT message_id, content FROM discord_messages")
        .unwrap();
    let found = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)));
    let mut rows = BTreeMap::new();
    for row in found.unwrap() {
        let (id, content) = row.unwrap();
        assert!(rows.insert(id, content).is_none(), "{id} is there twice");
    }
    rows
}

#[test]
fn no_fault_at_any_step_loses_or_doubles_what_was_acknowledged() {
    // The writer's own step comes after the record's.
    let steps = STEPS
        .into_iter()
        .filter(|step| *step != "commit_acknowledged")
        .filter(|step| {
            ["migration", "commit", "move", "checkpoint"]
                .iter()
                .any(|kind| step.starts_with(kind))
        });
    let per_run = |step: &str| {
        if step.starts_with("commit") {
            COMMITS
        } else {
            4
        }
    };
    each(steps, per_run, fault);
}

/// Runs with each fault at each of these steps, at one of the times that a run comes by.
fn each(
    steps: impl Iterator<Item = &'static str>,
    per_run: impl Fn(&str) -> u64,
    fault: impl Fn(&str) -> bool,
) {
    let times: u64 = std::env::var("GUILDLAKE_FAILPOINT_TIMES").map_or(1, |n| n.parse().unwrap());
    let seed = std::env::var("GUILDLAKE_SEED").map_or(5, |n| n.parse().unwrap());
    println!("seed {seed}");
    let mut rng = StdRng::seed_from_u64(seed);
    let (mut faults, mut not_reached) = (0, 0);
    for step in steps {
        for action in ["return(error)", "return(kill)", "panic"] {
            let mut reached = 0;
            for _ in 0..times {
                let nth = rng.random_range(1..per_run(step));
                reached += u64::from(fault(&format!("{step}={nth}*off->{action}")));
            }
            faults += reached;
            not_reached += times - reached;
            assert!(reached > 0, "{step} with {action} was never reached");
        }
    }
    println!("{faults} faults, {not_reached} runs that ended before theirs, 0 lost, 0 doubled");
}

/// One run with a fault, the look at what it left, and the run to the end. Answers whether the fault
/// was reached.
fn fault(order: &str) -> bool {
    let folder = tempfile::tempdir().unwrap();
    let (acknowledged, ended_well) = run_child("child", folder.path(), order);
    // Opening is what the next start does.
    drop(Record::open(&settings(folder.path())).unwrap());
    let found = rows(folder.path());
    let Some(commits) = (acknowledged..=(acknowledged + 1).min(COMMITS))
        .find(|&commits| found == expected(commits))
    else {
        // The files are evidence.
        let folder = folder.keep();
        let rows = found.len();
        panic!(
            "{order}: {rows} rows after {acknowledged} commits; see {}",
            folder.display()
        );
    };
    write(folder.path(), commits).unwrap();
    assert!(
        rows(folder.path()) == expected(COMMITS),
        "{order}: the rest"
    );
    let mut names = std::fs::read_dir(folder.path()).unwrap();
    let aside = names.find(|it| {
        it.as_ref()
            .unwrap()
            .file_name()
            .to_string_lossy()
            .contains("damaged")
    });
    assert!(aside.is_none(), "{order}: a log was set aside");
    !ended_well
}
