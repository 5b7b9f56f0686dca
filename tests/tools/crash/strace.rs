//! Reads what `strace -f -y` wrote, and checks that each acknowledged commit was on disk before.

/// A system call. Lines say when it began and when it returned: calls of other threads come between.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Call {
    name: String,
    file_number: i64,
    /// The path of its file, or what stands for one.
    file: String,
    /// All its arguments, as they were printed.
    arguments: String,
    began: usize,
    returned: usize,
    /// Nothing if the process ended in it.
    result: Option<i64>,
}

/// What the calls prove.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Proof {
    /// Acknowledged commits that wrote, each with a sync between the write and the word.
    pub(crate) synced: usize,
    /// Those that wrote nothing and moved nothing.
    pub(crate) empty: usize,
    pub(crate) violations: Vec<String>,
}

/// The calls of a trace, in the order in which they began.
pub(crate) fn parse(trace: &str) -> Vec<Call> {
    let mut calls: Vec<Call> = Vec::new();
    let mut open: Vec<(&str, usize)> = Vec::new();
    for (line, text) in trace.lines().enumerate() {
        let Some((process, text)) = text.trim_start().split_once(char::is_whitespace) else {
            continue;
        };
        let text = text.trim_start();
        if text.starts_with("<... ") {
            let found = open.iter().position(|(of, _)| *of == process);
            if let Some(at) = found {
                let (_, at) = open.remove(at);
                calls[at].returned = line;
                calls[at].result = result(text);
            }
            continue;
        }
        let Some((name, arguments)) = text.split_once('(') else {
            continue;
        };
        let Some((file_number, file)) = file(arguments) else {
            continue;
        };
        let is_open = text.ends_with("<unfinished ...>");
        if is_open {
            open.push((process, calls.len()));
        }
        calls.push(Call {
            name: name.to_owned(),
            file_number,
            file: file.to_owned(),
            arguments: arguments.to_owned(),
            began: line,
            returned: if is_open { usize::MAX } else { line },
            result: if is_open { None } else { result(text) },
        });
    }
    calls
}

/// `9</data/x.wal>, …`
fn file(arguments: &str) -> Option<(i64, &str)> {
    let (number, rest) = arguments.split_once('<')?;
    Some((number.parse().ok()?, rest.split_once('>')?.0))
}

/// `…) = 0` or `…) = -1 EIO (…)`
fn result(text: &str) -> Option<i64> {
    let (_, result) = text
        .rsplit_once(") = ")
        .or_else(|| text.rsplit_once(" = "))?;
    result.split_whitespace().next()?.parse().ok()
}

impl Call {
    fn is_write(&self) -> bool {
        matches!(self.name.as_str(), "write" | "pwrite64")
    }

    fn is_good_sync(&self) -> bool {
        matches!(self.name.as_str(), "fsync" | "fdatasync") && self.result == Some(0)
    }

    /// The number of a commit that is acknowledged on stderr.
    fn commit(&self) -> Option<u64> {
        let is_log = self.file_number == 2 && self.is_write();
        is_log.then(|| field(&self.arguments, "commit="))?
    }

    /// The sequence that it acknowledges.
    fn sequence(&self) -> Option<u64> {
        field(&self.arguments, "sequence=")
    }

    /// The number of the commit that the record's witness is told of: a UUID stands before it.
    fn witnessed(&self) -> Option<u64> {
        let is_witness = self.file.ends_with(".commits") && self.is_write();
        let (_, line) = self.arguments.split_once('"').filter(|_| is_witness)?;
        line.split(' ').nth(1)?.parse().ok()
    }
}

fn field(text: &str, name: &str) -> Option<u64> {
    let (_, value) = text.split_once(name)?;
    let end = value.find(|c: char| !c.is_ascii_digit());
    value[..end.unwrap_or(value.len())].parse().ok()
}

/// Checks each acknowledged commit: the witness was told of it before the word was given, and before
/// the witness was told, what this commit wrote to the log was synced.
pub(crate) fn check(calls: &[Call]) -> Proof {
    let mut proof = Proof::default();
    let (mut last_told, mut reached) = (None, None);
    for commit in calls {
        let (Some(number), Some(sequence)) = (commit.commit(), commit.sequence()) else {
            continue;
        };
        let told = calls
            .iter()
            .find(|call| call.witnessed() == Some(number) && call.returned < commit.began);
        let Some(told) = told else {
            proof.violations.push(format!(
                "line {}: acknowledged before it was committed: {}",
                commit.began, commit.arguments
            ));
            continue;
        };
        let of_this = |call: &&Call| {
            call.file.ends_with(".wal")
                && call.began < told.began
                && last_told.is_none_or(|last| call.returned > last)
        };
        let written = calls.iter().filter(of_this).filter(|call| call.is_write());
        match written.map(|call| call.returned).max() {
            Some(written) => {
                let is_synced = calls.iter().filter(of_this).any(|call| {
                    call.is_good_sync() && call.began > written && call.returned < told.began
                });
                if is_synced {
                    proof.synced += 1;
                } else {
                    proof.violations.push(format!(
                        "line {}: acknowledged, but the log was not synced after line {written}: {}",
                        commit.began, commit.arguments
                    ));
                }
            }
            None if reached.is_some_and(|reached| sequence > reached) => {
                proof.violations.push(format!(
                    "line {}: the sequence moved without a write: {}",
                    commit.began, commit.arguments
                ));
            }
            None => proof.empty += 1,
        }
        last_told = Some(told.began);
        reached = reached.max(Some(sequence));
    }
    proof
}

#[cfg(test)]
mod tests {
    use super::{check, parse};

    const GOOD: &str = r#"
4242  write(2<pipe:[77]>, "  health    http://127.0.0.1:1/health\n", 38) = 38
4250  write(11</d/guildlake.duckdb.wal>, "b\0\0\0"..., 4096) = 4096
4250  pwrite64(11</d/guildlake.duckdb.wal>, "e) = 0", 52, 4096 <unfinished ...>
4242  write(9<socket:[8]>, "x", 1)     = 1
4250  <... pwrite64 resumed>)           = 52
4250  fsync(11</d/guildlake.duckdb.wal> <unfinished ...>
4243  fsync(12</d/guildlake.duckdb>)    = 0
4250  <... fsync resumed>)              = 0
4250  pwrite64(13</d/guildlake.duckdb.commits>, "01a2-77 1 1795000000\n", 80, 0) = 80
4250  write(2<pipe:[77]>, "2026-11-23T09:00:00Z DEBUG guildlake::commit: commit=1 sequence=17\n", 71) = 71
4250  pwrite64(13</d/guildlake.duckdb.commits>, "01a2-77 2 1795000000\n", 80, 0) = 80
4250  write(2<pipe:[77]>, "2026-11-23T09:00:01Z DEBUG guildlake::commit: commit=2 sequence=17\n", 71) = 71
4250  write(11</d/guildlake.duckdb.wal>, "b", 1) = 1
4250  fdatasync(11</d/guildlake.duckdb.wal>) = 0
4250  pwrite64(13</d/guildlake.duckdb.commits>, "01a2-77 3 1795000000\n", 80, 0) = 80
4250  write(2<pipe:[77]>, "2026-11-23T09:00:02Z DEBUG guildlake::commit: commit=3 sequence=19\n", 71) = 71
4243  --- SIGTERM {si_signo=SIGTERM} ---
4242  +++ exited with 0 +++
"#;

    #[test]
    fn calls_of_several_threads_are_told_apart() {
        let calls = parse(GOOD);
        let pwrite = calls.iter().find(|call| call.name == "pwrite64").unwrap();
        assert_eq!((pwrite.began, pwrite.returned), (3, 5));
        assert_eq!(pwrite.result, Some(52));
        assert_eq!(pwrite.file, "/d/guildlake.duckdb.wal");
        let sync = calls.iter().find(|call| call.name == "fsync").unwrap();
        assert_eq!((sync.began, sync.returned, sync.result), (6, 8, Some(0)));
        assert_eq!(calls.len(), 14);
    }

    #[test]
    fn a_synced_commit_is_proved() {
        let proof = check(&parse(GOOD));
        assert_eq!((proof.synced, proof.empty), (2, 1));
        assert_eq!(proof.violations, [""; 0]);
    }

    /// How many violations there are once a text of the trace is another.
    fn spoiled(text: &str, other: &str) -> usize {
        assert!(GOOD.contains(text), "{text}");
        check(&parse(&GOOD.replace(text, other))).violations.len()
    }

    #[test]
    fn a_commit_that_is_not_on_disk_is_found() {
        // No sync, one of another file, and one that failed.
        assert_eq!(
            spoiled(
                "4250  fsync(11</d/guildlake.duckdb.wal>",
                "4250  fsync(3</x>"
            ),
            1
        );
        assert_eq!(
            spoiled("fdatasync(11</d/guildlake.duckdb.wal>) = 0", "getpid() = 1"),
            1
        );
        assert_eq!(
            spoiled(
                "fdatasync(11</d/guildlake.duckdb.wal>) = 0",
                "fdatasync(11</d/guildlake.duckdb.wal>) = -1 EIO (Input/output error)"
            ),
            1
        );
        // A sync that returns after the word is given.
        assert_eq!(
            spoiled(
                "4250  fdatasync(11</d/guildlake.duckdb.wal>) = 0",
                "4251  fdatasync(11</d/guildlake.duckdb.wal> <unfinished ...>"
            ),
            1
        );
        // A write after the sync, and a sequence that moves with no write.
        assert_eq!(
            spoiled(
                "4250  <... fsync resumed>)              = 0",
                "4250  <... fsync resumed>)              = 0\n4250  write(11</d/guildlake.duckdb.wal>, \"l\", 1) = 1"
            ),
            1
        );
        assert_eq!(spoiled("commit=2 sequence=17", "commit=2 sequence=18"), 1);
        // The word before the commit.
        assert_eq!(spoiled("commit=2 sequence=17", "commit=3 sequence=17"), 1);
    }
}
