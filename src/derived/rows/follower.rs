//! The follower: opens the row store or creates it, fills it from the whole record, and reads from the record what it
//! has missed. Errors are logged and tried again; the record is not affected.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use super::feed::{Feed, Shared};
use super::folder::Folder;
use super::mark::Mark;
use super::store::RowStore;
use super::view::Rows;
use super::{RowsError, Settings};
use crate::backoff::Pauses;
use crate::derived::room;
use crate::failpoint;
use crate::status::{RowsState, StatusSender};
use crate::store::{Change, Moment, Reader};

/// The maximum number of rows in one read of changes.
const CHANGES_AT_ONCE: usize = 10_000;

/// The pause after a failure: the first and the longest.
const RETRY: Duration = Duration::from_secs(5);
const MAX_PAUSE: Duration = Duration::from_secs(3600);

/// How often everything is read and compared with its checksums, besides once at the start.
const VERIFY_EVERY: Duration = Duration::from_secs(24 * 3600);

/// How often files that have earlier versions of redacted rows are rewritten, and the size is measured.
const COMPACT_EVERY: Duration = Duration::from_secs(3600);

/// How many rows the first fill reads between two updates of the status.
const TELL_EVERY: u64 = 4096;

/// Keeps the row store level with the record.
pub struct Follower {
    reader: Reader,
    folder: Folder,
    settings: Settings,
    shared: Arc<Shared>,
}

impl Follower {
    /// Follows the record that `reader` reads.
    #[must_use]
    pub fn new(reader: Reader, data_dir: &Path, settings: Settings, status: StatusSender) -> Self {
        Self {
            reader,
            folder: Folder::new(data_dir),
            settings,
            shared: Arc::new(Shared::new(status)),
        }
    }

    /// The API's access to the row store.
    #[must_use]
    pub fn rows(&self) -> Rows {
        Rows(Arc::clone(&self.shared))
    }

    /// The writer's access to the row store.
    #[must_use]
    pub fn feed(&self) -> Feed {
        Feed(Arc::clone(&self.shared))
    }

    /// Follows the record until `stop`.
    pub async fn run(self, stop: CancellationToken) {
        let mut pauses = Pauses::new(RETRY, MAX_PAUSE);
        loop {
            let followed = self.follow(&stop, &mut pauses).await;
            self.shared.withdraw();
            let error = match followed {
                Ok(()) => return,
                Err(_) if stop.is_cancelled() => return,
                Err(error) => error,
            };
            self.set_state(RowsState::Failed);
            let pause = pauses.next();
            if error.is_damage() {
                // Nothing but this process uses the folder, and a failed rename is tried again.
                if let Err(error) = self.folder.set_aside(&error.to_string()) {
                    tracing::error!(%error, "the damaged row store can't be renamed");
                }
            } else {
                tracing::error!(%error, "the row store can't be used, so pages are read from the database, which takes longer; the next try is in {}", humantime::format_duration(pause));
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = sleep(pause) => {}
            }
        }
    }

    /// Brings the row store level with the record, and ends.
    ///
    /// # Errors
    /// Why the row store is not level with the record.
    pub async fn catch_up_once(&self, stop: &CancellationToken) -> Result<Mark, RowsError> {
        let store = self.open(stop).await?;
        self.catch_up(&store, stop).await?;
        store.mark()?.ok_or_else(unfinished)
    }

    /// Rewrites the files now, so that no earlier version of a row is left in them.
    ///
    /// # Errors
    /// If the row store is not level with the record, or can't be written.
    pub async fn forget_redacted(&self) -> Result<(), RowsError> {
        let store = self.shared.now().ok_or_else(unfinished)?;
        blocking(move || store.compact()).await
    }

    /// Sets the row store aside, whatever its state.
    ///
    /// # Errors
    /// If the file system fails.
    pub fn set_aside(&self, reason: &str) -> Result<(), RowsError> {
        self.folder.set_aside(reason)
    }

    async fn follow(&self, stop: &CancellationToken, pauses: &mut Pauses) -> Result<(), RowsError> {
        let store = self.open(stop).await?;
        let followed = self.follow_with(&store, stop, pauses).await;
        self.shared.withdraw();
        // Dropping the last owner waits for threads of fjall's.
        blocking(move || {
            drop(store);
            Ok(())
        })
        .await?;
        followed
    }

    async fn follow_with(
        &self,
        store: &Arc<RowStore>,
        stop: &CancellationToken,
        pauses: &mut Pauses,
    ) -> Result<(), RowsError> {
        let mut verify_at = Instant::now() + VERIFY_EVERY;
        let mut compact_at = Instant::now() + COMPACT_EVERY;
        loop {
            self.catch_up(store, stop).await?;
            pauses.reset();
            self.measure(store);
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                () = self.shared.wake.notified() => {
                    if let Some(failure) = self.shared.take_failure() {
                        return Err(failure);
                    }
                }
                () = sleep_until(verify_at) => {
                    self.verify(store, stop).await?;
                    verify_at = Instant::now() + VERIFY_EVERY;
                }
                () = sleep_until(compact_at) => {
                    self.compact(store).await?;
                    compact_at = Instant::now() + COMPACT_EVERY;
                }
            }
        }
    }

    /// Opens the row store and compares everything with its checksums. One that can't be used is set aside, and a new
    /// one is filled.
    async fn open(&self, stop: &CancellationToken) -> Result<Arc<RowStore>, RowsError> {
        self.set_state(RowsState::Checking);
        let root = self.folder.root();
        let data_dir = root.parent().unwrap_or(root);
        room::look_for_room(data_dir).map_err(|free| RowsError::LittleSpace { free })?;
        if self.folder.exists() {
            match self.open_existing(stop).await {
                Ok(Some(store)) => return Ok(store),
                Ok(None) => {
                    self.folder
                        .set_aside("it was not filled to the end, or does not fit the database")?;
                }
                Err(error) if error.is_damage() => self.folder.set_aside(&error.to_string())?,
                Err(error) => return Err(error),
            }
        }
        let store = self.open_store().await?;
        self.fill(&store, stop).await?;
        self.folder.remove_asides();
        Ok(store)
    }

    async fn open_store(&self) -> Result<Arc<RowStore>, RowsError> {
        let (folder, settings) = (self.folder.clone(), self.settings);
        blocking(move || folder.open(settings).map(Arc::new)).await
    }

    /// The existing row store; none if it can't be used for this record.
    async fn open_existing(
        &self,
        stop: &CancellationToken,
    ) -> Result<Option<Arc<RowStore>>, RowsError> {
        let store = self.open_store().await?;
        let Some(mark) = store.mark()? else {
            return Ok(None);
        };
        let misfit = self
            .reader
            .at_one_moment(stop, move |moment| Ok::<_, RowsError>(mark.misfit(moment)?));
        if let Some(reason) = misfit.await? {
            tracing::info!(reason, "the row store does not fit the database");
            return Ok(None);
        }
        self.verify(&store, stop).await?;
        self.folder.remove_asides();
        Ok(Some(store))
    }

    /// Fills an empty row store from one moment of the record.
    async fn fill(&self, store: &Arc<RowStore>, stop: &CancellationToken) -> Result<(), RowsError> {
        self.set_state(RowsState::Building);
        let (store, status) = (Arc::clone(store), self.shared.status.clone());
        let (root, token) = (self.folder.root().to_owned(), stop.clone());
        let filled = self.reader.at_one_moment(stop, move |moment| {
            let total = moment.message_count()?;
            status.send_modify(|status| {
                status.rows.rows_total = total;
                status.rows.rows_done = 0;
            });
            let mut done = 0;
            let mut look = || {
                done += 1;
                if done % TELL_EVERY != 0 {
                    return Ok(());
                }
                status.send_modify(|status| status.rows.rows_done = done / 2);
                room::look_for_room(&root).map_err(|free| RowsError::LittleSpace { free })?;
                if token.is_cancelled() {
                    return Err(RowsError::Stopped);
                }
                Ok(())
            };
            store.fill_rows(|put| {
                moment.read_rows(|row| {
                    look()?;
                    put(row)
                })
            })?;
            store.fill_channels(|put| {
                moment.read_places(|(channel, id)| {
                    look()?;
                    put(id, channel)
                })
            })?;
            failpoint::reach("rows_filled")?;
            status.send_modify(|status| status.rows.rows_done = total);
            store.put(&[], &Mark::at(moment)?)
        });
        filled.await
    }

    /// Reads from the record what the row store does not have, until it is level with the record.
    async fn catch_up(
        &self,
        store: &Arc<RowStore>,
        stop: &CancellationToken,
    ) -> Result<(), RowsError> {
        loop {
            let (store, shared) = (Arc::clone(store), Arc::clone(&self.shared));
            let root = self.folder.root().to_owned();
            let caught_up = self.reader.at_one_moment(stop, move |moment| {
                room::look_for_room(&root).map_err(|free| RowsError::LittleSpace { free })?;
                let mark = store.mark()?.ok_or_else(unfinished)?;
                if let Some(reason) = mark.misfit(moment)? {
                    return Err(RowsError::Damaged(reason.to_owned()));
                }
                let now = Mark::at(moment)?;
                failpoint::reach("rows_read")?;
                if read_changes(&store, moment, &mark, &now)? {
                    shared.note_redacted();
                }
                Ok::<_, RowsError>(shared.show(&store, now))
            });
            if caught_up.await? {
                return Ok(());
            }
        }
    }

    /// Reads everything once, and compares the number of rows with the record's.
    async fn verify(
        &self,
        store: &Arc<RowStore>,
        stop: &CancellationToken,
    ) -> Result<(), RowsError> {
        let (store, token) = (Arc::clone(store), stop.clone());
        let verified = self.reader.at_one_moment(stop, move |moment| {
            let view = store.view();
            let mark = view.mark()?.ok_or_else(unfinished)?;
            let rows = view.count(|| token.is_cancelled())?;
            // The numbers can be compared only if no commit is between them.
            let in_record = moment.message_count()?;
            if mark.revision == moment.state().revision && rows != in_record {
                let reason =
                    format!("it contains {rows} messages, but the database contains {in_record}");
                return Err(RowsError::Damaged(reason));
            }
            Ok(())
        });
        verified.await
    }

    /// Rewrites the files if earlier versions of redacted rows are in them.
    async fn compact(&self, store: &Arc<RowStore>) -> Result<(), RowsError> {
        if !self.shared.take_redacted() {
            return Ok(());
        }
        let store = Arc::clone(store);
        let compacted = blocking(move || store.compact()).await;
        if compacted.is_err() {
            self.shared.note_redacted();
        }
        compacted
    }

    fn measure(&self, store: &RowStore) {
        let bytes = store.bytes();
        let status = &self.shared.status;
        status.send_modify(|status| status.rows.bytes = bytes);
    }

    fn set_state(&self, state: RowsState) {
        let status = &self.shared.status;
        status.send_modify(|status| status.rows.state = state);
    }
}

/// Applies what changed in the record from one watermark to the other, which is that of the moment. Returns whether
/// redacted rows are among it.
fn read_changes(
    store: &RowStore,
    moment: &Moment<'_>,
    from: &Mark,
    to: &Mark,
) -> Result<bool, RowsError> {
    let mut after = Change {
        revision: from.revision,
        message_id: i64::MAX,
    };
    let mut is_redacted = false;
    loop {
        let changed = moment.changed_rows(after, CHANGES_AT_ONCE)?;
        is_redacted |= changed.is_redacted;
        let Some(next) = changed.next else {
            if changed.rows.is_empty() && from == to {
                return Ok(is_redacted);
            }
            store.put(&changed.rows, to)?;
            return Ok(is_redacted);
        };
        // Until the last part, the watermark stays: what was applied is applied again after a crash.
        store.put(&changed.rows, from)?;
        after = next;
    }
}

fn unfinished() -> RowsError {
    RowsError::Damaged("it was not filled to the end".to_owned())
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, RowsError> + Send + 'static,
) -> Result<T, RowsError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|panic| Err(RowsError::Damaged(panic.to_string())))
}
