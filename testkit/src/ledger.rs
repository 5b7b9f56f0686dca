//! What a record holds after a crash, against what the service has said is on disk.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::time::{Duration, Instant};

use duckdb::{AccessMode, Config, Connection};
use simulator::{Dispatched, Simulator};

use crate::plan::{Plan, Times};
use crate::program::Program;
use crate::service::{Seen, Service};

/// A record as the crash left it.
pub struct Found {
    session: Option<(String, u64)>,
    /// Each message, and whether it is marked as deleted.
    messages: HashMap<u64, bool>,
    /// Messages without a payload, and whether they are known to be gone.
    fragments: HashMap<u64, bool>,
    /// How many events of reactions and votes there are of each message.
    reactions: HashMap<u64, usize>,
    duplicates: usize,
    opened: Duration,
}

impl Found {
    /// Reads a copy of the file and its log: what opens it first may change both. Nothing if the
    /// process did not get as far as to make its tables.
    pub fn read(folder: &Path) -> Result<Option<Self>, duckdb::Error> {
        let copy = tempfile::tempdir().unwrap();
        for name in ["guildlake.duckdb", "guildlake.duckdb.wal"] {
            let from = folder.join(name);
            if from.exists() {
                std::fs::copy(from, copy.path().join(name)).unwrap();
            }
        }
        let path = copy.path().join("guildlake.duckdb");
        // DuckDB writes three headers of 4 KiB before anything else.
        if std::fs::metadata(&path).map_or(0, |file| file.len()) < 3 * 4096 {
            return Ok(None);
        }
        let config = Config::default().access_mode(AccessMode::ReadWrite)?;
        let started = Instant::now();
        let connection = Connection::open_with_flags(path, config)?;
        let opened = started.elapsed();
        let tables: i64 = connection.query_row(
            "SELECT count(*) FROM duckdb_tables() WHERE table_name = 'reaction_events'",
            [],
            |row| row.get(0),
        )?;
        if tables == 0 {
            return Ok(None);
        }
        let pairs = |sql: &str| -> Result<Vec<(u64, bool)>, duckdb::Error> {
            let mut statement = connection.prepare(sql)?;
            let pairs = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
            pairs.collect()
        };
        let mut statement = connection
            .prepare("SELECT message_id, count(*) FROM reaction_events GROUP BY message_id")?;
        let reactions = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let reactions = reactions.collect::<Result<_, _>>()?;
        let mut statement =
            connection.prepare("SELECT session_id, sequence FROM gateway_sessions")?;
        let sessions = statement
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect::<Result<Vec<_>, _>>()?;
        assert!(sessions.len() <= 1, "{sessions:?}");
        let rows = pairs("SELECT message_id, deleted FROM discord_messages")?;
        let messages: HashMap<u64, bool> = rows.iter().copied().collect();
        let fragments = pairs("SELECT message_id, deleted_by IS NOT NULL FROM message_fragments")?;
        Ok(Some(Self {
            session: sessions.into_iter().next(),
            reactions,
            duplicates: rows.len() - messages.len(),
            messages,
            fragments: fragments.into_iter().collect(),
            opened,
        }))
    }
}

impl Found {
    /// Whether there is a session to resume.
    pub fn has_session(&self) -> bool {
        self.session.is_some()
    }
}

/// Logs that the service could not replay. A kill damages none.
fn set_aside(folder: &Path) -> Vec<String> {
    let Ok(files) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    let names = files.map(|file| file.unwrap().file_name().to_string_lossy().into_owned());
    names.filter(|name| name.contains(".damaged")).collect()
}

/// What must be known of a message.
#[derive(Clone, Copy, Default)]
struct Due {
    /// It was told whole: it has a row.
    row: bool,
    /// It was deleted.
    gone: bool,
}

/// What the record owes so far, and what it failed to keep.
#[derive(Default)]
pub struct Ledger {
    /// How many of the simulator's dispatches were taken.
    taken: usize,
    /// Dispatched, but not yet claimed by the stored sequence.
    pending: Vec<Dispatched>,
    due: HashMap<u64, Due>,
    /// How many events of reactions and votes are due of each message.
    reactions: HashMap<u64, usize>,
    session: Option<(String, u64)>,
    /// Events up to the last acknowledged sequence.
    pub acknowledged: usize,
    /// Events up to the last stored sequence.
    pub stored: usize,
    /// Messages of which something acknowledged is not in the record.
    pub lost: HashSet<u64>,
    pub duplicates: usize,
    /// Rows in the record, those of history too.
    pub rows: usize,
    /// How long DuckDB takes to open what a kill has left.
    pub opened: Times,
    /// Everything that is wrong, in words.
    pub violations: Vec<String>,
}

impl Ledger {
    /// Compares the record in the folder with what was dispatched and what `/health` has said.
    pub fn check(&mut self, folder: &Path, simulator: &Simulator, seen: &Seen) {
        for aside in set_aside(folder) {
            self.violation(format!("the service found its log damaged: {aside}"));
        }
        match Found::read(folder) {
            Err(error) => self.violation(format!("the record does not open: {error}")),
            Ok(None) => {
                if seen.sequence > 0 || self.session.is_some() {
                    self.violation("there is no record any more".to_owned());
                }
            }
            Ok(Some(found)) => {
                self.opened.push(found.opened);
                self.rows = found.messages.len();
                self.check_session(&found, simulator, seen);
                self.take(&found, simulator, seen);
                self.check_messages(&found);
            }
        }
    }

    /// Starts the service once more without traffic, waits until it has everything, and stops it. Then every
    /// event is due.
    pub async fn settle(&mut self, program: Program, plan: &Plan) {
        let mut service = Service::start(program, plan.folder.path(), &plan.simulator);
        let caught_up = service
            .until(|seen| {
                let is_settled = seen.is_complete && seen.unsettled == 0;
                is_settled && seen.sequence >= plan.simulator.sequence()
            })
            .await;
        let seen = caught_up.unwrap();
        let ended = service.terminate().await;
        assert_eq!(ended.code, Some(0), "{}", ended.said);
        self.check(&plan.data(), &plan.simulator, &seen);
        let pending = self.pending.len();
        assert_eq!(pending, 0, "events that are not in the record");
    }

    fn violation(&mut self, what: String) {
        println!("VIOLATION: {what}");
        self.violations.push(what);
    }

    /// The stored session is the one that was acknowledged, and not behind.
    fn check_session(&mut self, found: &Found, simulator: &Simulator, seen: &Seen) {
        let current = simulator.session().map(|session| session.id);
        let same = |one: &str| current.as_deref() == Some(one);
        match &found.session {
            None if seen.sequence > 0 || self.session.is_some() => {
                self.violation(format!(
                    "no session is stored; {} was acknowledged",
                    seen.sequence
                ));
            }
            None => {}
            Some((id, sequence)) => {
                if seen.sequence > 0 && !(same(id) && *sequence >= seen.sequence) {
                    self.violation(format!(
                        "{id} {sequence} is stored, {} of {current:?} was acknowledged",
                        seen.sequence
                    ));
                }
                if let Some((old, before)) = &self.session
                    && old == id
                    && before > sequence
                {
                    self.violation(format!("{id} went back from {before} to {sequence}"));
                }
            }
        }
    }

    /// Makes due what the stored sequence claims.
    fn take(&mut self, found: &Found, simulator: &Simulator, seen: &Seen) {
        let new = simulator.dispatched_from(self.taken);
        self.taken += new.len();
        self.pending.extend(new);
        self.session.clone_from(&found.session);
        let Some((id, sequence)) = &found.session else {
            return;
        };
        let current = simulator.session().map(|session| session.id);
        for event in std::mem::take(&mut self.pending) {
            if event.session != *id {
                // Of a session that nobody can resume nothing is due any more.
                if Some(&event.session) == current.as_ref() {
                    self.pending.push(event);
                }
                continue;
            }
            if event.sequence > *sequence {
                self.pending.push(event);
                continue;
            }
            self.stored += 1;
            self.acknowledged += usize::from(event.sequence <= seen.sequence);
            // A reaction or a vote owes no row of its message, and counts once.
            if ["MESSAGE_REACTION_", "MESSAGE_POLL_"]
                .iter()
                .any(|prefix| event.name.starts_with(prefix))
            {
                for id in event.ids {
                    *self.reactions.entry(id).or_default() += 1;
                }
                continue;
            }
            for id in event.ids {
                let due = self.due.entry(id).or_default();
                // A partial update of a message that was never seen makes no row.
                due.row |= event.whole;
                due.gone |= event.name.starts_with("MESSAGE_DELETE");
            }
        }
    }

    fn check_messages(&mut self, found: &Found) {
        self.duplicates = self.duplicates.max(found.duplicates);
        if found.duplicates > 0 {
            self.violation(format!("{} rows are there twice", found.duplicates));
        }
        let mut wrong = Vec::new();
        let all: HashSet<_> = self
            .reactions
            .keys()
            .chain(found.reactions.keys())
            .collect();
        for id in all {
            let [due, has] = [&self.reactions, &found.reactions].map(|of| of.get(id).copied());
            if due != has && self.lost.insert(*id) {
                wrong.push(format!(
                    "message {id}: {has:?} of {due:?} reactions and votes"
                ));
            }
        }
        for (id, due) in &self.due {
            let row = found.messages.get(id);
            let fragment = found.fragments.get(id);
            let what = match (row, fragment) {
                (None, None) => "nothing is known of it",
                (None, Some(_)) if due.row => "it has no row",
                (Some(false), _) | (None, Some(false)) if due.gone => "it is not marked as deleted",
                _ => continue,
            };
            if self.lost.insert(*id) {
                wrong.push(format!("message {id}: {what}"));
            }
        }
        for what in wrong {
            self.violation(what);
        }
    }
}
