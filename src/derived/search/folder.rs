//! The folder of the index: what a start finds in it, and how an unusable index is set aside.

use std::fs::{self};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use tantivy::directory::footer::Footer;
use tantivy::directory::{Directory, FileSlice, META_LOCK, MmapDirectory};
use tantivy::index::SegmentComponent;
use tantivy::{Index, IndexReader, IndexSettings, ReloadPolicy, TantivyError};

use super::SearchError;
use super::fields::{Fields, tokenizers};
use super::mark::Mark;
use crate::derived::aside;
use crate::durable;
use crate::store::RecordState;

/// The folder's name in the data folder.
const NAME: &str = "search";

/// The name of the index in the folder.
const INDEX: &str = "index";

/// The files that every segment has.
const PARTS: [SegmentComponent; 6] = [
    SegmentComponent::Postings,
    SegmentComponent::Positions,
    SegmentComponent::Terms,
    SegmentComponent::FastFields,
    SegmentComponent::FieldNorms,
    SegmentComponent::Store,
];

/// The folder of the index. Only the process that holds the lock of the data folder writes it.
#[derive(Debug, Clone)]
pub(super) struct Folder {
    root: PathBuf,
}

/// The folder as a start finds it, after an unusable index was set aside.
#[derive(Debug, Clone)]
pub struct Found {
    pub(super) folder: Folder,
    /// Why the index is unusable, if it could not be set aside yet.
    pub(super) misfit: Option<String>,
}

/// A summary of an index.
#[derive(Debug, Clone)]
pub struct IndexState {
    /// The watermark of the index.
    pub mark: Mark,
    /// The number of messages in the index.
    pub documents: u64,
    /// The number of segments, which are merged from time to time.
    pub segments: usize,
    /// The size on the disk in bytes.
    pub bytes: u64,
}

impl Found {
    /// Looks for an index of this record in a data folder. An index of another record, an index ahead of this
    /// record, of another version, or one that can't be opened is set aside. This has to happen before the
    /// record changes: afterwards an index that was ahead of the record looks like one that is behind.
    #[must_use]
    pub fn look(data_dir: &Path, record: &RecordState) -> Self {
        let folder = Folder {
            root: data_dir.join(NAME),
        };
        let mut misfit = match folder.open() {
            Ok(Some((_, mark))) => mark.misfit(record).map(str::to_owned),
            Ok(None) => None,
            Err(error) => Some(error.to_string()),
        };
        if let Some(reason) = &misfit {
            match folder.set_aside(reason) {
                Ok(()) => misfit = None,
                Err(error) => tracing::error!(%error, "the damaged search index can't be renamed"),
            }
        }
        Self { folder, misfit }
    }

    /// Sets the index aside, whatever its state.
    ///
    /// # Errors
    /// If the file system fails.
    pub fn set_aside(&self, reason: &str) -> Result<(), SearchError> {
        self.folder.set_aside(reason)
    }
}

impl IndexState {
    /// The summary of the index in a data folder; none if there is none. It only reads, so the service may be
    /// running.
    ///
    /// # Errors
    /// If the index can't be opened.
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
            // A damaged index can have more deleted messages than messages.
            documents: segments
                .iter()
                .map(|it| u64::from(it.max_doc().saturating_sub(it.num_deleted_docs())))
                .sum(),
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
        // tantivy can panic on damaged files.
        let opened = catch_unwind(AssertUnwindSafe(|| {
            let mut index = Index::open(MmapDirectory::open(&path).map_err(TantivyError::from)?)?;
            index.set_tokenizers(tokenizers());
            let payload = index.load_metas()?.payload;
            Ok::<_, SearchError>((index, payload))
        }));
        let (index, payload) = opened.unwrap_or_else(|_| Err(damaged("it can't be opened")))?;
        let mark = payload.and_then(|mark| Mark::from_payload(&mark));
        let mark = mark.ok_or_else(|| damaged("it has no checkpoint"))?;
        if index.schema() != Fields::new().schema {
            return Err(damaged("it has another schema"));
        }
        Ok(Some((index, mark)))
    }

    /// Creates an empty index whose first commit has this watermark. The index gets its name when it is
    /// complete.
    pub(super) fn create(&self, mark: &Mark) -> Result<(), SearchError> {
        let unfinished = self.root.join("unfinished");
        if unfinished.exists() {
            fs::remove_dir_all(&unfinished).map_err(SearchError::io("remove", &unfinished))?;
        }
        fs::create_dir_all(&unfinished).map_err(SearchError::io("make", &unfinished))?;
        let directory = MmapDirectory::open(&unfinished).map_err(TantivyError::from)?;
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
        self.sync()
    }

    /// Puts the names in the folder on disk.
    fn sync(&self) -> Result<(), SearchError> {
        durable::sync_folder(&self.root).map_err(SearchError::io("sync", &self.root))
    }

    /// Renames the index, so that a new one can be created. An index that was set aside earlier is deleted.
    pub(super) fn set_aside(&self, reason: &str) -> Result<(), SearchError> {
        let path = self.index();
        aside::set_aside(&self.root, &path, "search index", reason)
            .map_err(SearchError::io("set aside", &path))
    }

    /// Deletes indexes that were set aside: they contain nothing that the record does not.
    pub(super) fn remove_asides(&self) {
        aside::remove(&self.root);
    }

    /// Deletes the files that the last commit does not name. Files of an interrupted commit would be in the way
    /// of the next one, which can choose the same names. Only for the writer of the index, before it writes.
    pub(super) fn sweep(&self, index: &Index) -> Result<(), SearchError> {
        let living = index.load_metas()?.list_segment_files();
        let path = self.index();
        let files = fs::read_dir(&path).map_err(SearchError::io("read", &path))?;
        for file in files.flatten() {
            let name = PathBuf::from(file.file_name());
            let is_of_a_part = name
                .extension()
                .is_some_and(|kind| kind != "json" && kind != "lock");
            if is_of_a_part && !living.contains(&name) {
                let path = file.path();
                fs::remove_file(&path).map_err(SearchError::io("remove", &path))?;
            }
        }
        Ok(())
    }

    /// The size of the index files on the disk.
    pub(super) fn bytes(&self) -> u64 {
        let files = fs::read_dir(self.index()).into_iter().flatten().flatten();
        let sizes = files.filter_map(|file| Some(file.metadata().ok()?.len()));
        sizes.sum()
    }
}

/// Compares every file of an index with its checksum, and the segments with `meta.json`, which has no checksum.
/// `is_stopped` is checked repeatedly, because a large index takes longer than a stop may.
pub(super) fn verify(
    folder: &Folder,
    index: &Index,
    is_stopped: &dyn Fn() -> bool,
) -> Result<(), SearchError> {
    let verified = catch_unwind(AssertUnwindSafe(|| {
        let parts = {
            // While this lock is held, no merge deletes the files.
            let directory = index.directory();
            let _lock = directory
                .acquire_lock(&META_LOCK)
                .map_err(TantivyError::from)?;
            index.searchable_segment_metas()?
        };
        for part in &parts {
            let deletes = part.has_deletes().then_some(SegmentComponent::Delete);
            for component in PARTS.into_iter().chain(deletes) {
                let file = part.relative_path(component);
                let is_sound = is_sound(&folder.index().join(&file), is_stopped);
                match is_sound.map_err(TantivyError::from) {
                    Ok(true) => {}
                    Ok(false) if is_stopped() => return Err(SearchError::Stopped),
                    // A file that the operating system could not read may be intact.
                    Err(error) if !SearchError::is_damage(&error.clone().into()) => {
                        return Err(error.into());
                    }
                    Ok(false) | Err(_) => {
                        let file = file.display();
                        return Err(damaged(format!("the checksum of {file} is wrong")));
                    }
                }
            }
        }
        let id = Fields::new().id;
        let id = index.schema().get_field_name(id).to_owned();
        let reader = index.reader_builder().reload_policy(ReloadPolicy::Manual);
        let reader: IndexReader = reader.try_into()?;
        for segment in reader.searcher().segment_readers() {
            // A segment that a merge has created meanwhile is not in the list.
            if let Some(part) = parts.iter().find(|it| it.id() == segment.segment_id()) {
                let length = segment.fast_fields().u64(&id)?.num_docs();
                let has = (length, segment.num_docs());
                let should_have = (
                    part.max_doc(),
                    part.max_doc().checked_sub(part.num_deleted_docs()),
                );
                if (has.0, Some(has.1)) != should_have {
                    return Err(damaged("a file has the wrong length"));
                }
            }
        }
        Ok(())
    }));
    verified.unwrap_or_else(|_| Err(damaged("it can't be read")))
}

/// Whether a file has the checksum at its end; false also if `is_stopped` came first.
fn is_sound(file: &Path, is_stopped: &dyn Fn() -> bool) -> io::Result<bool> {
    let (footer, body) = Footer::extract_footer(FileSlice::open(file)?)?;
    let mut hasher = crc32fast::Hasher::new();
    for chunk in body.stream_file_chunks() {
        if is_stopped() {
            return Ok(false);
        }
        hasher.update(&chunk?);
    }
    Ok(hasher.finalize() == footer.crc)
}

fn damaged(reason: impl Into<String>) -> SearchError {
    SearchError::Damaged(reason.into())
}
