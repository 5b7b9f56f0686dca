//! The folder of the index: what a start finds there, and what becomes of an index that is of no use.

use std::fs::{self, File};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use chrono::Utc;
use tantivy::directory::MmapDirectory;
use tantivy::index::SegmentComponent;
use tantivy::{Index, IndexSettings};

use super::SearchError;
use super::fields::{Fields, tokenizers};
use super::mark::Mark;
use crate::store::RecordState;

/// The folder's name in the data folder.
const NAME: &str = "search";

/// The index in it.
const INDEX: &str = "index";

/// How the names of those begin that are of no use any more.
const ASIDE: &str = "aside-";

/// The files that every segment has.
const PARTS: [SegmentComponent; 6] = [
    SegmentComponent::Postings,
    SegmentComponent::Positions,
    SegmentComponent::Terms,
    SegmentComponent::FastFields,
    SegmentComponent::FieldNorms,
    SegmentComponent::Store,
];

/// The folder of the index. It is written by one process, which holds the data folder's lock.
#[derive(Debug, Clone)]
pub(super) struct Folder {
    root: PathBuf,
}

/// What a start finds: the folder, with no index in it that is of no use.
#[derive(Debug, Clone)]
pub struct Found {
    pub(super) folder: Folder,
}

/// An index, and what is known of it without its texts.
#[derive(Debug, Clone)]
pub struct IndexState {
    /// How far it is.
    pub mark: Mark,
    /// How many messages are in it.
    pub documents: u64,
    /// How many parts it has, which are merged now and then.
    pub segments: usize,
    /// Its size on the disk.
    pub bytes: u64,
}

impl Found {
    /// Looks into a data folder for an index of this record; one that is of another record, ahead of
    /// this one, of another version, or can't be opened is set aside. To be done before the record goes
    /// on: afterwards an index that was ahead of it looks like one that is behind.
    #[must_use]
    pub fn look(data_dir: &Path, record: &RecordState) -> Self {
        let folder = Folder {
            root: data_dir.join(NAME),
        };
        let misfit = match folder.open() {
            Ok(Some((_, mark))) => mark.misfit(record).map(str::to_owned),
            Ok(None) => None,
            Err(error) => Some(error.to_string()),
        };
        if let Some(reason) = misfit
            && let Err(error) = folder.set_aside(&reason)
        {
            tracing::error!(%error, "the search index can't be set aside");
        }
        Self { folder }
    }

    /// Sets the index aside, whatever it is.
    ///
    /// # Errors
    /// If the file system says no.
    pub fn set_aside(&self, reason: &str) -> Result<(), SearchError> {
        self.folder.set_aside(reason)
    }
}

impl IndexState {
    /// What is known of the index in a data folder; none if there is none. Reads only, also while the
    /// service runs.
    ///
    /// # Errors
    /// If it can't be opened.
    pub fn read(data_dir: &Path) -> Result<Option<Self>, SearchError> {
        let folder = Folder {
            root: data_dir.join(NAME),
        };
        let Some((index, mark)) = folder.open()? else {
            return Ok(None);
        };
        let segments = index.searchable_segment_metas()?;
        Ok(Some(Self {
            mark,
            documents: segments.iter().map(|it| u64::from(it.num_docs())).sum(),
            segments: segments.len(),
            bytes: folder.bytes(),
        }))
    }
}

impl Folder {
    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    fn index(&self) -> PathBuf {
        self.root.join(INDEX)
    }

    /// Opens the index; none if there is none.
    pub(super) fn open(&self) -> Result<Option<(Index, Mark)>, SearchError> {
        let path = self.index();
        if !path.exists() {
            return Ok(None);
        }
        // What is damaged can be anything, also what tantivy did not think of.
        let opened = catch_unwind(AssertUnwindSafe(|| {
            let mut index =
                Index::open(MmapDirectory::open(&path).map_err(tantivy::TantivyError::from)?)?;
            index.set_tokenizers(tokenizers());
            let payload = index.load_metas()?.payload;
            Ok::<_, SearchError>((index, payload))
        }));
        let (index, payload) = opened.unwrap_or_else(|_| Err(damaged("it can't be opened")))?;
        let mark = payload.and_then(|mark| Mark::from_payload(&mark));
        let mark = mark.ok_or_else(|| damaged("it does not say how far it is"))?;
        if index.schema() != Fields::new().schema {
            return Err(damaged("it has other fields"));
        }
        Ok(Some((index, mark)))
    }

    /// Makes an empty index, whose first commit has this mark. It takes its name when it is whole.
    pub(super) fn create(&self, mark: &Mark) -> Result<(), SearchError> {
        let unfinished = self.root.join("unfinished");
        if unfinished.exists() {
            fs::remove_dir_all(&unfinished).map_err(SearchError::io("remove", &unfinished))?;
        }
        fs::create_dir_all(&unfinished).map_err(SearchError::io("make", &unfinished))?;
        let directory = MmapDirectory::open(&unfinished).map_err(tantivy::TantivyError::from)?;
        let settings = IndexSettings::default();
        let index = Index::create(directory, Fields::new().schema, settings)?;
        let mut writer =
            index.writer_with_num_threads::<tantivy::TantivyDocument>(1, 15_000_000)?;
        let mut commit = writer.prepare_commit()?;
        commit.set_payload(&mark.payload()?);
        commit.commit()?;
        drop(writer);
        let path = self.index();
        fs::rename(&unfinished, &path).map_err(SearchError::io("name", &path))?;
        sync(&self.root)
    }

    /// Renames the index, so that a new one is made in its place. The one that was set aside before goes.
    pub(super) fn set_aside(&self, reason: &str) -> Result<(), SearchError> {
        self.remove_asides();
        let path = self.index();
        let name = format!("{ASIDE}{}", Utc::now().format("%Y%m%dT%H%M%S%6f"));
        match fs::rename(&path, self.root.join(&name)) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(SearchError::io("set aside", &path)(error)),
        }
        tracing::warn!(
            reason,
            "the search index is of no use; it was set aside as {name}, and is made anew from the record"
        );
        sync(&self.root)
    }

    /// Removes what was set aside: it has nothing that the record has not.
    pub(super) fn remove_asides(&self) {
        let Ok(entries) = fs::read_dir(&self.root) else {
            return;
        };
        for entry in entries.flatten() {
            if entry.file_name().to_string_lossy().starts_with(ASIDE) {
                // What stays is tried again by the next one.
                let _ = fs::remove_dir_all(entry.path());
            }
        }
    }

    /// What the files of the index take on the disk.
    pub(super) fn bytes(&self) -> u64 {
        let files = fs::read_dir(self.index()).into_iter().flatten().flatten();
        let sizes = files.filter_map(|file| Some(file.metadata().ok()?.len()));
        sizes.sum()
    }
}

/// Compares every file of an index with its checksum, and its parts with each other.
pub(super) fn verify(index: &Index) -> Result<(), SearchError> {
    let verified = catch_unwind(AssertUnwindSafe(|| {
        for segment in index.searchable_segment_metas()? {
            let deletes = segment.has_deletes().then_some(SegmentComponent::Delete);
            for part in PARTS.into_iter().chain(deletes) {
                let file = segment.relative_path(part);
                let is_sound = index.directory().validate_checksum(&file);
                if !is_sound.is_ok_and(|is_sound| is_sound) {
                    return Err(damaged(format!(
                        "{} is not as it was written",
                        file.display()
                    )));
                }
            }
        }
        let id = Fields::new().id;
        let id = index.schema().get_field_name(id).to_owned();
        let searcher = index.reader_builder().try_into()?;
        for segment in searcher.searcher().segment_readers() {
            let ids = segment.fast_fields().u64(&id)?;
            if ids.num_docs() != segment.max_doc() {
                return Err(damaged("a part has another length than it should"));
            }
        }
        Ok(())
    }));
    verified.unwrap_or_else(|_| Err(damaged("it can't be read")))
}

fn damaged(reason: impl Into<String>) -> SearchError {
    SearchError::Damaged(reason.into())
}

fn sync(folder: &Path) -> Result<(), SearchError> {
    let synced = File::open(folder).and_then(|folder| folder.sync_all());
    synced.map_err(SearchError::io("sync", folder))
}
