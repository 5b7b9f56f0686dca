//! Snapshots as a reader sees them who knows only the folder: by the manifest, with DuckDB.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use duckdb::Connection;
use guildlake::derived::snapshot::Manifest;
use guildlake::store::Table;
use sha2::{Digest, Sha256};

/// The manifest that is current.
pub fn manifest(folder: &Path) -> Manifest {
    let text = std::fs::read(folder.join("snapshots/manifest.json")).unwrap();
    serde_json::from_slice(&text).unwrap()
}

/// The rows of a table, in short: how many, and a sum of their hashes that does not depend on order.
#[derive(Debug, PartialEq, Eq)]
pub struct Digested {
    pub rows: i64,
    pub hash: String,
}

/// What the record has; its service is stopped, or `connection` is its own.
pub fn of_record(connection: &Connection, table: Table) -> Digested {
    let relation = match table {
        Table::Messages => "discord_messages",
        Table::Versions => "message_versions",
        other => other.name(),
    };
    let columns: Vec<_> = table
        .schema()
        .fields()
        .iter()
        .map(|it| it.name().clone())
        .collect();
    digest(connection, &columns.join(", "), relation)
}

/// What the files have that a manifest names.
pub fn of_files(folder: &Path, manifest: &Manifest, table: Table) -> Digested {
    let files: Vec<_> = manifest
        .files
        .iter()
        .filter(|file| file.table == table)
        .map(|file| format!("'{}'", path(folder, &file.path).display()))
        .collect();
    let connection = Connection::open_in_memory().unwrap();
    if files.is_empty() {
        return Digested {
            rows: 0,
            hash: "0".to_owned(),
        };
    }
    let columns: Vec<_> = table
        .schema()
        .fields()
        .iter()
        .map(|it| it.name().clone())
        .collect();
    let relation = format!(
        "read_parquet([{}], hive_partitioning = true)",
        files.join(", ")
    );
    digest(&connection, &columns.join(", "), &relation)
}

fn digest(connection: &Connection, columns: &str, relation: &str) -> Digested {
    let sql = format!(
        "SELECT count(*), CAST(coalesce(sum(hash(it)), 0) AS VARCHAR) \
         FROM (SELECT {columns} FROM {relation}) AS it"
    );
    connection
        .query_row(&sql, [], |row| {
            Ok(Digested {
                rows: row.get(0)?,
                hash: row.get(1)?,
            })
        })
        .unwrap()
}

/// Where a file of a manifest is.
pub fn path(folder: &Path, file: &str) -> PathBuf {
    folder.join("snapshots").join(file)
}

/// Every file that a manifest names is there, with the bytes that it says. Answers the number of messages.
pub fn check_files(folder: &Path, manifest: &Manifest) -> i64 {
    let mut messages = 0;
    for file in &manifest.files {
        let path = path(folder, &file.path);
        let bytes = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", file.path));
        assert_eq!(bytes.len() as u64, file.bytes, "{}", file.path);
        let hash = Sha256::digest(&bytes);
        let hash: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hash, file.sha256, "{}", file.path);
        if file.table == Table::Messages {
            messages += file.rows;
        }
    }
    messages
}

/// The names of the files, by what they are.
pub fn names(manifest: &Manifest) -> BTreeMap<String, String> {
    let files = manifest.files.iter();
    files
        .map(|file| (file.stable_name(), file.path.clone()))
        .collect()
}

/// What is in the folder of the snapshots, by path.
pub fn everything(folder: &Path) -> Vec<String> {
    fn walk(folder: &Path, root: &Path, found: &mut Vec<String>) {
        for entry in std::fs::read_dir(folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, root, found);
            } else {
                found.push(path.strip_prefix(root).unwrap().display().to_string());
            }
        }
    }
    let root = folder.join("snapshots");
    let mut found = Vec::new();
    walk(&root, &root, &mut found);
    found.sort();
    found
}
