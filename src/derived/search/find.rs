//! A search: goes over all that a query lets through, keeps the best of it and counts the rest. It looks
//! at the clock on its way, so that no query runs on for ever.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;
use tantivy::columnar::ColumnValues;
use tantivy::query::{ConstScoreQuery, EnableScoring, Occur, Query, Weight};
use tantivy::schema::Field;
use tantivy::{DocSet, Searcher, SegmentReader, TERMINATED};

use super::SearchError;
use super::compile::{self, ChannelsNamed, Compiler, Warning, asks_for_deleted};
use super::document::traits;
use super::fields::Fields;
use super::query::Clause;
use super::statistics::{Recorder, Statistics};
use super::view::Searchable;
use crate::message::{ChannelId, GuildId, IdSpan, MessageId, UserId};
use crate::store::FoundAt;

/// After so many messages it is looked at the clock.
const LOOK_EVERY: u32 = 4_096;

/// The most users that one name can stand for.
pub(super) const MOST_OF_A_NAME: usize = 1_000;

/// Channels and authors of a facet: those with the most hits.
const MOST_OF_A_FACET: usize = 50;

/// Milliseconds of the stretches that days are counted in first: time zones begin at quarters of hours.
const QUARTER: i64 = 15 * 60 * 1_000;

/// What is searched.
pub struct SearchRequest<'a> {
    /// Messages that meet this; none for all.
    pub clause: Option<Clause>,
    /// Of this guild,
    pub guild_id: Option<GuildId>,
    /// of this channel or thread,
    pub channel_id: Option<ChannelId>,
    /// with ids in this range,
    pub span: IdSpan,
    /// the deleted ones too; `is:deleted` asks for them by itself.
    pub include_deleted: bool,
    /// In this order,
    pub sort: Sort,
    /// after this one,
    pub after: Option<Position>,
    /// so many at most.
    pub limit: usize,
    /// What is counted besides.
    pub facets: Facets,
    /// Where the days of a facet begin.
    pub zone: Tz,
    /// The channels of a name.
    pub channels_named: &'a ChannelsNamed<'a>,
    /// When it is given up.
    pub clock: Clock,
}

/// When a search is given up: at a time, or when nobody wants its answer any more.
#[derive(Debug, Clone)]
pub struct Clock {
    deadline: Instant,
    left: Arc<AtomicBool>,
}

/// Has the search given up when it is dropped.
#[must_use]
pub struct LeaveOnDrop(Arc<AtomicBool>);

impl Drop for LeaveOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Clock {
    /// One that ends at `deadline`, and before when the other half is dropped.
    pub fn until(deadline: Instant) -> (Self, LeaveOnDrop) {
        let left = Arc::new(AtomicBool::new(false));
        let clock = Self {
            deadline,
            left: Arc::clone(&left),
        };
        (clock, LeaveOnDrop(left))
    }

    /// Looks at it.
    ///
    /// # Errors
    /// [`SearchError::TooLong`] if the time is over.
    pub fn look(&self) -> Result<(), SearchError> {
        if self.left.load(Ordering::Relaxed) || Instant::now() >= self.deadline {
            return Err(SearchError::TooLong);
        }
        Ok(())
    }

    /// Whether there is a message that a query lets through.
    pub(super) fn finds_any(
        &self,
        searcher: &Searcher,
        query: &dyn Query,
    ) -> Result<bool, SearchError> {
        let weight = query.weight(EnableScoring::disabled_from_searcher(searcher))?;
        for segment in searcher.segment_readers() {
            self.look()?;
            let mut docs = weight.scorer(segment, 1.0)?;
            while docs.doc() != TERMINATED {
                if !segment.is_deleted(docs.doc()) {
                    return Ok(true);
                }
                docs.advance();
            }
        }
        Ok(false)
    }

    /// The authors of the messages that a query lets through, [`MOST_OF_A_NAME`] at most.
    pub(super) fn distinct(
        &self,
        searcher: &Searcher,
        fields: &Fields,
        query: &dyn Query,
    ) -> Result<Vec<u64>, SearchError> {
        let weight = query.weight(EnableScoring::disabled_from_searcher(searcher))?;
        let mut values = HashSet::new();
        for segment in searcher.segment_readers() {
            let authors = column(fields, segment, fields.author)?;
            let mut docs = weight.scorer(segment, 1.0)?;
            let (mut doc, mut seen) = (docs.doc(), 0_u32);
            while doc != TERMINATED && values.len() < MOST_OF_A_NAME {
                seen += 1;
                if seen.is_multiple_of(LOOK_EVERY) {
                    self.look()?;
                }
                // What was replaced may have another name by now, or none.
                if !segment.is_deleted(doc) {
                    values.insert(authors.get_val(doc));
                }
                doc = docs.advance();
            }
        }
        Ok(values.into_iter().collect())
    }
}

/// The order of hits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Sort {
    /// The best first; of those that are as good, the newest.
    Relevance,
    /// The newest first.
    Newest,
    /// The oldest first.
    Oldest,
}

/// What is counted besides.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Facets {
    /// Hits of each channel.
    pub channel: bool,
    /// Hits of each author.
    pub author: bool,
    /// Hits of each day.
    pub day: bool,
}

/// Where a walk over pages is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position {
    /// The rank of the last hit.
    pub rank: Rank,
    /// The numbers that the scores of the walk are made of; empty where nothing is scored.
    pub statistics: Vec<u8>,
}

/// The place of a hit in its order: the greatest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rank {
    /// The bits of the score, which are in order as it is never negative.
    pub score: u32,
    /// The id, turned over where the oldest is first.
    pub id: u64,
}

/// A message that was found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Hit {
    /// The message.
    pub message_id: MessageId,
    /// The channel or thread it stands in.
    pub channel_id: ChannelId,
    /// How good it is; 0 where nothing is scored.
    pub score: f32,
}

/// What a search found.
#[derive(Debug, Clone, PartialEq)]
pub struct Hits {
    /// The messages, in their order.
    pub hits: Vec<Hit>,
    /// Where the next page goes on, if there is one.
    pub next: Option<Position>,
    /// How many there are on all pages.
    pub total: u64,
    /// What was counted besides.
    pub counts: Counts,
    /// What could not be made sense of.
    pub warnings: Vec<Warning>,
}

/// Hits of each value, the most first; days in their order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    /// Of channels and threads.
    pub channels: Vec<(ChannelId, u64)>,
    /// Of authors, each with the newest of them, by which the record tells its name.
    pub authors: Vec<(UserId, u64, FoundAt)>,
    /// Of days.
    pub days: Vec<(NaiveDate, u64)>,
}

impl Searchable {
    /// Searches; none if the position is of another query. For a thread that may wait.
    ///
    /// # Errors
    /// [`SearchError::TooLong`], or if the index can't be read.
    pub fn find(&self, request: &SearchRequest<'_>) -> Result<Option<Hits>, SearchError> {
        let mut compiler = Compiler {
            fields: &self.fields,
            searcher: &self.searcher,
            channels_named: request.channels_named,
            clock: &request.clock,
            warnings: Vec::new(),
            prefixes: 0,
        };
        let query = request.query(&mut compiler)?;
        let warnings = compiler.warnings;
        let (weight, statistics) = match self.weight(request, &*query)? {
            Some(weighed) => weighed,
            None => return Ok(None),
        };
        let mut pass = Pass::new(request);
        for segment in self.searcher.segment_readers() {
            pass.segment(&self.fields, segment, &*weight)?;
        }
        let (hits, last) = pass.hits()?;
        let has_more = pass.after_cursor > request.limit as u64;
        Ok(Some(Hits {
            hits,
            next: last.filter(|_| has_more).map(|rank| Position {
                rank,
                statistics: statistics.numbers(),
            }),
            total: pass.total,
            counts: pass.counts.sorted(request.zone)?,
            warnings,
        }))
    }

    /// The query with the numbers that its scores are made of: those of the walk's first page.
    fn weight(
        &self,
        request: &SearchRequest<'_>,
        query: &dyn Query,
    ) -> Result<Option<Weighed>, SearchError> {
        if request.sort != Sort::Relevance {
            let scoring = EnableScoring::disabled_from_searcher(&self.searcher);
            return Ok(Some((query.weight(scoring)?, Statistics::default())));
        }
        let recorder = Recorder::new(&self.searcher);
        let scoring = EnableScoring::enabled_from_statistics_provider(&recorder, &self.searcher);
        let weight = query.weight(scoring)?;
        let mut statistics = recorder.statistics();
        let Some(position) = &request.after else {
            return Ok(Some((weight, statistics)));
        };
        if !statistics.replace(&position.statistics) {
            return Ok(None);
        }
        let scoring = EnableScoring::enabled_from_statistics_provider(&statistics, &self.searcher);
        Ok(Some((query.weight(scoring)?, statistics)))
    }
}

impl SearchRequest<'_> {
    fn query(&self, compiler: &mut Compiler<'_>) -> Result<Box<dyn Query>, SearchError> {
        let mut parts = vec![(Occur::Must, self.filter(compiler.fields))];
        if let Some(clause) = &self.clause {
            let clause = compiler.clause(clause)?;
            parts.extend(clause.map(|query| (Occur::Must, query)));
        }
        Ok(compile::all(parts))
    }

    /// What the parameters let through.
    pub(super) fn filter(&self, fields: &Fields) -> Box<dyn Query> {
        let mut parts = Vec::new();
        if let Some(guild) = self.guild_id {
            let guild = guild.as_i64().cast_unsigned();
            parts.push((Occur::Must, compile::number(fields.guild, guild)));
        }
        if let Some(channel) = self.channel_id {
            let channel = channel.as_i64().cast_unsigned();
            parts.push((Occur::Must, compile::number(fields.channel, channel)));
        }
        if self.span != IdSpan::ALL {
            parts.push((Occur::Must, compile::ids(fields, self.span)));
        }
        let wants_deleted =
            self.include_deleted || self.clause.as_ref().is_some_and(asks_for_deleted);
        if !wants_deleted {
            let deleted = compile::whole(fields.traits, traits::DELETED);
            parts.push((Occur::MustNot, deleted));
        }
        Box::new(ConstScoreQuery::new(compile::all(parts), 0.0))
    }
}

/// A query that is ready to run, and the numbers that its scores are made of.
type Weighed = (Box<dyn Weight>, Statistics);

/// One pass over the index.
pub(super) struct Pass<'a> {
    request: &'a SearchRequest<'a>,
    best: BinaryHeap<Reverse<(Rank, u64)>>,
    pub(super) total: u64,
    /// How many come after the position that was asked for.
    after_cursor: u64,
    pub(super) counts: Counting,
    /// How many messages since the clock was looked at.
    unlooked: u32,
}

/// Hits by what they are counted by.
#[derive(Default)]
pub(super) struct Counting {
    channels: HashMap<u64, u64>,
    /// With the newest of each, and its channel.
    authors: HashMap<u64, (u64, u64, u64)>,
    quarters: HashMap<i64, u64>,
}

impl<'a> Pass<'a> {
    pub(super) fn new(request: &'a SearchRequest<'a>) -> Self {
        Self {
            request,
            best: BinaryHeap::new(),
            total: 0,
            after_cursor: 0,
            counts: Counting::default(),
            unlooked: 0,
        }
    }

    pub(super) fn segment(
        &mut self,
        fields: &Fields,
        segment: &SegmentReader,
        weight: &dyn Weight,
    ) -> Result<(), SearchError> {
        let ids = column(fields, segment, fields.id)?;
        let channels = column(fields, segment, fields.channel)?;
        let authors = column(fields, segment, fields.author)?;
        let facets = self.request.facets;
        self.look_at_the_clock()?;
        let mut scorer = weight.scorer(segment, 1.0)?;
        self.look_at_the_clock()?;
        let mut doc = scorer.doc();
        while doc != TERMINATED {
            self.unlooked += 1;
            if self.unlooked >= LOOK_EVERY {
                self.look_at_the_clock()?;
            }
            if !segment.is_deleted(doc) {
                self.total += 1;
                let id = ids.get_val(doc);
                if facets.channel {
                    *self
                        .counts
                        .channels
                        .entry(channels.get_val(doc))
                        .or_default() += 1;
                }
                if facets.author {
                    let author = authors.get_val(doc);
                    let (count, newest, channel) = self.counts.authors.entry(author).or_default();
                    *count += 1;
                    if id > *newest {
                        (*newest, *channel) = (id, channels.get_val(doc));
                    }
                }
                if facets.day {
                    let quarter = milliseconds(id).div_euclid(QUARTER);
                    *self.counts.quarters.entry(quarter).or_default() += 1;
                }
                let rank = match self.request.sort {
                    Sort::Relevance => Rank {
                        score: scorer.score().max(0.0).to_bits(),
                        id,
                    },
                    Sort::Newest => Rank { score: 0, id },
                    Sort::Oldest => Rank { score: 0, id: !id },
                };
                let after = self.request.after.as_ref();
                if after.is_none_or(|after| rank < after.rank) {
                    self.after_cursor += 1;
                    self.keep(rank, || channels.get_val(doc));
                }
            }
            doc = scorer.advance();
        }
        Ok(())
    }

    /// Keeps it if it is one of the best.
    fn keep(&mut self, rank: Rank, channel: impl FnOnce() -> u64) {
        if self.best.len() < self.request.limit {
            self.best.push(Reverse((rank, channel())));
        } else if self
            .best
            .peek()
            .is_some_and(|Reverse((worst, _))| rank > *worst)
        {
            self.best.pop();
            self.best.push(Reverse((rank, channel())));
        }
    }

    fn look_at_the_clock(&mut self) -> Result<(), SearchError> {
        self.unlooked = 0;
        self.request.clock.look()
    }

    /// The best, in their order, and the rank of the last.
    fn hits(&mut self) -> Result<(Vec<Hit>, Option<Rank>), SearchError> {
        let best = std::mem::take(&mut self.best).into_sorted_vec();
        let last = best.last().map(|Reverse((rank, _))| *rank);
        let hits = best.into_iter().map(|Reverse((rank, channel))| {
            let id = match self.request.sort {
                Sort::Oldest => !rank.id,
                Sort::Relevance | Sort::Newest => rank.id,
            };
            Ok(Hit {
                message_id: known(id)?,
                channel_id: known(channel)?,
                score: f32::from_bits(rank.score),
            })
        });
        Ok((hits.collect::<Result<_, SearchError>>()?, last))
    }
}

impl Counting {
    pub(super) fn sorted(&self, zone: Tz) -> Result<Counts, SearchError> {
        let mut days: BTreeMap<NaiveDate, u64> = BTreeMap::new();
        for (quarter, count) in &self.quarters {
            let time: Option<DateTime<Utc>> = DateTime::from_timestamp_millis(quarter * QUARTER);
            let day = time.map(|time| time.with_timezone(&zone).date_naive());
            *days.entry(day.unwrap_or_default()).or_default() += count;
        }
        let channel = |(id, count): (&u64, &u64)| Ok((known(*id)?, *count));
        let author = |(id, (count, newest, channel)): (&u64, &(u64, u64, u64))| {
            Ok((known(*id)?, *count, (known(*channel)?, known(*newest)?)))
        };
        let channels = most(&self.channels, |count| *count);
        let authors = most(&self.authors, |(count, _, _)| *count);
        Ok(Counts {
            channels: channels
                .into_iter()
                .map(channel)
                .collect::<Result<_, SearchError>>()?,
            authors: authors
                .into_iter()
                .map(author)
                .collect::<Result<_, SearchError>>()?,
            days: days.into_iter().collect(),
        })
    }
}

/// Those with the most hits; of as many, the least id first.
fn most<V>(counts: &HashMap<u64, V>, count: impl Fn(&V) -> u64) -> Vec<(&u64, &V)> {
    let mut counts: Vec<_> = counts.iter().collect();
    counts.sort_unstable_by_key(|(id, value)| (Reverse(count(value)), **id));
    counts.truncate(MOST_OF_A_FACET);
    counts
}

/// A column of numbers.
pub(super) fn column(
    fields: &Fields,
    segment: &SegmentReader,
    field: Field,
) -> Result<Arc<dyn ColumnValues<u64>>, SearchError> {
    let column = segment
        .fast_fields()
        .u64(fields.schema.get_field_name(field))?;
    Ok(column.first_or_default_col(0))
}

/// When a message was written, in milliseconds since 1970.
fn milliseconds(id: u64) -> i64 {
    MessageId::try_from(id).map_or(0, |id| id.created_at().timestamp_millis())
}

/// An id of the index.
pub(super) fn known<T: TryFrom<u64>>(id: u64) -> Result<T, SearchError> {
    T::try_from(id).map_err(|_| SearchError::Damaged(format!("{id} is not a valid snowflake")))
}
