#!/bin/sh
# fjall 3.1.13: a value that was overwritten stays readable in the files after a major compaction.
#
# Seen: a key is written and overwritten, each time the memtable is flushed, and `major_compact` returns without an
# error. No reader is open. The old value is still in a table, and in the journal.
# Guessed: that a major compaction without readers leaves only the newest version, and that a journal whose memtables
# are all flushed is begun anew.
# Follows: an old version is dropped only below a watermark that the compaction does not move by itself, and the journal
# is rotated by its size alone. Who has to forget something (a deletion on request) writes a new database instead of
# compacting this one.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
mkdir src
cat > Cargo.toml <<'END'
[package]
name = "seen"
version = "0.1.0"
edition = "2024"
[dependencies]
fjall = "=3.1.13"
END
cat > src/main.rs <<'END'
use std::path::Path;

fn holding(folder: &Path, found: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            holding(&path, found);
        } else if std::fs::read(&path).unwrap().windows(9).any(|it| it == b"old-value") {
            let kind = if path.extension().is_some_and(|it| it == "jnl") { "journal" } else { "table" };
            found.push(kind.to_owned());
        }
    }
}

fn main() {
    let folder = std::env::current_dir().unwrap().join("db");
    let database = fjall::Database::builder(&folder).open().unwrap();
    let keyspace = database.keyspace("k", fjall::KeyspaceCreateOptions::default).unwrap();
    for value in ["old-value", "new-value"] {
        keyspace.insert("key", value).unwrap();
        keyspace.rotate_memtable_and_wait().unwrap();
    }
    keyspace.major_compact().unwrap();
    assert_eq!(&*keyspace.get("key").unwrap().unwrap(), b"new-value");
    let mut found = Vec::new();
    holding(&folder, &mut found);
    found.sort();
    println!("after the major compaction the old value is in: {}", found.join(", "));
}
END
CARGO_TARGET_DIR="$work/target" cargo run --quiet > said 2> problems || { cat problems; exit 1; }
echo "fjall 3.1.13"
cat said
grep -q "^after the major compaction the old value is in: journal, table$" said
