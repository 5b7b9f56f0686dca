//! The writer of the index: a new version of a message replaces its document. A commit contains the documents,
//! the deletes and the watermark, or nothing.

use std::path::PathBuf;

use tantivy::indexer::{IndexWriterOptions, LogMergePolicy, MergeCandidate, MergePolicy};
use tantivy::{Index, IndexReader, IndexWriter, ReloadPolicy, SegmentMeta, TantivyDocument, Term};

use super::SearchError;
use super::document::document;
use super::fields::Fields;
use super::folder::Folder;
use super::mark::Mark;
use crate::derived::room::look_for_room;
use crate::failpoint;
use crate::store::FollowedMessage;

/// Segments with fewer messages than this count as equally large for merges, because each commit creates one.
const SMALL_SEGMENT: u32 = 20_000;

/// A segment is rewritten when this part of its messages was replaced; their texts disappear from the disk
/// then.
const REPLACED: f32 = 0.2;

/// An index that is being written.
pub(super) struct Writer {
    folder: Folder,
    fields: Fields,
    writer: IndexWriter,
    reader: IndexReader,
    /// The watermark of the last commit.
    pub(super) mark: Mark,
    /// The number of messages since the last commit.
    pub(super) uncommitted: usize,
}

impl Writer {
    /// Opens an index to continue from its last commit. `memory` is the size in bytes of what may wait for a
    /// commit.
    pub(super) fn open(
        folder: &Folder,
        index: &Index,
        mark: Mark,
        memory: usize,
    ) -> Result<Self, SearchError> {
        folder.sweep(index)?;
        let options = IndexWriterOptions::builder()
            .memory_budget_per_thread(memory)
            .num_worker_threads(1)
            .num_merge_threads(1)
            .build();
        let writer = index.writer_with_options::<TantivyDocument>(options)?;
        let mut policy = LogMergePolicy::default();
        policy.set_min_layer_size(SMALL_SEGMENT);
        policy.set_del_docs_ratio_before_merge(REPLACED);
        writer.set_merge_policy(Box::new(WithRoom {
            policy,
            folder: folder.root().to_owned(),
        }));
        let reader = index.reader_builder();
        Ok(Self {
            folder: folder.clone(),
            fields: Fields::new(),
            writer,
            reader: reader.reload_policy(ReloadPolicy::Manual).try_into()?,
            mark,
            uncommitted: 0,
        })
    }

    /// Adds messages, each in the place of its old document. They can reach the disk before the commit.
    pub(super) fn put(&mut self, messages: &[FollowedMessage]) -> Result<(), SearchError> {
        if !messages.is_empty() {
            self.look_for_room()?;
        }
        for message in messages {
            let id = message.id.as_i64().cast_unsigned();
            self.writer
                .delete_term(Term::from_field_u64(self.fields.id, id));
            self.writer.add_document(document(&self.fields, message))?;
        }
        self.uncommitted += messages.len();
        Ok(())
    }

    /// Commits the added messages with this watermark.
    pub(super) fn commit(&mut self, mark: Mark) -> Result<(), SearchError> {
        self.look_for_room()?;
        failpoint::reach("search_taken")?;
        let mut commit = self.writer.prepare_commit()?;
        commit.set_payload(&mark.payload()?);
        failpoint::reach("search_written")?;
        commit.commit()?;
        failpoint::reach("search_durable")?;
        self.mark = mark;
        self.uncommitted = 0;
        Ok(())
    }

    /// The last commit, for searches.
    pub(super) fn searcher(&self) -> Result<tantivy::Searcher, SearchError> {
        self.reader.reload()?;
        Ok(self.reader.searcher())
    }

    fn look_for_room(&self) -> Result<(), SearchError> {
        look_for_room(self.folder.root()).map_err(|free| SearchError::LittleSpace { free })
    }

    pub(super) fn index(&self) -> &Index {
        self.writer.index()
    }
}

/// Starts no merges while only the record's reserve is free, because a merge writes before it deletes.
#[derive(Debug)]
struct WithRoom {
    policy: LogMergePolicy,
    folder: PathBuf,
}

impl MergePolicy for WithRoom {
    fn compute_merge_candidates(&self, segments: &[SegmentMeta]) -> Vec<MergeCandidate> {
        if look_for_room(&self.folder).is_err() {
            return Vec::new();
        }
        self.policy.compute_merge_candidates(segments)
    }
}
