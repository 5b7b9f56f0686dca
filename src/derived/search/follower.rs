//! The follower: opens the index or creates it, fills it from the whole record, and then applies changes.
//! Errors are logged and tried again; the record is not affected.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use super::SearchError;
use super::fields::Fields;
use super::folder::{Folder, Found, verify};
use super::mark::{Filling, Mark};
use super::view::{Search, Searchable, View};
use super::within::Reaches;
use super::writer::Writer;
use crate::backoff::Pauses;
use crate::failpoint;
use crate::status::{SearchState, StatusReceiver, StatusSender};
use crate::store::{Change, Moment, Partition, Reader, StoreError, Table};

/// The time between two commits of the index, which is about how long a new message can't be found yet.
const COMMIT_EVERY: Duration = Duration::from_millis(500);

/// The maximum number of messages in one read of changes, because their payloads are in memory.
const CHANGES_AT_ONCE: usize = 5_000;

/// The number of messages after which the index commits while more are waiting.
const COMMIT_AFTER: usize = 100_000;

/// The pause after a failure.
const RETRY: Duration = Duration::from_secs(10);

/// The longest pause between rebuilds that do not help.
const MAX_PAUSE: Duration = Duration::from_secs(3600);

/// How often all files are compared with their checksums, besides once at the start.
const VERIFY_EVERY: Duration = Duration::from_secs(24 * 3600);

/// The settings of the index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// The memory in bytes for messages that wait for a commit.
    pub memory: usize,
}

/// Keeps the index up to date.
pub struct Follower {
    reader: Reader,
    folder: Folder,
    settings: Settings,
    view: watch::Sender<View>,
    /// Of all commits.
    reaches: Reaches,
    doubted: Arc<Notify>,
    status: StatusSender,
    /// Why the existing index is unusable: it is set aside before anything else.
    misfit: Mutex<Option<String>>,
}

/// The writer, which is used by one thread after another.
type Shared = Arc<Mutex<Writer>>;

impl Follower {
    /// Follows the record that `reader` reads, beginning with the index that was found at the start.
    #[must_use]
    pub fn new(
        reader: Reader,
        Found { folder, misfit }: Found,
        settings: Settings,
        status: StatusSender,
    ) -> Self {
        Self {
            reader,
            folder,
            settings,
            view: watch::Sender::new(View::default()),
            reaches: Reaches::default(),
            doubted: Arc::default(),
            status,
            misfit: Mutex::new(misfit),
        }
    }

    /// The API's access to the index.
    #[must_use]
    pub fn search(&self) -> Search {
        Search {
            view: self.view.subscribe(),
            doubted: Arc::clone(&self.doubted),
        }
    }

    /// Follows the record until `stop`.
    pub async fn run(self, stop: CancellationToken) {
        let mut in_vain = 0;
        let mut pauses = Pauses::new(2 * RETRY, MAX_PAUSE);
        loop {
            let followed = self.follow(&stop).await;
            match followed {
                Ok(()) => return,
                Err(_) if stop.is_cancelled() => return,
                Err(error) if error.is_damage() => {
                    let was_shown = self.status.borrow().search.state == SearchState::Following;
                    in_vain += 1;
                    if was_shown {
                        in_vain = 0;
                        pauses.reset();
                    }
                    self.give_up(&error);
                    // A rebuild did not help, so the next one waits.
                    if in_vain > 1 {
                        let pause = pauses.next();
                        tracing::error!(%error, "the search index can't be built; the next try is in {}", humantime::format_duration(pause));
                        self.pause(pause, &stop).await;
                    }
                }
                Err(error) => {
                    tracing::error!(%error, "the search index can't be written; the next try is in {}", humantime::format_duration(RETRY));
                    self.pause(RETRY, &stop).await;
                }
            }
        }
    }

    async fn pause(&self, pause: Duration, stop: &CancellationToken) {
        self.set_state(SearchState::Failed);
        tokio::select! {
            () = stop.cancelled() => {}
            () = sleep(pause) => {}
        }
    }

    /// Marks the index as unusable: searches don't see it any more, and it is set aside before anything else.
    fn give_up(&self, damage: &SearchError) {
        self.view.send_replace(View::default());
        self.status.send_modify(|status| {
            status.search.revision = None;
            status.search.documents = 0;
        });
        *self.misfit() = Some(damage.to_string());
    }

    fn misfit(&self) -> MutexGuard<'_, Option<String>> {
        self.misfit.lock()
    }

    /// Opens the index and follows the record until `stop`, or until something fails. The writer is dropped
    /// then, and uncommitted changes are read again.
    async fn follow(&self, stop: &CancellationToken) -> Result<(), SearchError> {
        let writer = self.fill(stop).await?;
        let followed = self.follow_with(&writer, stop).await;
        // Dropping the writer waits for a thread of tantivy's.
        blocking(move || {
            drop(writer);
            Ok(())
        })
        .await?;
        followed
    }

    async fn follow_with(
        &self,
        writer: &Shared,
        stop: &CancellationToken,
    ) -> Result<(), SearchError> {
        let mut revisions = self.status.subscribe();
        let mut verify_at = Instant::now() + VERIFY_EVERY;
        let mut counted = true;
        loop {
            self.catch_up(writer, counted, stop).await?;
            self.publish(writer).await?;
            let pause = Instant::now() + COMMIT_EVERY;
            counted = tokio::select! {
                () = stop.cancelled() => return Ok(()),
                changed = newer(&mut revisions, writer) => {
                    changed?;
                    false
                }
                () = self.doubted.notified() => true,
                () = sleep_until(verify_at) => true,
            };
            if counted {
                verify_at = Instant::now() + VERIFY_EVERY;
                let (index, folder) = (lock(writer).index().clone(), self.folder.clone());
                let token = stop.clone();
                blocking(move || verify(&folder, &index, &|| token.is_cancelled())).await?;
            }
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                () = sleep_until(pause) => {}
            }
        }
    }

    /// Brings the index up to the record's revision, and ends. A damaged index is rebuilt.
    ///
    /// # Errors
    /// Why the index is not up to date. Its commits are on the disk, and the next attempt continues from there.
    pub async fn catch_up_once(&self, stop: &CancellationToken) -> Result<Mark, SearchError> {
        match self.try_to_catch_up(stop).await {
            Err(error) if error.is_damage() => {
                self.give_up(&error);
                self.try_to_catch_up(stop).await
            }
            caught_up => caught_up,
        }
    }

    async fn try_to_catch_up(&self, stop: &CancellationToken) -> Result<Mark, SearchError> {
        let writer = self.fill(stop).await?;
        self.catch_up(&writer, true, stop).await?;
        self.publish(&writer).await?;
        Ok(lock(&writer).mark.clone())
    }

    /// Opens or creates the index, and reads the part of the whole record that it has not read yet.
    async fn fill(&self, stop: &CancellationToken) -> Result<Shared, SearchError> {
        self.set_state(SearchState::Checking);
        let opened = {
            let (folder, misfit) = (self.folder.clone(), self.misfit().clone());
            let (memory, stop) = (self.settings.memory, stop.clone());
            blocking(move || {
                if let Some(reason) = misfit {
                    folder.set_aside(&reason)?;
                }
                let Some((index, mark)) = folder.open()? else {
                    return Ok(None);
                };
                verify(&folder, &index, &|| stop.is_cancelled())?;
                Writer::open(&folder, &index, mark, memory).map(Some)
            })
            .await?
        };
        *self.misfit() = None;
        let writer = match opened {
            Some(writer) => writer,
            None => self.create(stop).await?,
        };
        let writer = Arc::new(Mutex::new(writer));
        let filling = lock(&writer).mark.filling;
        if let Some(filling) = filling {
            self.read_all(&writer, filling, stop).await?;
        }
        let folder = self.folder.clone();
        blocking(move || {
            folder.remove_asides();
            Ok(())
        })
        .await?;
        Ok(writer)
    }

    async fn create(&self, stop: &CancellationToken) -> Result<Writer, SearchError> {
        let (folder, memory) = (self.folder.clone(), self.settings.memory);
        self.reader
            .at_one_moment(stop, move |moment| {
                folder.create(&Mark::beginning(moment.state()))?;
                let (index, mark) = folder.open()?.ok_or(StoreError::NoAnswer)?;
                Writer::open(&folder, &index, mark, memory)
            })
            .await
    }

    /// Reads the record partition by partition, from where an earlier attempt stopped.
    async fn read_all(
        &self,
        writer: &Shared,
        filling: Filling,
        stop: &CancellationToken,
    ) -> Result<(), SearchError> {
        self.set_state(SearchState::Building);
        let partitions = self.reader.at_one_moment(stop, |moment| {
            Ok::<_, SearchError>(moment.partitions(Table::Messages)?)
        });
        let partitions: Vec<Partition> = partitions.await?;
        let rows = |partitions: &[Partition]| -> u64 {
            let rows = partitions.iter().map(|it| it.row_count.unsigned_abs());
            rows.sum()
        };
        let done = partitions.partition_point(|it| Some((it.guild_id, it.month)) <= filling.after);
        self.status.send_modify(|status| {
            status.search.rows_total = rows(&partitions);
            status.search.rows_done = rows(&partitions[..done]);
        });
        for partition in partitions.into_iter().skip(done) {
            let (writer, status, token) = (Arc::clone(writer), self.status.clone(), stop.clone());
            let read = move |moment: &Moment<'_>| {
                let mut writer = lock(&writer);
                let before = writer.mark.clone();
                moment.read_messages(&partition, |messages| {
                    if token.is_cancelled() {
                        return Err(SearchError::Stopped);
                    }
                    writer.put(&messages)?;
                    if writer.uncommitted >= COMMIT_AFTER {
                        writer.commit(before.clone())?;
                    }
                    status.send_modify(|it| it.search.rows_done += messages.len() as u64);
                    Ok(())
                })?;
                let after = Some((partition.guild_id, partition.month));
                let filling = Some(Filling { after });
                // Small partitions share a commit, because a commit costs more than they do.
                if writer.uncommitted >= COMMIT_AFTER / 4 {
                    writer.commit(Mark { filling, ..before })?;
                } else {
                    writer.mark.filling = filling;
                }
                Ok::<_, SearchError>(())
            };
            self.reader.at_one_moment(stop, read).await?;
        }
        let writer = Arc::clone(writer);
        blocking(move || {
            let mut writer = lock(&writer);
            let whole = Mark {
                filling: None,
                ..writer.mark.clone()
            };
            failpoint::reach("search_filled")?;
            writer.commit(whole)
        })
        .await
    }

    /// Applies the changes since the watermark. With `counted`, checks afterwards that the index contains every
    /// message of the record exactly once.
    async fn catch_up(
        &self,
        writer: &Shared,
        counted: bool,
        stop: &CancellationToken,
    ) -> Result<(), SearchError> {
        loop {
            let writer = Arc::clone(writer);
            let caught_up = self.reader.at_one_moment(stop, move |moment| {
                let mut writer = lock(&writer);
                let mark = &writer.mark;
                if moment.state().store_id != mark.store_id
                    || moment.state().revision < mark.revision
                {
                    return Err(SearchError::Damaged(
                        "it is newer than the database".to_owned(),
                    ));
                }
                let messages = moment.changed_messages(mark.change(), CHANGES_AT_ONCE)?;
                writer.put(&messages)?;
                let is_all = messages.len() < CHANGES_AT_ONCE;
                let change = match messages.last() {
                    Some(last) if !is_all => Change {
                        revision: last.revision,
                        message_id: last.id.as_i64(),
                    },
                    _ => Change {
                        revision: moment.state().revision,
                        message_id: i64::MAX,
                    },
                };
                let mark = Mark {
                    revision: change.revision,
                    message_id: change.message_id,
                    ..writer.mark.clone()
                };
                if is_all && writer.uncommitted == 0 {
                    // These commits changed no message, so the watermark is stored with the next commit that
                    // did.
                    writer.mark = mark;
                } else if is_all || writer.uncommitted >= COMMIT_AFTER {
                    writer.commit(mark)?;
                } else {
                    writer.mark = mark;
                }
                if is_all && counted {
                    // Both numbers are of the same read view, so no commit of the record lies between.
                    let (rows, documents) =
                        (moment.message_count()?, writer.searcher()?.num_docs());
                    if rows != documents {
                        let reason = format!(
                            "it contains {documents} messages, but the database contains {rows}"
                        );
                        return Err(SearchError::Damaged(reason));
                    }
                }
                Ok(is_all)
            });
            if caught_up.await? {
                return Ok(());
            }
        }
    }

    /// Makes the last commit visible to searches.
    async fn publish(&self, writer: &Shared) -> Result<(), SearchError> {
        let (writer, folder) = (Arc::clone(writer), self.folder.clone());
        let reaches = self.reaches.clone();
        let shown = blocking(move || {
            let writer = lock(&writer);
            let searchable = Searchable {
                searcher: writer.searcher()?,
                fields: Fields::new(),
                reaches,
                revision: writer.mark.whole_revision(),
            };
            Ok((searchable, folder.bytes()))
        });
        let (searchable, bytes) = shown.await?;
        let (revision, documents) = (searchable.revision, searchable.searcher.num_docs());
        self.view.send_replace(View::Ready(Arc::new(searchable)));
        self.status.send_modify(|status| {
            status.search.state = SearchState::Following;
            status.search.revision = Some(revision);
            status.search.documents = documents;
            status.search.bytes = bytes;
        });
        Ok(())
    }

    fn set_state(&self, state: SearchState) {
        self.status
            .send_modify(|status| status.search.state = state);
    }
}

/// Waits for a commit of the record that is not in the index yet.
async fn newer(status: &mut StatusReceiver, writer: &Shared) -> Result<(), SearchError> {
    let mark = lock(writer).mark.whole_revision();
    let newer = status.wait_for(|status| status.revision > mark).await;
    newer.map(drop).map_err(|_| SearchError::Stopped)
}

fn lock(writer: &Shared) -> MutexGuard<'_, Writer> {
    writer.lock()
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, SearchError> + Send + 'static,
) -> Result<T, SearchError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|panic| Err(SearchError::Damaged(panic.to_string())))
}
