//! The service's word against the truth: what it has must be so, and where it has something else it
//! must have said so.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use simulator::{ChannelInfo, DeletedBy, Simulator, TruthMessage, unix_ms};

use super::answer::{Answer, Claim, Row, ToldOutage};
use super::book::{Book, Change, Heard, Part, TrueOutage, What};
use super::figures::Figures;
use testkit::truth::Outside;

/// Discord tells its time in whole seconds, and an answer takes its time, on a busy machine more.
const TOLERANCE: u64 = 5000;

/// How far an outage may be told to begin before it did: what overtaking may take (60 s), a
/// heartbeat, and a mark's wait for company.
const EARLY: u64 = 60_000 + super::outage::HEARTBEAT_MS + 2 * TOLERANCE;

/// A comparison of everything with everything.
pub(crate) struct Check<'a> {
    pub(crate) book: &'a Book,
    pub(crate) answer: &'a Answer,
    /// The repair window in milliseconds.
    pub(crate) window: u64,
    places: HashMap<u64, ChannelInfo>,
    /// What is wrong, and with what: each is told once in a run.
    pub(crate) violations: Vec<(String, String)>,
    /// Messages whose row is not as they are, with their channel and what is claimed of them.
    pub(crate) excused: Vec<(u64, u64, Claim)>,
    /// How many of those differ in something that is no edit.
    pub(crate) beside_stale: usize,
}

impl<'a> Check<'a> {
    pub(crate) fn new(
        simulator: &Simulator,
        book: &'a Book,
        answer: &'a Answer,
        window: u64,
    ) -> Self {
        let places = simulator.channels().into_iter().chain(simulator.threads());
        Self {
            book,
            answer,
            window,
            places: places.map(|place| (place.id, place)).collect(),
            violations: Vec::new(),
            excused: Vec::new(),
            beside_stale: 0,
        }
    }

    /// Every row and every message. `before` is what the record had at the last look.
    pub(crate) fn messages(&mut self, truth: &[TruthMessage], before: &HashSet<u64>) {
        let real: HashSet<u64> = truth.iter().map(|message| message.id).collect();
        for id in self.answer.rows.keys().filter(|id| !real.contains(id)) {
            self.note(format!("INVENTED: {id}"), String::new());
        }
        for id in before {
            if !self.answer.rows.contains_key(id) {
                self.note(format!("LOST: {id}"), "it was there before".to_owned());
            }
        }
        for id in &self.answer.doubled {
            self.note(format!("DOUBLED: {id}"), String::new());
        }
        for message in truth {
            match self.answer.rows.get(&message.id) {
                None => self.absent(message),
                Some(row) => self.present(message, row),
            }
        }
    }

    fn is_readable(&self, channel: u64) -> bool {
        let place = self.places.get(&channel);
        place.is_some_and(|place| place.visible && place.history)
    }

    fn absent(&mut self, message: &TruthMessage) {
        if self.book.written(message.id) == Some(Heard::Told) {
            self.wrong("MISSING", message, None);
            return;
        }
        if message.deleted {
            return;
        }
        if self.is_readable(message.channel_id) {
            self.wrong("MISSING", message, None);
        } else if !matches!(
            self.answer.claim(message.channel_id, message.id),
            Claim::Gap(_)
        ) {
            self.wrong("SILENTLY MISSING", message, None);
        }
    }

    fn present(&mut self, message: &TruthMessage, row: &Row) {
        if row.channel_id != message.channel_id {
            self.wrong("MISPLACED", message, Some(row));
        }
        match (message.deleted, row.deleted) {
            (false, true) => self.wrong("DELETE INVENTED", message, Some(row)),
            (true, true) => self.evidence(message, row),
            (true, false) => match self.book.end(message.id).cloned() {
                Some(change) => self.unnoticed(message, row, &change),
                None => self.wrong("DELETE NOT IN THE BOOK", message, Some(row)),
            },
            (false, false) => {
                self.content(message, row);
                self.beside(message, row);
            }
        }
    }

    fn content(&mut self, message: &TruthMessage, row: &Row) {
        let edited = message.edited_timestamp.as_deref().map(milliseconds);
        if row.content == message.content && row.edited == edited {
            return;
        }
        let was = |change: &Change| change.what == What::Edited(row.content.clone());
        let changes = self.book.of(message.id);
        let is_version = row.edited.is_none() || changes.iter().any(was) || {
            // An edit of the generator's.
            let first = changes.iter().find(|it| matches!(it.what, What::Edited(_)));
            first.is_some_and(|first| row.edited < Some(first.at))
        };
        match self.book.edit_after(message.id, row.edited).cloned() {
            Some(change) if is_version => self.unnoticed(message, row, &change),
            _ => self.wrong("CONTENT INVENTED", message, Some(row)),
        }
    }

    /// What changed without an edit.
    fn beside(&mut self, message: &TruthMessage, row: &Row) {
        let (found, real) = (&row.outside, Outside::of_truth(message));
        let parts = [
            (Part::Pinned, found.pinned == real.pinned),
            (Part::Flags, found.flags == real.flags),
            (Part::Embeds, found.embeds == real.embeds),
            (Part::Reactions, found.reactions == real.reactions),
            (Part::Votes, found.votes == real.votes),
        ];
        for (part, is_right) in parts {
            let is_unknown = match part {
                Part::Reactions => found.reactions.is_none(),
                Part::Votes => found.votes.is_none() && real.votes.is_some(),
                Part::Pinned | Part::Flags | Part::Embeds => false,
            };
            let claim = || self.answer.claim(message.channel_id, message.id);
            if is_right || is_unknown && matches!(claim(), Claim::Gap(_)) {
                continue;
            }
            match self.book.unheard(message.id, part).cloned() {
                Some(change) => {
                    self.beside_stale += 1;
                    self.unnoticed(message, row, &change);
                }
                None => self.wrong(&format!("{part:?} WRONG"), message, Some(row)),
            }
        }
        if found.author_name != real.author_name {
            self.name(message, row);
        }
    }

    /// A name that is not the author's any more. No event tells of it: what was read since has the new one.
    fn name(&mut self, message: &TruthMessage, row: &Row) {
        let names = self.book.names.get(&message.author_id);
        let names = names.map_or(&[][..], Vec::as_slice);
        let was = names
            .iter()
            .any(|(name, _)| *name == row.outside.author_name);
        let renamed = names.last().map_or(0, |(_, until)| *until);
        let created = unix_ms(message.id);
        let was_read = |outage: &TrueOutage| {
            outage.began > renamed && created >= outage.ended + TOLERANCE - self.window
        };
        let is_readable = self.is_readable(message.channel_id);
        let hidden = self.was_hidden(message.channel_id);
        if !was {
            self.wrong("NAME INVENTED", message, Some(row));
        } else if is_readable && !hidden && self.book.outages.values().any(was_read) {
            self.wrong("NAME NOT REPAIRED", message, Some(row));
        }
    }

    /// A change that the record does not have: only if it says so, and could not know.
    fn unnoticed(&mut self, message: &TruthMessage, row: &Row, change: &Change) {
        let hidden = self.was_hidden(message.channel_id);
        let repaired = match change.heard {
            Heard::Told => {
                self.wrong("TOLD AND NOT KEPT", message, Some(row));
                return;
            }
            Heard::Lost(n) | Heard::Perhaps(n) if !hidden => {
                self.book.outages.get(&n).map(|outage| outage.ended)
            }
            _ => None,
        };
        let created = unix_ms(message.id);
        if self.is_readable(message.channel_id)
            && repaired.is_some_and(|at| created >= at + TOLERANCE - self.window)
        {
            self.wrong("NOT REPAIRED", message, Some(row));
            return;
        }
        let claim = self.answer.claim(message.channel_id, message.id);
        let is_told = match &claim {
            Claim::Gap(_) => true,
            Claim::Stale(since) => *since <= change.at,
            Claim::Sure => false,
        };
        if !is_told {
            self.wrong("SILENTLY WRONG", message, Some(row));
        }
        self.excused.push((message.id, message.channel_id, claim));
    }

    /// How and between which times it is said to have gone.
    fn evidence(&mut self, message: &TruthMessage, row: &Row) {
        let went = message.deleted_timestamp.as_deref().map(milliseconds);
        let (Some(went), Some(after), Some(before)) = (went, row.deleted_after, row.deleted_before)
        else {
            self.wrong("NO EVIDENCE", message, Some(row));
            return;
        };
        let end = self.book.end(message.id);
        // Of the message's end and its channel's it can be either that was noticed.
        let place = self.book.places_gone.get(&message.channel_id);
        let behind = end.map_or(0, |end| end.clock_behind);
        let behind = behind.max(place.map_or(0, |(_, behind)| *behind));
        if after > went + TOLERANCE {
            self.wrong("GONE BEFORE deleted_after", message, Some(row));
        }
        if went > before + TOLERANCE + behind {
            self.wrong("GONE AFTER deleted_before", message, Some(row));
        }
        let by = row.deleted_by.as_deref().unwrap_or_default();
        let told = match message.deleted_by {
            Some(DeletedBy::Delete) => "gateway",
            Some(DeletedBy::BulkDelete) => "bulk",
            _ => "channel",
        };
        let is_right = match end.map(|end| end.heard) {
            Some(Heard::Told) => by == told,
            // With its channel, should that have gone since.
            Some(Heard::Lost(_)) => {
                let with_its_place = matches!(by, "channel" | "missing_channel");
                by == "rescan" && told != "channel"
                    || with_its_place && !self.places.contains_key(&message.channel_id)
            }
            _ => true,
        };
        if !is_right {
            self.wrong("deleted_by IS WRONG", message, Some(row));
        }
    }

    fn was_hidden(&self, channel: u64) -> bool {
        let parent = self.places.get(&channel).and_then(|place| place.parent_id);
        let once = &self.book.hidden_once;
        once.contains(&channel) || parent.is_some_and(|parent| once.contains(&parent))
    }

    fn wrong(&mut self, what: &str, message: &TruthMessage, row: Option<&Row>) {
        let claim = self.answer.claim(message.channel_id, message.id);
        let (id, channel) = (message.id, message.channel_id);
        let details = format!(
            "of {} in {channel} (hidden once: {}, gone {:?}), content {:?}, edited {:?}, gone {:?} {:?}\n  \
             the record: {row:?}\n  it claims: {claim:?}\n  what happened: {:?}",
            unix_ms(id),
            self.was_hidden(channel),
            self.book.places_gone.get(&channel),
            message.content.chars().take(30).collect::<String>(),
            message.edited_timestamp.as_deref().map(milliseconds),
            message.deleted_timestamp.as_deref().map(milliseconds),
            message.deleted_by,
            self.book.of(id),
        );
        self.note(format!("{what}: message {id}"), details);
    }

    pub(crate) fn note(&mut self, what: String, details: String) {
        self.violations.push((what, details));
    }

    /// Each lost session stands among the outages with an interval that holds the true one, and
    /// nothing else does.
    pub(crate) fn outages(&mut self) {
        let mut real: Vec<(&usize, &TrueOutage)> = self.book.outages.iter().collect();
        real.sort_unstable_by_key(|(number, _)| **number);
        let told = &self.answer.outages;
        if real.len() != told.len() {
            let what = format!("OUTAGES: {} are told, {} were", told.len(), real.len());
            self.note(what, format!("{told:?}"));
            return;
        }
        for ((number, real), told) in real.into_iter().zip(told) {
            if let Some(what) = outage_is_wrong(real, told) {
                let details = format!("{told:?} was {real:?}");
                self.note(format!("OUTAGE {what}: {number}"), details);
            }
        }
    }

    /// Counts what became of the changes of an outage.
    pub(crate) fn count(&self, outage: usize, truth: &[TruthMessage], figures: &mut Figures) {
        figures.beside_stale = self.beside_stale;
        let truth: HashMap<u64, &TruthMessage> = truth.iter().map(|it| (it.id, it)).collect();
        for (id, change) in self.book.all() {
            if change.heard != Heard::Lost(outage) {
                continue;
            }
            let row = self.answer.rows.get(&id);
            let is_gone = truth.get(&id).is_none_or(|message| message.deleted);
            match (&change.what, row) {
                (What::Written, Some(_)) => figures.written_recovered += 1,
                (What::Written, None) if is_gone => figures.unknowable += 1,
                (What::Written, None) => figures.unreadable += 1,
                (What::Edited(_), Some(row)) if row.deleted => figures.edits_recovered += 1,
                (What::Edited(_), Some(row)) if row.edited >= Some(change.at) => {
                    figures.edits_recovered += 1;
                }
                (What::Edited(_), Some(_)) => figures.edits_stale += 1,
                (What::Deleted, Some(row)) if row.deleted => figures.deletes_recovered += 1,
                (What::Deleted, Some(_)) => figures.deletes_stale += 1,
                // Counted as written, or in a place that can't be read.
                (What::Edited(_) | What::Deleted, None) | (What::Beside(_), _) => {}
            }
        }
    }
}

fn outage_is_wrong(real: &TrueOutage, told: &ToldOutage) -> Option<&'static str> {
    let reason = if real.process_ran {
        "session_lost"
    } else {
        "offline"
    };
    if told.reason != reason {
        return Some("has another reason");
    }
    if told.began > real.began + TOLERANCE {
        return Some("begins after it did");
    }
    if told.began + EARLY < real.began {
        return Some("begins long before it did");
    }
    if real.time_was_told && told.ended + TOLERANCE < real.ended {
        return Some("ends before it did");
    }
    None
}

pub(crate) fn milliseconds(time: &str) -> u64 {
    let time: DateTime<Utc> = time.parse().unwrap();
    u64::try_from(time.timestamp_millis()).unwrap()
}
