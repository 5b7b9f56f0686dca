//! A statement fails within a transaction, and nobody is told. DuckDB answers the COMMIT behind it as it
//! answers every other, and stores nothing. On each way to a commit: it is not acknowledged.

use std::fs;
use std::path::Path;
use std::process::Output;

use chrono::{TimeDelta, Utc};
use guildlake::message::{DeletedBy, Gone, Message};

use super::*;
use guildlake::store::DeletedContent;
use testkit::record::{channel, guild};

/// The commit after which the content of a deleted message is taken out.
const REMOVED_AFTER: u64 = 4;

#[test]
#[ignore = "the child of the other tests"]
fn child() {
    let _orders = fail::FailScenario::setup();
    let folder = std::env::var_os(FOLDER).unwrap();
    if let Err(error) = write_and_remove(Path::new(&folder)) {
        println!("failed: {error}");
        std::process::exit(3);
    }
}

/// Writes commits with moves between, and takes the content of a deleted message out.
fn write_and_remove(folder: &Path) -> Result<(), StoreError> {
    let mut settings = settings(folder);
    settings.deleted_content = DeletedContent::RemoveAfter(TimeDelta::seconds(1));
    let (mut record, _reader) = Record::open(&settings)?;
    println!("acknowledged opening");
    for commit in 0..2 * REMOVED_AFTER {
        let mut batch = Batch {
            messages: messages(commit)
                .map(|(n, content, edit)| whole(id(n), &content, edit, 0, Source::Gateway))
                .collect(),
            ..Batch::default()
        };
        let now = Utc::now();
        if commit == REMOVED_AFTER {
            let gone = Gone::new(id(2), now, now, DeletedBy::Gateway);
            let gone = Message::told_gone(id(2), guild(), channel(), gone);
            batch.messages.push(gone);
        }
        record.commit(&batch, now)?;
        println!("acknowledged commit {commit}");
        record.maintain()?;
        record.finish_move()?;
        if commit == REMOVED_AFTER {
            let removed = record.remove_content(now + TimeDelta::seconds(2))?;
            println!("acknowledged removal of {removed}");
        }
    }
    Ok(())
}

/// The child with an order.
fn run(folder: &Path, order: &str) -> Output {
    Command::new(std::env::current_exe().unwrap())
        .args(["lost::child", "--exact", "--ignored", "--nocapture"])
        .env(FOLDER, folder)
        .env("FAILPOINTS", order)
        .output()
        .unwrap()
}

/// What it acknowledged.
fn acknowledged(output: &Output) -> Vec<String> {
    let said = String::from_utf8_lossy(&output.stdout);
    let lines = said
        .lines()
        .filter_map(|line| line.split_once("acknowledged "));
    lines.map(|(_, what)| what.to_owned()).collect()
}

fn one<T: duckdb::types::FromSql>(folder: &Path, sql: &str) -> T {
    let connection = duckdb::Connection::open(folder.join("r.duckdb")).unwrap();
    connection.query_row(sql, [], |row| row.get(0)).unwrap()
}

#[test]
fn a_commit_with_a_lost_error_is_not_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let output = run(folder.path(), "commit_written=3*off->1*return(lost)");
    assert!(!output.status.success(), "{output:?}");
    let told = acknowledged(&output);
    assert_eq!(told.last().unwrap(), "commit 2", "{told:?}");
    assert_eq!(rows(folder.path()), expected(3));
}

#[test]
fn a_migration_with_a_lost_error_is_not_gone_on_from() {
    let folder = tempfile::tempdir().unwrap();
    for done in 0..3 {
        let folder = folder.path().join(done.to_string());
        fs::create_dir(&folder).unwrap();
        let order = format!("migration_written={done}*off->1*return(lost)");
        let output = run(&folder, &order);
        assert!(!output.status.success(), "{output:?}");
        assert!(acknowledged(&output).is_empty(), "{output:?}");
        if done > 0 {
            let sql = "SELECT schema_version FROM record_state";
            assert_eq!(one::<i64>(&folder, sql), done);
        }
        assert!(run(&folder, "").status.success());
        assert_eq!(rows(&folder).len() as u64, 2 * REMOVED_AFTER * ROWS);
    }
}

#[test]
fn a_move_with_a_lost_error_leaves_the_rows_where_they_were() {
    for step in ["move_copied", "move_written"] {
        let folder = tempfile::tempdir().unwrap();
        let output = run(folder.path(), &format!("{step}=1*return(lost)"));
        // The next move is tried half a minute later, and commits go on.
        assert!(output.status.success(), "{output:?}");
        let folder = folder.path();
        assert_eq!(rows(folder).len() as u64, 2 * REMOVED_AFTER * ROWS);
        let hot: i64 = one(folder, "SELECT count(*) FROM messages_hot");
        assert_eq!(hot as u64, 2 * REMOVED_AFTER * ROWS, "{step}");
    }
}

#[test]
fn content_whose_removal_has_a_lost_error_is_not_said_to_be_gone() {
    let folder = tempfile::tempdir().unwrap();
    let output = run(folder.path(), "content_written=1*return(lost)");
    assert!(!output.status.success(), "{output:?}");
    let told = acknowledged(&output);
    let last = format!("commit {REMOVED_AFTER}");
    assert_eq!(told.last(), Some(&last), "{told:?}");
    let left = "SELECT count(*) FROM discord_messages WHERE deleted AND content <> ''";
    assert_eq!(one::<i64>(folder.path(), left), 1);
    let revisions =
        "SELECT (SELECT max(revision) FROM discord_messages) - revision FROM record_state";
    assert_eq!(one::<i64>(folder.path(), revisions), 0);
}

#[test]
fn a_loss_whose_note_has_a_lost_error_is_told_by_the_next_start() {
    let folder = tempfile::tempdir().unwrap();
    let (folder, copy) = (folder.path().join("record"), folder.path().join("copy"));
    fs::create_dir(&folder).unwrap();
    write(&folder, COMMITS - 5).unwrap();
    fs::copy(folder.join("r.duckdb"), &copy).unwrap();
    write(&folder, 0).unwrap();
    // An older copy is put back.
    fs::remove_file(folder.join("r.duckdb.wal")).unwrap_or_default();
    fs::copy(&copy, folder.join("r.duckdb")).unwrap();

    let output = run(&folder, "loss_written=1*return(lost)");
    assert!(!output.status.success(), "{output:?}");
    assert!(acknowledged(&output).is_empty(), "{output:?}");
    let noted = "SELECT count(*) FROM outages WHERE reason = 'record_damaged'";
    assert_eq!(one::<i64>(&folder, noted), 0);
    assert!(run(&folder, "").status.success());
    assert_eq!(one::<i64>(&folder, noted), 1);
}
