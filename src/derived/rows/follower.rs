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
const RETRY: Duration = Duration::from_secs(1);
const MAX_PAUSE: Duration = Duration::from_secs(3600);

/// How often everything is read and compared with its checksums, besides once at the start.
const VERIFY_EVERY: Duration = Duration::from_secs(24 * 3600);

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
            let pause = pauses.next();
            if !error.is_damage() {
                self.set_state(RowsState::Failed);
                tracing::error!(%error, "the row store can't be used, so pages are read from the database, which takes longer; the next try is in {}", humantime::format_duration(pause));
            }
            // In the pause the last readers let go of a damaged row store.
            tokio::select! {
                () = stop.cancelled() => return,
                () = sleep(pause) => {}
            }
            if error.is_damage()
                && let Err(error) = self.set_aside(&error.to_string()).await
            {
                tracing::error!(%error, "the row store can't be renamed");
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

    /// Sets the row store aside, whatever its state. What was set aside before, and what has redacted content in its
    /// files, is deleted.
    ///
    /// # Errors
    /// If the file system fails.
    pub async fn set_aside(&self, reason: &str) -> Result<(), RowsError> {
        let (folder, reason) = (self.folder.clone(), reason.to_owned());
        blocking(move || folder.set_aside(&reason)).await
    }

    async fn follow(&self, stop: &CancellationToken, pauses: &mut Pauses) -> Result<(), RowsError> {
        let store = self.open(stop).await?;
        let followed = self.follow_with(&store, stop, pauses).await;
        self.shared.withdraw();
        // Dropping the last owner waits for threads of fjall's, for which a stop has no time: what they leave undone
        // the next start does.
        let dropped = blocking(move || {
            drop(store);
            Ok(())
        });
        if !stop.is_cancelled() {
            dropped.await?;
        }
        followed
    }

    async fn follow_with(
        &self,
        store: &Arc<RowStore>,
        stop: &CancellationToken,
        pauses: &mut Pauses,
    ) -> Result<(), RowsError> {
        let verified = self.verify_later(store, stop);
        tokio::pin!(verified);
        let mut look_at = Instant::now() + self.settings.forget_every;
        loop {
            if let Some(failure) = self.shared.take_failure() {
                return Err(failure);
            }
            self.catch_up(store, stop).await?;
            pauses.reset();
            self.measure(store);
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                () = self.shared.wake.notified() => {}
                done = &mut verified => {
                    done?;
                    verified.set(self.verify_later(store, stop));
                }
                () = sleep_until(look_at) => {
                    // An LSM tree keeps earlier versions of a value in its files and its journal.
                    if store.mark()?.is_some_and(|mark| mark.is_redacted) {
                        return Err(RowsError::Redacted);
                    }
                    look_at = Instant::now() + self.settings.forget_every;
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
                Ok(store) => return Ok(store),
                Err(error) if error.is_damage() => self.set_aside(&error.to_string()).await?,
                Err(error) => return Err(error),
            }
        }
        let store = self.open_store().await?;
        self.fill(&store, stop).await?;
        self.remove_asides().await?;
        Ok(store)
    }

    async fn open_store(&self) -> Result<Arc<RowStore>, RowsError> {
        let (folder, settings) = (self.folder.clone(), self.settings);
        blocking(move || folder.open(settings).map(Arc::new)).await
    }

    async fn remove_asides(&self) -> Result<(), RowsError> {
        let folder = self.folder.clone();
        blocking(move || {
            folder.remove_asides();
            Ok(())
        })
        .await
    }

    /// The existing row store, if it can be used for this record.
    async fn open_existing(&self, stop: &CancellationToken) -> Result<Arc<RowStore>, RowsError> {
        let store = self.open_store().await?;
        let opened = Arc::clone(&store);
        let fits = self.reader.at_one_moment(stop, move |moment| {
            let mark = opened.mark()?.ok_or_else(unfinished)?;
            match mark.misfit(moment)? {
                Some(reason) => Err(RowsError::Damaged(reason.to_owned())),
                None if mark.is_redacted => Err(RowsError::Redacted),
                None => Ok(()),
            }
        });
        let sound = match fits.await {
            Ok(()) => self.verify(&store, stop).await,
            Err(error) => Err(error),
        };
        if let Err(error) = sound {
            // Before it is set aside.
            blocking(move || {
                drop(store);
                Ok(())
            })
            .await?;
            return Err(error);
        }
        self.remove_asides().await?;
        Ok(store)
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
                // Each message is read twice: its row, and its channel.
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
            // Before the moment begins: a commit that is in both is told by its revision.
            self.shared.begin();
            let (store, shared) = (Arc::clone(store), Arc::clone(&self.shared));
            let root = self.folder.root().to_owned();
            let caught_up = self.reader.at_one_moment(stop, move |moment| {
                room::look_for_room(&root).map_err(|free| RowsError::LittleSpace { free })?;
                let mark = store.mark()?.ok_or_else(unfinished)?;
                if let Some(reason) = mark.misfit(moment)? {
                    return Err(RowsError::Damaged(reason.to_owned()));
                }
                failpoint::reach("rows_read")?;
                let now = read_changes(&store, moment, &mark)?;
                shared.show(&store, now)
            });
            if caught_up.await? {
                return Ok(());
            }
        }
    }

    async fn verify_later(
        &self,
        store: &Arc<RowStore>,
        stop: &CancellationToken,
    ) -> Result<(), RowsError> {
        sleep(VERIFY_EVERY).await;
        self.verify(store, stop).await
    }

    /// Reads everything once, and compares the number of rows with the record's.
    async fn verify(
        &self,
        store: &Arc<RowStore>,
        stop: &CancellationToken,
    ) -> Result<(), RowsError> {
        let seen = Arc::clone(store);
        let seen = self.reader.at_one_moment(stop, move |moment| {
            let view = seen.view();
            let mark = view.mark()?.ok_or_else(unfinished)?;
            // The numbers can be compared only if no commit is between them.
            let is_level = mark.revision == moment.state().revision;
            let expected = is_level.then(|| moment.message_count()).transpose()?;
            Ok::<_, RowsError>((view, expected))
        });
        let (view, expected) = seen.await?;
        let token = stop.clone();
        blocking(move || {
            let rows = view.count(|| token.is_cancelled())?;
            match expected.filter(|expected| *expected != rows) {
                None => Ok(()),
                Some(expected) => Err(RowsError::Damaged(format!(
                    "it contains {rows} messages, but the database contains {expected}"
                ))),
            }
        })
        .await
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

/// Applies what changed in the record since a watermark. Returns the watermark of the moment.
fn read_changes(store: &RowStore, moment: &Moment<'_>, from: &Mark) -> Result<Mark, RowsError> {
    let mut now = Mark {
        is_redacted: from.is_redacted,
        ..Mark::at(moment)?
    };
    let mut after = Change {
        revision: from.revision,
        message_id: i64::MAX,
    };
    loop {
        let changed = moment.changed_rows(after, CHANGES_AT_ONCE)?;
        now.is_redacted |= changed.is_redacted;
        let Some(next) = changed.next else {
            if !changed.rows.is_empty() || now != *from {
                store.put(&changed.rows, &now)?;
            }
            return Ok(now);
        };
        // Until the last part, the watermark stays: what was applied is applied again after a crash.
        let part = Mark {
            revision: from.revision,
            ..now.clone()
        };
        store.put(&changed.rows, &part)?;
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
