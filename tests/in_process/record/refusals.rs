//! What the record refuses, and what it says then.

use std::process::Command;

use duckdb::Connection;
use guildlake::store::{DataLock, Record, StoreError, StoreSettings};

use testkit::record::TestRecord;

#[test]
fn a_newer_file_is_refused_and_left_alone() {
    let record = TestRecord::new(10);
    let settings = record.settings.clone();
    drop((record.record, record.reader));
    let newer = Connection::open(&settings.path).unwrap();
    newer
        .execute_batch("UPDATE record_state SET schema_version = 999")
        .unwrap();
    drop(newer);
    let refusal = Record::open(&settings).err().unwrap();
    assert!(matches!(refusal, StoreError::Newer { found: 999, .. }));
    assert!(refusal.to_string().contains("start the newer guildlake"));
}

#[test]
fn a_file_of_someone_else_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("theirs.duckdb");
    Connection::open(&path)
        .unwrap()
        .execute_batch("CREATE TABLE theirs AS SELECT 1")
        .unwrap();
    let settings = StoreSettings::new(path, folder.path().join("tmp"));
    let refusal = Record::open(&settings).err().unwrap();
    assert!(matches!(refusal, StoreError::Foreign { .. }), "{refusal}");
}

#[test]
fn what_is_no_duckdb_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notes.txt");
    std::fs::write(
        &path,
        "not a database, but long enough to look at".repeat(400),
    )
    .unwrap();
    let settings = StoreSettings::new(path.clone(), folder.path().join("tmp"));
    let refusal = Record::open(&settings).err().unwrap();
    assert!(matches!(refusal, StoreError::Open { .. }), "{refusal}");
    assert!(path.exists());
}

#[test]
fn a_second_lock_names_the_holder() {
    let folder = tempfile::tempdir().unwrap();
    let _held = DataLock::acquire(folder.path()).unwrap();
    let refusal = DataLock::acquire(folder.path()).err().unwrap();
    assert!(
        refusal
            .to_string()
            .contains(&std::process::id().to_string())
    );
}

/// Where the other program finds the file.
const FILE: &str = "GUILDLAKE_OTHER_FILE";

#[test]
#[ignore = "the other program of the next test"]
fn other_program() {
    let opened = Connection::open(std::env::var_os(FILE).unwrap());
    println!("{}", opened.unwrap_err());
}

/// The end of any handle on the file would end DuckDB's lock: that on what is saved from it too.
#[test]
fn nobody_else_opens_the_file_while_the_record_or_a_reader_has_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("r.duckdb");
    let settings = StoreSettings::new(path.clone(), folder.path().join("tmp"));
    let others = || {
        let other = Command::new(std::env::current_exe().unwrap())
            .args([
                "record::refusals::other_program",
                "--exact",
                "--ignored",
                "--nocapture",
            ])
            .env(FILE, &path)
            .output();
        String::from_utf8(other.unwrap().stdout).unwrap()
    };
    let (mut record, reader) = Record::open(&settings).unwrap();
    record.checkpoint().unwrap();
    assert!(others().contains("Could not set lock"), "{}", others());
    drop(record);
    assert!(others().contains("Could not set lock"), "{}", others());
    drop(reader);
}
