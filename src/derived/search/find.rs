//! A search: walks over all messages that a query finds, keeps the best and counts the rest. It checks the
//! deadline on its way, so that no query runs for ever.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap};

use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;
use tantivy::columnar::ColumnValues;
use tantivy::query::{ConstScoreQuery, EnableScoring, Occur, Query, Weight};
use tantivy::{DocSet, SegmentReader, TERMINATED};

use super::compile::{ChannelsNamed, Compiler, Warning, asks_for_deleted};
use super::deadline::{Clock, LOOK_EVERY};
use super::document::traits;
use super::fields::Fields;
use super::query::Clause;
use super::statistics::{Recorder, Statistics};
use super::view::{Searchable, column, known};
use super::{SearchError, compile};
use crate::message::{ChannelId, GuildId, IdRange, MessageId, UserId};
use crate::store::FoundAt;

/// The maximum number of channels or authors in a facet: those with the most hits.
const MAX_FACET_VALUES: usize = 50;

/// The length of the intervals by which days are counted first, in milliseconds: offsets of time zones are
/// multiples of a quarter of an hour.
const QUARTER: i64 = 15 * 60 * 1_000;

/// A search to run.
pub struct SearchRequest<'a> {
    /// The condition; none for all messages.
    pub clause: Option<Clause>,
    /// Only messages of this guild, if any.
    pub guild_id: Option<GuildId>,
    /// Only messages of this channel or thread, if any.
    pub channel_id: Option<ChannelId>,
    /// Only messages with ids in this range.
    pub range: IdRange,
    /// Whether deleted messages are included; `is:deleted` includes them by itself.
    pub include_deleted: bool,
    /// The order of the hits.
    pub sort: Sort,
    /// Only hits after this position: the cursor of the next page.
    pub after: Option<Position>,
    /// The maximum number of hits.
    pub limit: usize,
    /// The facets to count.
    pub facets: Facets,
    /// The time zone of the days in a facet.
    pub zone: Tz,
    /// Returns the channels with a name.
    pub channels_named: &'a ChannelsNamed<'a>,
    /// The deadline.
    pub clock: Clock,
}

/// The order of hits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Sort {
    /// The best first; among equal scores, the newest first.
    Relevance,
    /// The newest first.
    Newest,
    /// The oldest first.
    Oldest,
}

/// The facets to count.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Facets {
    /// Whether to count the hits of each channel.
    pub channel: bool,
    /// Whether to count the hits of each author.
    pub author: bool,
    /// Whether to count the hits of each day.
    pub day: bool,
}

/// The position of a walk over pages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position {
    /// The rank of the last hit.
    pub rank: Rank,
    /// The statistics from which the walk's scores are computed; empty if there are no scores.
    pub statistics: Vec<u8>,
}

/// The rank of a hit in its order: the greatest comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rank {
    /// The bits of the score. Their order is the order of the scores, because no score is negative.
    pub score: u32,
    /// The id; inverted if the oldest comes first.
    pub id: u64,
}

/// A message that was found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Hit {
    /// The message's id.
    pub message_id: MessageId,
    /// The channel or thread of the message.
    pub channel_id: ChannelId,
    /// The score; 0 if there are no scores.
    pub score: f32,
}

/// The result of a search.
#[derive(Debug, Clone, PartialEq)]
pub struct Hits {
    /// The hits of the page, in order.
    pub hits: Vec<Hit>,
    /// The position at which the next page continues, if there is one.
    pub next: Option<Position>,
    /// The number of hits on all pages.
    pub total: u64,
    /// The facets.
    pub counts: Counts,
    /// The parts of the query that had no effect.
    pub warnings: Vec<Warning>,
}

/// The number of hits of each value, the most first; days in their order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    /// Channels and threads.
    pub channels: Vec<(ChannelId, u64)>,
    /// Authors, each with their newest message, from which the record supplies the name.
    pub authors: Vec<(UserId, u64, FoundAt)>,
    /// Days.
    pub days: Vec<(NaiveDate, u64)>,
}

impl Searchable {
    /// Runs a search; none if the position belongs to another query. Blocks the calling thread.
    ///
    /// # Errors
    /// [`SearchError::TooLong`] if the deadline passes, or another error if the index can't be read.
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

    /// The query with the statistics for its scores: on later pages, those of the walk's first page.
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

    /// The query for the parameters of the request.
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
        if self.range != IdRange::ALL {
            parts.push((Occur::Must, compile::ids(fields, self.range)));
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

/// A query that is ready to run, and the statistics for its scores.
type Weighed = (Box<dyn Weight>, Statistics);

/// A pass over the index.
pub(super) struct Pass<'a> {
    request: &'a SearchRequest<'a>,
    best: BinaryHeap<Reverse<(Rank, u64)>>,
    pub(super) total: u64,
    /// The number of hits after the requested position.
    after_cursor: u64,
    pub(super) counts: Counting,
    /// The number of messages since the last check of the deadline.
    unlooked: u32,
}

/// The number of hits by facet.
#[derive(Default)]
pub(super) struct Counting {
    channels: HashMap<u64, u64>,
    /// With the newest message of each author, and its channel.
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

    /// Keeps a hit if it is one of the best.
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

    /// The best hits in order, and the rank of the last.
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

/// The values with the most hits; among equal numbers, the smallest id first.
fn most<V>(counts: &HashMap<u64, V>, count: impl Fn(&V) -> u64) -> Vec<(&u64, &V)> {
    let mut counts: Vec<_> = counts.iter().collect();
    counts.sort_unstable_by_key(|(id, value)| (Reverse(count(value)), **id));
    counts.truncate(MAX_FACET_VALUES);
    counts
}

/// When a message was written, in milliseconds since 1970.
fn milliseconds(id: u64) -> i64 {
    MessageId::try_from(id).map_or(0, |id| id.created_at().timestamp_millis())
}
