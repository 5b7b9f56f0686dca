//! What can go wrong with lists: something is left out, or nothing is in them, and the answer looks right.
//! A test says what is missing, how often, and what asking for it by its id answers meanwhile. When the fault is over
//! the thing is there again, and no event has said anything of it.

use serde::{Deserialize, Deserializer, Serialize};

use crate::control::Id;

/// A rule: which lists are wrong, and how.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListFault {
    /// What is wrong.
    #[serde(flatten)]
    pub kind: ListFaultKind,
    /// Only in this place: the guild of its channels and active threads, the channel of its archived threads and
    /// messages. Without it, anywhere.
    #[serde(default)]
    pub place: Option<u64>,
    /// In how many answers; without it, until it is switched off. An answer in which nothing would be wrong does not
    /// count.
    #[serde(default)]
    pub times: Option<u32>,
    /// How many answers in which something would be wrong are spared first.
    #[serde(default)]
    pub skip: u32,
}

/// A kind of list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum List {
    /// `GET /guilds/{id}/channels`.
    #[default]
    Channels,
    /// The active threads of a guild and the archived ones of a channel.
    Threads,
    /// A page of history.
    Messages,
}

/// What is wrong with a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "fault", rename_all = "snake_case")]
pub enum ListFaultKind {
    /// These channels, threads or messages are left out of every list they belong to. A page has others instead.
    Without {
        /// Their ids.
        #[serde(deserialize_with = "ids")]
        ids: Vec<u64>,
        /// What a request for one of them by its id is answered; without it, the truth.
        #[serde(default)]
        by_id: Option<ById>,
    },
    /// Nothing is in the list.
    Empty {
        /// Which list.
        #[serde(default)]
        list: List,
    },
    /// Only the first of what should be in the list is.
    Short {
        /// Which list.
        #[serde(default)]
        list: List,
        /// How many.
        keep: usize,
    },
    /// The channels or threads of the list lack parts.
    Bare {
        /// Which list; messages are never bare.
        #[serde(default)]
        list: List,
        /// The parts, by the names of their fields.
        fields: Vec<String>,
    },
}

/// What a request for something by its id is answered while lists leave it out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ById {
    /// The answer.
    pub answer: Refused,
    /// How many requests; without it, as long as lists leave it out.
    #[serde(default)]
    pub times: Option<u32>,
}

/// How a request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Refused {
    /// 404 with Discord's code: 10003 for a channel or thread, 10008 for a message.
    NotFound,
    /// 403 with code 50001.
    Forbidden,
}

fn ids<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u64>, D::Error> {
    Ok(Vec::<Id>::deserialize(from)?
        .into_iter()
        .map(|Id(id)| id)
        .collect())
}

impl ListFault {
    fn new(kind: ListFaultKind) -> Self {
        Self {
            kind,
            place: None,
            times: None,
            skip: 0,
        }
    }

    /// These are left out of every list; by their ids they are answered as they are.
    #[must_use]
    pub fn without(ids: &[u64]) -> Self {
        Self::new(ListFaultKind::Without {
            ids: ids.to_vec(),
            by_id: None,
        })
    }

    /// Nothing is in the list.
    #[must_use]
    pub fn empty(list: List) -> Self {
        Self::new(ListFaultKind::Empty { list })
    }

    /// Only the first so many are in the list.
    #[must_use]
    pub fn short(list: List, keep: usize) -> Self {
        Self::new(ListFaultKind::Short { list, keep })
    }

    /// The channels or threads of the list lack these fields.
    #[must_use]
    pub fn bare(list: List, fields: &[&str]) -> Self {
        let fields = fields.iter().map(|&field| field.to_owned()).collect();
        Self::new(ListFaultKind::Bare { list, fields })
    }

    /// What is left out is refused by its id too, so often or (with `None`) as long as lists leave it out. It means
    /// nothing for the other kinds.
    #[must_use]
    pub fn refused(mut self, answer: Refused, times: impl Into<Option<u32>>) -> Self {
        if let ListFaultKind::Without { by_id, .. } = &mut self.kind {
            *by_id = Some(ById {
                answer,
                times: times.into(),
            });
        }
        self
    }

    /// Only in this guild or channel.
    #[must_use]
    pub fn in_place(mut self, place: u64) -> Self {
        self.place = Some(place);
        self
    }

    /// Only in so many answers.
    #[must_use]
    pub fn times(mut self, times: u32) -> Self {
        self.times = Some(times);
        self
    }

    /// So many answers are spared first.
    #[must_use]
    pub fn after(mut self, skip: u32) -> Self {
        self.skip = skip;
        self
    }

    /// Whether something is wrong with this answer, were the rule to act.
    fn concerns(&self, list: List, place: u64, page: &[u64]) -> bool {
        let here = self.place.is_none_or(|only| only == place);
        here && match &self.kind {
            ListFaultKind::Without { ids, .. } => page.iter().any(|id| ids.contains(id)),
            ListFaultKind::Empty { list: of } => *of == list && !page.is_empty(),
            ListFaultKind::Short { list: of, keep } => *of == list && page.len() > *keep,
            ListFaultKind::Bare { list: of, .. } => {
                *of == list && list != List::Messages && !page.is_empty()
            }
        }
    }

    /// Count an answer that the rule concerns; whether the rule acts on it.
    fn act(&mut self) -> bool {
        if self.skip > 0 {
            self.skip -= 1;
            return false;
        }
        take(&mut self.times)
    }
}

/// Take one of so many, or of any number.
fn take(times: &mut Option<u32>) -> bool {
    match times {
        Some(0) => false,
        Some(left) => {
            *left -= 1;
            true
        }
        None => true,
    }
}

/// What is wrong with one answer.
#[derive(Debug, Default)]
pub(crate) struct Wrong {
    /// Left out.
    pub(crate) without: Vec<u64>,
    /// At most so many.
    pub(crate) keep: Option<usize>,
    /// Fields that are missing.
    pub(crate) bare: Vec<String>,
}

/// The rules that are switched on.
#[derive(Debug, Default)]
pub(crate) struct Lists {
    rules: Vec<(u64, ListFault)>,
    /// What was done to the answer that is being made, for the record of happenings.
    acted: Option<String>,
}

impl Lists {
    pub(crate) fn add(&mut self, number: u64, fault: ListFault) {
        self.rules.push((number, fault));
    }

    pub(crate) fn remove(&mut self, number: u64) {
        self.rules.retain(|(at, _)| *at != number);
    }

    pub(crate) fn clear(&mut self) {
        self.rules.clear();
    }

    /// What is wrong with an answer that should hold these.
    pub(crate) fn hit(&mut self, list: List, place: u64, page: &[u64]) -> Wrong {
        let mut wrong = Wrong::default();
        for (_, rule) in &mut self.rules {
            if !rule.concerns(list, place, page) || !rule.act() {
                continue;
            }
            self.acted = Some(format!("{:?}", rule.kind));
            match &rule.kind {
                ListFaultKind::Without { ids, .. } => wrong.without.extend(ids),
                ListFaultKind::Empty { .. } => wrong.keep = Some(0),
                ListFaultKind::Short { keep, .. } => {
                    wrong.keep = Some(wrong.keep.map_or(*keep, |least| least.min(*keep)));
                }
                ListFaultKind::Bare { fields, .. } => wrong.bare.extend(fields.iter().cloned()),
            }
        }
        wrong
    }

    /// How a request for something by its id is refused, if it is.
    pub(crate) fn refuse(&mut self, id: u64) -> Option<Refused> {
        for (_, rule) in &mut self.rules {
            let ListFaultKind::Without {
                ids,
                by_id: Some(by_id),
            } = &mut rule.kind
            else {
                continue;
            };
            let over = rule.times == Some(0) && by_id.times.is_none();
            if !over && ids.contains(&id) && take(&mut by_id.times) {
                let answer = by_id.answer;
                self.acted = Some(format!("{answer:?} for {id}"));
                return Some(answer);
            }
        }
        None
    }

    /// What was done to the answer just made.
    pub(crate) fn take_acted(&mut self) -> Option<String> {
        self.acted.take()
    }
}
