//! Completion of author names. A name stands for what was written under it: an author (above all a webhook) can
//! have written under many names, and several authors can have the same name.

use chrono_tz::Tz;
use tantivy::query::{EnableScoring, Occur, Query};

use super::SearchError;
use super::compile::{all, begins_with, number, whole};
use super::deadline::Clock;
use super::find::{Counts, Facets, Pass, SearchRequest, Sort};
use super::view::Searchable;
use crate::guild::Reach;
use crate::message::{GuildId, IdRange, UserId};
use crate::store::FoundAt;

/// The number of messages by an author and under a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written {
    /// Messages of the author under any name.
    pub by_author: u64,
    /// Messages of the author under the name.
    pub by_author_under_name: u64,
    /// Messages under the name by any author.
    pub under_name: u64,
    /// The newest message of the author under another name with the typed prefix.
    pub under_another: Option<FoundAt>,
}

/// A partly typed name, and where to look for it.
#[derive(Debug, Clone)]
pub struct Typed {
    /// The beginning of a name or of one of its words, folded.
    pub prefix: String,
    /// Only names and messages within this reach.
    pub reach: Reach,
    /// Only messages of this guild, if any.
    pub guild_id: Option<GuildId>,
}

impl Searchable {
    /// The authors with a name, or a word of a name, that starts with the prefix: those with the most messages
    /// under such names first, each with the newest of these messages.
    ///
    /// # Errors
    /// [`SearchError::TooLong`] if the deadline passes, or another error if the index can't be read.
    pub fn authors_beginning(
        &self,
        typed: &Typed,
        clock: &Clock,
    ) -> Result<Vec<(UserId, u64, FoundAt)>, SearchError> {
        let begins = begins_with(self.fields.author_words, &typed.prefix, 0.0);
        let (_, counts) = self.counted(vec![(Occur::Must, begins)], typed, clock)?;
        Ok(counts.authors)
    }

    /// The number of messages by an author and under a name, which is folded. `seen` are the author's names
    /// that are known already.
    ///
    /// # Errors
    /// As for [`Searchable::authors_beginning`].
    pub fn written(
        &self,
        author: UserId,
        name: &str,
        seen: &[String],
        typed: &Typed,
        clock: &Clock,
    ) -> Result<Written, SearchError> {
        let by_author = || {
            let author = number(self.fields.author, author.as_i64().cast_unsigned());
            (Occur::Must, author)
        };
        let under = |occur: Occur, name: &str| (occur, whole(self.fields.author_name, name));
        let count = |parts| Ok::<_, SearchError>(self.counted(parts, typed, clock)?.0);
        let begins = begins_with(self.fields.author_words, &typed.prefix, 0.0);
        let mut others = vec![by_author(), (Occur::Must, begins)];
        others.extend(seen.iter().map(|name| under(Occur::MustNot, name)));
        let (_, others) = self.counted(others, typed, clock)?;
        Ok(Written {
            by_author: count(vec![by_author()])?,
            by_author_under_name: count(vec![by_author(), under(Occur::Must, name)])?,
            under_name: count(vec![under(Occur::Must, name)])?,
            under_another: others.authors.first().map(|(_, _, newest)| *newest),
        })
    }

    /// Counts the messages that meet all of these queries, and their authors.
    fn counted(
        &self,
        mut parts: Vec<(Occur, Box<dyn Query>)>,
        typed: &Typed,
        clock: &Clock,
    ) -> Result<(u64, Counts), SearchError> {
        let request = SearchRequest {
            clause: None,
            reach: typed.reach.clone(),
            names: true,
            guild_id: typed.guild_id,
            channel_id: None,
            range: IdRange::ALL,
            include_deleted: false,
            sort: Sort::Newest,
            after: None,
            limit: 0,
            facets: Facets {
                author: true,
                ..Facets::default()
            },
            zone: Tz::UTC,
            channels_named: &|_| Vec::new(),
            clock: clock.clone(),
        };
        let within = self.within(&request.reach, clock)?;
        parts.extend(request.filter(&self.searcher, &self.fields, &within)?);
        let scoring = EnableScoring::disabled_from_searcher(&self.searcher);
        let weight = all(parts).weight(scoring)?;
        let mut pass = Pass::new(&request);
        for (ordinal, segment) in (0..).zip(self.searcher.segment_readers()) {
            pass.segment(&self.fields, ordinal, segment, &*weight)?;
        }
        Ok((pass.total, pass.counts.sorted(Tz::UTC)?))
    }
}
