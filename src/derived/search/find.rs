//! A search: walks over all messages that a query finds, keeps the best and counts the rest. It checks the
//! deadline on its way, so that no query runs for ever.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap};
use std::sync::Arc;

use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;
use tantivy::columnar::ColumnValues;
use tantivy::query::{ConstScoreQuery, EnableScoring, Occur, Query, Weight};
use tantivy::{
    COLLECT_BLOCK_BUFFER_LEN, DocAddress, DocId, DocSet, Searcher, SegmentOrdinal, SegmentReader,
    TERMINATED, Term,
};

use super::compile::{ChannelsNamed, Compiler, Parts, Warning, asks_for_deleted};
use super::deadline::{Clock, LOOK_EVERY};
use super::document::traits;
use super::fields::{Fields, column, known};
use super::query::Clause;
use super::statistics::{Recorder, Statistics};
use super::view::Searchable;
use super::within::Within;
use super::{SearchError, compile};
use crate::guild::Reach;
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
    /// Only messages within this reach. The answer is the same as if there were no others.
    pub reach: Reach,
    /// Whether words are also sought in the names of mentioned users.
    pub names: bool,
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
    /// Returns the channels within the reach with a name.
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
    /// The message's document in the searched commit.
    pub(super) address: DocAddress,
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
        let within = self.within(&request.reach, &request.clock)?;
        let mut compiler = Compiler {
            fields: &self.fields,
            searcher: &self.searcher,
            within: &within,
            names: request.names,
            channels_named: request.channels_named,
            clock: &request.clock,
            warnings: Vec::new(),
            prefixes: 0,
        };
        let query = request.query(&mut compiler)?;
        let warnings = compiler.warnings;
        let (weight, statistics) = match self.weight(request, &within, &*query)? {
            Some(weighed) => weighed,
            None => return Ok(None),
        };
        let mut pass = Pass::new(request);
        for (ordinal, segment) in (0..).zip(self.searcher.segment_readers()) {
            pass.segment(&self.fields, ordinal, segment, &*weight)?;
        }
        let (hits, next) = pass.hits()?;
        Ok(Some(Hits {
            hits,
            next: next.map(|rank| Position {
                rank,
                statistics: statistics.numbers(),
            }),
            total: pass.total,
            counts: pass.counts.sorted(request.zone)?,
            warnings,
        }))
    }

    /// The documents within a reach.
    pub(super) fn within(&self, reach: &Reach, clock: &Clock) -> Result<Within, SearchError> {
        self.reaches
            .within(reach, &self.searcher, &self.fields, clock)
    }

    /// The query with the statistics for its scores: on later pages, those of the walk's first page.
    fn weight(
        &self,
        request: &SearchRequest<'_>,
        within: &Within,
        query: &dyn Query,
    ) -> Result<Option<Weighed>, SearchError> {
        if request.sort != Sort::Relevance {
            let scoring = EnableScoring::disabled_from_searcher(&self.searcher);
            return Ok(Some((query.weight(scoring)?, Statistics::default())));
        }
        let mut recorder = Recorder::new(&self.searcher, within, &request.clock);
        if request.after.is_some() {
            recorder = recorder.of_later_page();
        }
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
        let mut parts = self.filter(compiler.searcher, compiler.fields, compiler.within)?;
        if let Some(clause) = &self.clause {
            let clause = compiler.clause(clause)?;
            parts.extend(clause.map(|query| (Occur::Must, query)));
        }
        Ok(compile::all(parts))
    }

    /// The queries for the parameters of the request. They have no score.
    pub(super) fn filter(
        &self,
        searcher: &Searcher,
        fields: &Fields,
        within: &Within,
    ) -> Result<Parts, SearchError> {
        let mut required = Vec::new();
        required.extend(within.query());
        if let Some(guild) = self.guild_id {
            let guild = guild.as_i64().cast_unsigned();
            // Most records are of one guild: then there is nothing to compare.
            if !has_every_document(searcher, &Term::from_field_u64(fields.guild, guild))? {
                required.push(compile::number(fields.guild, guild));
            }
        }
        if let Some(channel) = self.channel_id {
            let channel = channel.as_i64().cast_unsigned();
            required.push(compile::number(fields.channel, channel));
        }
        if self.range != IdRange::ALL {
            required.push(compile::ids(fields, self.range));
        }
        let required = required.into_iter().map(|query| -> (_, Box<dyn Query>) {
            (Occur::Must, Box::new(ConstScoreQuery::new(query, 0.0)))
        });
        let mut parts: Parts = required.collect();
        let wants_deleted =
            self.include_deleted || self.clause.as_ref().is_some_and(asks_for_deleted);
        if !wants_deleted {
            let deleted = compile::whole(fields.traits, traits::DELETED);
            parts.push((Occur::MustNot, deleted));
        }
        Ok(parts)
    }
}

/// Whether all documents have a term, including those that were replaced.
fn has_every_document(searcher: &Searcher, term: &Term) -> Result<bool, SearchError> {
    let documents = searcher.segment_readers().iter();
    let documents: u64 = documents.map(|it| u64::from(it.max_doc())).sum();
    Ok(searcher.doc_freq(term)? == documents)
}

/// A query that is ready to run, and the statistics for its scores.
type Weighed = (Box<dyn Weight>, Statistics);

/// A pass over the index.
pub(super) struct Pass<'a> {
    request: &'a SearchRequest<'a>,
    /// The best hits after the requested position: those of the page, and one more, which tells that there is
    /// a next page.
    best: BinaryHeap<Reverse<Found>>,
    pub(super) total: u64,
    pub(super) counts: Counting,
    /// The number of messages since the last check of the deadline.
    unlooked: usize,
}

/// A message that was found, with its channel.
type Found = (Rank, u64, DocAddress);

/// The columns of a segment.
struct Columns {
    segment_ord: SegmentOrdinal,
    ids: Arc<dyn ColumnValues<u64>>,
    channels: Arc<dyn ColumnValues<u64>>,
    authors: Arc<dyn ColumnValues<u64>>,
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
            counts: Counting::default(),
            unlooked: 0,
        }
    }

    pub(super) fn segment(
        &mut self,
        fields: &Fields,
        segment_ord: SegmentOrdinal,
        segment: &SegmentReader,
        weight: &dyn Weight,
    ) -> Result<(), SearchError> {
        let columns = Columns {
            segment_ord,
            ids: column(fields, segment, fields.id)?,
            channels: column(fields, segment, fields.channel)?,
            authors: column(fields, segment, fields.author)?,
        };
        self.look_at_the_clock()?;
        match self.request.sort {
            Sort::Relevance => self.by_relevance(&columns, segment, weight),
            Sort::Newest => self.by_time(&columns, segment, weight, |id| id),
            Sort::Oldest => self.by_time(&columns, segment, weight, |id| !id),
        }
    }

    /// The id is only read where something depends on it: most messages are far from the best.
    fn by_relevance(
        &mut self,
        columns: &Columns,
        segment: &SegmentReader,
        weight: &dyn Weight,
    ) -> Result<(), SearchError> {
        let facets = self.request.facets;
        let needs_id = facets.author || facets.day;
        let mut scorer = weight.scorer(segment, 1.0)?;
        self.look_at_the_clock()?;
        let mut doc = scorer.doc();
        while doc != TERMINATED {
            self.count_to_look(1)?;
            if !segment.is_deleted(doc) {
                self.total += 1;
                let score = scorer.score().max(0.0).to_bits();
                let can_be_kept = self.can_be_kept(score);
                if needs_id || can_be_kept {
                    let id = columns.ids.get_val(doc);
                    self.count(columns, doc, id);
                    if can_be_kept {
                        self.keep(Rank { score, id }, columns, doc);
                    }
                } else if facets.channel {
                    self.count(columns, doc, 0);
                }
            }
            doc = scorer.advance();
        }
        Ok(())
    }

    /// Without scores, documents and their ids are read a block at a time, which takes a third of the time.
    fn by_time(
        &mut self,
        columns: &Columns,
        segment: &SegmentReader,
        weight: &dyn Weight,
        rank: impl Fn(u64) -> u64,
    ) -> Result<(), SearchError> {
        let counts_facets = self.request.facets != Facets::default();
        let mut scorer = weight.scorer(segment, 1.0)?;
        self.look_at_the_clock()?;
        let mut found = [0; COLLECT_BLOCK_BUFFER_LEN];
        let mut ids = [0; COLLECT_BLOCK_BUFFER_LEN];
        loop {
            let count = scorer.fill_buffer(&mut found);
            if count == 0 {
                return Ok(());
            }
            self.count_to_look(count)?;
            let alive = move_alive_to_front(segment, &mut found[..count]);
            let (docs, ids) = (&found[..alive], &mut ids[..alive]);
            self.total += alive as u64;
            columns.ids.get_vals(docs, ids);
            let mut worst = self.worst();
            for (&doc, &id) in docs.iter().zip(&*ids) {
                if counts_facets {
                    self.count(columns, doc, id);
                }
                let rank = Rank {
                    score: 0,
                    id: rank(id),
                };
                if worst.is_none_or(|worst| rank > worst) {
                    self.keep(rank, columns, doc);
                    worst = self.worst();
                }
            }
        }
    }

    /// Counts a hit in the requested facets.
    fn count(&mut self, columns: &Columns, doc: DocId, id: u64) {
        let facets = self.request.facets;
        if facets.channel {
            let channel = columns.channels.get_val(doc);
            *self.counts.channels.entry(channel).or_default() += 1;
        }
        if facets.author {
            let author = columns.authors.get_val(doc);
            let (count, newest, channel) = self.counts.authors.entry(author).or_default();
            *count += 1;
            if id > *newest {
                (*newest, *channel) = (id, columns.channels.get_val(doc));
            }
        }
        if facets.day {
            let quarter = milliseconds(id).div_euclid(QUARTER);
            *self.counts.quarters.entry(quarter).or_default() += 1;
        }
    }

    /// Whether a hit with this score can be one of the best; among equal scores, its id decides.
    fn can_be_kept(&self, score: u32) -> bool {
        let after = self.request.after.as_ref();
        after.is_none_or(|after| score <= after.rank.score)
            && self.worst().is_none_or(|worst| score >= worst.score)
    }

    /// The rank that a further hit has to exceed; none while there is room for it anyway.
    fn worst(&self) -> Option<Rank> {
        let worst = self.best.peek().map(|Reverse((rank, ..))| *rank);
        worst.filter(|_| self.best.len() > self.request.limit)
    }

    /// Keeps a hit if it is one of the best after the requested position.
    fn keep(&mut self, rank: Rank, columns: &Columns, doc: DocId) {
        let after = self.request.after.as_ref();
        if after.is_some_and(|after| rank >= after.rank) {
            return;
        }
        if let Some(worst) = self.worst() {
            if rank <= worst {
                return;
            }
            self.best.pop();
        }
        let channel = columns.channels.get_val(doc);
        let address = DocAddress::new(columns.segment_ord, doc);
        self.best.push(Reverse((rank, channel, address)));
    }

    fn count_to_look(&mut self, count: usize) -> Result<(), SearchError> {
        self.unlooked += count;
        if self.unlooked < LOOK_EVERY {
            return Ok(());
        }
        self.look_at_the_clock()
    }

    fn look_at_the_clock(&mut self) -> Result<(), SearchError> {
        self.unlooked = 0;
        self.request.clock.look()
    }

    /// The hits of the page in order, and the rank of the last if there is a next page.
    fn hits(&mut self) -> Result<(Vec<Hit>, Option<Rank>), SearchError> {
        let mut best = std::mem::take(&mut self.best).into_sorted_vec();
        let has_more = best.len() > self.request.limit;
        best.truncate(self.request.limit);
        let last = best.last().map(|Reverse((rank, ..))| *rank);
        let hits = best.into_iter().map(|Reverse((rank, channel, address))| {
            let id = match self.request.sort {
                Sort::Oldest => !rank.id,
                Sort::Relevance | Sort::Newest => rank.id,
            };
            Ok(Hit {
                message_id: known(id)?,
                channel_id: known(channel)?,
                score: f32::from_bits(rank.score),
                address,
            })
        });
        let next = last.filter(|_| has_more);
        Ok((hits.collect::<Result<_, SearchError>>()?, next))
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

/// Moves the documents that were not replaced to the front, in their order, and returns how many they are.
fn move_alive_to_front(segment: &SegmentReader, docs: &mut [DocId]) -> usize {
    let Some(alive) = segment.alive_bitset() else {
        return docs.len();
    };
    let mut count = 0;
    for at in 0..docs.len() {
        docs[count] = docs[at];
        count += usize::from(alive.is_alive(docs[count]));
    }
    count
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
