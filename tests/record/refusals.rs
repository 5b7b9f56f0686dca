//! What the record refuses, and what it says then.

use duckdb::Connection;
use guildlake::store::{DataLock, Record, StoreError, StoreSettings};

use crate::support::TestRecord;

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
