//! The sessions, and how an event becomes a numbered frame in each of them.
//! A session numbers its dispatches from 1 and keeps the last of them for a RESUME, connected or not.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::mpsc::UnboundedSender;

use crate::observe::Dispatched;
use crate::random::mix;
use crate::world::Event;

/// The content intent.
pub(crate) const MESSAGE_CONTENT: u64 = 1 << 15;

/// What a connection is told to do.
#[derive(Clone, Debug)]
pub(crate) enum Command {
    /// Send a text.
    Frame(Arc<str>),
    /// Close with a code, or without one.
    Close(Option<u16>),
    /// Reset the TCP connection.
    Reset,
    /// Stop reading and writing, but leave the connection open.
    Silence,
}

/// A session.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) intents: u64,
    pub(crate) sequence: u64,
    expired: bool,
    replay: VecDeque<(u64, Arc<str>)>,
    link: Option<(u64, UnboundedSender<Command>)>,
}

/// Why a RESUME failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ResumeError {
    /// op 9 false.
    Unknown,
    /// Close 4007.
    Sequence,
}

/// All sessions.
#[derive(Debug, Default)]
pub(crate) struct Hub {
    sessions: HashMap<String, Session>,
    current: Option<String>,
    pub(crate) identifies: u64,
    pub(crate) resumes: u64,
    pub(crate) connections: u64,
    pub(crate) identify_times: VecDeque<Instant>,
    /// Events that reordering or a hold keeps back.
    kept_back: VecDeque<Event>,
    pub(crate) hold: bool,
    pub(crate) reorder: u32,
    /// What was dispatched about messages, if that is to be kept.
    pub(crate) dispatched: Option<Vec<Dispatched>>,
}

impl Hub {
    /// No sessions yet; whether dispatches about messages are to be kept.
    pub(crate) fn new(keep_dispatches: bool) -> Self {
        Self {
            dispatched: keep_dispatches.then(Vec::new),
            ..Self::default()
        }
    }

    /// Open a session, under the same id each time or not; its READY is the caller's to send.
    pub(crate) fn open(
        &mut self,
        seed: u64,
        same_id: bool,
        intents: u64,
        link: (u64, UnboundedSender<Command>),
    ) -> String {
        self.identifies += 1;
        let number = if same_id { 1 } else { self.identifies };
        let id = format!("{:016x}{:016x}", mix(seed, number), mix(number, seed));
        let session = Session {
            intents,
            sequence: 0,
            expired: false,
            replay: VecDeque::new(),
            link: Some(link),
        };
        self.sessions.insert(id.clone(), session);
        self.current = Some(id.clone());
        id
    }

    /// Take a session up again: the frames after `sequence`.
    pub(crate) fn resume(
        &mut self,
        id: &str,
        sequence: u64,
        link: (u64, UnboundedSender<Command>),
    ) -> Result<Vec<Arc<str>>, ResumeError> {
        let session = self.sessions.get_mut(id).ok_or(ResumeError::Unknown)?;
        if session.expired {
            self.sessions.remove(id);
            return Err(ResumeError::Unknown);
        }
        if sequence > session.sequence {
            return Err(ResumeError::Sequence);
        }
        let oldest = session
            .replay
            .front()
            .map_or(session.sequence + 1, |(oldest, _)| *oldest);
        if sequence + 1 < oldest {
            self.sessions.remove(id);
            return Err(ResumeError::Unknown);
        }
        if let Some((_, old)) = session.link.replace(link) {
            let _ = old.send(Command::Close(Some(4000)));
        }
        self.resumes += 1;
        self.current = Some(id.to_owned());
        let missed = session
            .replay
            .iter()
            .filter(|(number, _)| *number > sequence);
        Ok(missed.map(|(_, frame)| frame.clone()).collect())
    }

    /// The connection of a session has ended; when the client closed it properly, the session ends too.
    pub(crate) fn detach(&mut self, id: &str, connection: u64, over: bool) {
        if let Some(session) = self.sessions.get_mut(id)
            && session
                .link
                .as_ref()
                .is_some_and(|(at, _)| *at == connection)
        {
            session.link = None;
            // An expired session collects nothing more: nobody can come for it.
            if over || session.expired {
                self.sessions.remove(id);
            }
        }
    }

    /// No session can be resumed any more; those that are connected go on.
    pub(crate) fn expire_all(&mut self) {
        self.sessions.retain(|_, session| session.link.is_some());
        self.sessions
            .values_mut()
            .for_each(|session| session.expired = true);
    }

    /// End every connected session (what op 9 false says).
    pub(crate) fn end_connected(&mut self) {
        self.sessions.retain(|_, session| session.link.is_none());
    }

    pub(crate) fn current(&self) -> Option<(&str, &Session)> {
        let id = self.current.as_deref()?;
        self.sessions.get(id).map(|session| (id, session))
    }

    /// Tell every connected session's connection something; how many that were.
    pub(crate) fn tell(&self, command: &Command) -> usize {
        let links = self
            .sessions
            .values()
            .filter_map(|session| session.link.as_ref());
        links
            .filter(|(_, link)| link.send(command.clone()).is_ok())
            .count()
    }

    /// Send an event to every session that asked for it, now or (kept back) later.
    pub(crate) fn dispatch(&mut self, event: Event, buffer: usize) {
        if self.hold {
            self.kept_back.push_back(event);
            return;
        }
        // Reordering swaps an event with the next one of another channel; inside a channel the order stays.
        if let Some(other) = self.kept_back.pop_front() {
            if other.channel == event.channel || event.channel.is_none() {
                self.send(&other, buffer);
                self.send(&event, buffer);
            } else {
                self.send(&event, buffer);
                self.send(&other, buffer);
            }
            return;
        }
        if self.reorder > 0 && event.channel.is_some() && event.whole.is_some() {
            self.reorder -= 1;
            self.kept_back.push_back(event);
            return;
        }
        self.send(&event, buffer);
    }

    /// Whether there is no session.
    pub(crate) fn is_unused(&self) -> bool {
        self.sessions.is_empty()
    }

    /// Whether some session gets events of this intent, now or at its RESUME.
    pub(crate) fn listens(&self, intent: u64) -> bool {
        self.sessions
            .values()
            .any(|session| session.intents & intent != 0)
    }

    /// Let go of an event that waits for one of another channel; a hold goes on.
    pub(crate) fn settle(&mut self, buffer: usize) {
        if !self.hold {
            self.release(buffer);
        }
    }

    /// Let go of what was kept back.
    pub(crate) fn release(&mut self, buffer: usize) {
        self.hold = false;
        while let Some(event) = self.kept_back.pop_front() {
            self.send(&event, buffer);
        }
    }

    fn send(&mut self, event: &Event, buffer: usize) {
        for (id, session) in &mut self.sessions {
            if event.intent != 0 && session.intents & event.intent == 0 {
                continue;
            }
            let d = match &event.bare {
                Some(bare) if session.intents & MESSAGE_CONTENT == 0 => bare,
                _ => &event.d,
            };
            session.push(event.t, d, buffer);
            if let (Some(dispatched), Some(channel_id)) = (&mut self.dispatched, event.channel)
                && !event.messages.is_empty()
            {
                dispatched.push(Dispatched {
                    session: id.clone(),
                    sequence: session.sequence,
                    name: event.t,
                    channel_id,
                    ids: event.messages.clone(),
                    whole: event.whole.is_some(),
                });
            }
        }
    }

    /// Send an event to one session; what a handshake consists of.
    pub(crate) fn send_to(&mut self, id: &str, t: &str, d: &str, buffer: usize) {
        if let Some(session) = self.sessions.get_mut(id) {
            session.push(t, d, buffer);
        }
    }

    /// Number a text in every connected session, as an event nobody has heard of or one that is malformed.
    pub(crate) fn send_all(&mut self, t: &str, d: &str, buffer: usize) {
        for session in self.sessions.values_mut() {
            session.push(t, d, buffer);
        }
    }
}

impl Session {
    fn push(&mut self, t: &str, d: &str, buffer: usize) {
        self.sequence += 1;
        let frame: Arc<str> = format!(
            "{{\"t\":\"{t}\",\"s\":{},\"op\":0,\"d\":{d}}}",
            self.sequence
        )
        .into();
        self.replay.push_back((self.sequence, frame.clone()));
        while self.replay.len() > buffer {
            self.replay.pop_front();
        }
        if let Some((_, link)) = &self.link {
            // A dead connection's session keeps the frame for its RESUME.
            let _ = link.send(Command::Frame(frame));
        }
    }
}
