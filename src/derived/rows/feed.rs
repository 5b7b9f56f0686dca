//! How the writer of the record, the follower and the readers share the row store.

use std::sync::Arc;

use parking_lot::{Mutex, RwLock};
use tokio::sync::Notify;

use super::RowsError;
use super::mark::Mark;
use super::store::RowStore;
use crate::derived::room;
use crate::failpoint;
use crate::status::{RowsState, StatusSender};
use crate::store::RowsChanged;

/// What the writer, the follower and the readers share.
pub(super) struct Shared {
    state: Mutex<State>,
    /// The row store that readers use; none while it is not level with the record.
    shown: RwLock<Option<Arc<RowStore>>>,
    /// Wakes the follower.
    pub(super) wake: Notify,
    pub(super) status: StatusSender,
}

#[derive(Default)]
struct State {
    /// The row store while it is level with the record. Only then the writer writes it; otherwise only the follower
    /// does.
    level: Option<Level>,
    /// The last revision that the writer told.
    latest: i64,
    /// Why the row store is not level any more, if that is not simply because it is behind.
    failure: Option<RowsError>,
    /// Whether rows were redacted since the last compaction, so that earlier versions of them are in the files.
    is_redacted: bool,
}

struct Level {
    store: Arc<RowStore>,
    mark: Mark,
}

/// The writer's side: takes the rows of each commit.
#[derive(Clone)]
pub struct Feed(pub(super) Arc<Shared>);

impl Feed {
    /// Takes what a commit changed. To be called after the commit and before it is acknowledged, so that no reader
    /// sees less than what was acknowledged.
    pub fn committed(&self, changed: &RowsChanged) {
        let Self(shared) = self;
        let mut state = shared.state.lock();
        state.latest = changed.revision;
        state.is_redacted |= changed.is_redacted;
        let Some(level) = &mut state.level else {
            // The follower reads these rows from the record.
            return;
        };
        if changed.revision <= level.mark.revision {
            // The follower has read this commit before it was told.
            return;
        }
        match take(level, changed) {
            Ok(true) => {
                let revision = changed.revision;
                // Nobody waits for this revision, so nobody is woken.
                shared.status.send_if_modified(|status| {
                    status.rows.revision = Some(revision);
                    false
                });
            }
            Ok(false) => {
                shared.hide(&mut state);
                shared.wake.notify_one();
            }
            Err(error) => shared.fail(&mut state, error),
        }
    }
}

/// Writes the rows of a commit; returns whether the row store is still level with the record.
fn take(level: &mut Level, changed: &RowsChanged) -> Result<bool, RowsError> {
    let Some(rows) = &changed.rows else {
        return Ok(false);
    };
    if changed.before != level.mark.revision {
        return Ok(false);
    }
    failpoint::reach("rows_handed")?;
    let folder = level.store.folder();
    room::look_for_room(folder).map_err(|free| RowsError::LittleSpace { free })?;
    let mark = Mark {
        epoch: changed.epoch.to_string(),
        revision: changed.revision,
        ..level.mark.clone()
    };
    level.store.put(rows, &mark)?;
    failpoint::reach("rows_written")?;
    level.mark = mark;
    Ok(true)
}

impl Shared {
    pub(super) fn new(status: StatusSender) -> Self {
        Self {
            state: Mutex::default(),
            shown: RwLock::default(),
            wake: Notify::new(),
            status,
        }
    }

    /// The row store, if it is level with everything that was acknowledged.
    pub(super) fn now(&self) -> Option<Arc<RowStore>> {
        self.shown.read().clone()
    }

    /// Hands the row store over to the writer and the readers, if this watermark is level with the record. Returns
    /// whether it is.
    pub(super) fn show(&self, store: &Arc<RowStore>, mark: Mark) -> bool {
        let mut state = self.state.lock();
        if mark.revision < state.latest {
            return false;
        }
        let revision = mark.revision;
        state.level = Some(Level {
            store: Arc::clone(store),
            mark,
        });
        *self.shown.write() = Some(Arc::clone(store));
        self.status.send_modify(|status| {
            status.rows.state = RowsState::Following;
            status.rows.revision = Some(revision);
        });
        true
    }

    /// Takes the row store back from the writer and the readers.
    pub(super) fn withdraw(&self) {
        self.hide(&mut self.state.lock());
    }

    /// Withdraws the row store after a reader found damage.
    pub(super) fn doubt(&self, error: RowsError) {
        self.fail(&mut self.state.lock(), error);
    }

    /// Why the row store was withdrawn, if it failed.
    pub(super) fn take_failure(&self) -> Option<RowsError> {
        self.state.lock().failure.take()
    }

    /// Whether rows were redacted since this was last asked.
    pub(super) fn take_redacted(&self) -> bool {
        std::mem::take(&mut self.state.lock().is_redacted)
    }

    /// Remembers that earlier versions of redacted rows are in the files.
    pub(super) fn note_redacted(&self) {
        self.state.lock().is_redacted = true;
    }

    fn fail(&self, state: &mut State, error: RowsError) {
        self.hide(state);
        state.failure.get_or_insert(error);
        self.wake.notify_one();
    }

    fn hide(&self, state: &mut State) {
        state.level = None;
        *self.shown.write() = None;
        self.status.send_modify(|status| {
            status.rows.state = RowsState::CatchingUp;
            status.rows.revision = None;
        });
    }
}
