//! How the writer of the record, the follower and the readers share the row store.

use std::sync::Arc;

use parking_lot::{Mutex, RwLock};
use tokio::sync::Notify;

use super::RowsError;
use super::mark::Mark;
use super::store::{RowStore, RowView};
use crate::derived::room;
use crate::failpoint;
use crate::status::{RowsState, StatusSender};
use crate::store::RowsChanged;

/// The maximum number of rows that wait while the follower reads from the record; beyond it the follower reads them
/// from the record too.
const MAX_WAITING: usize = 50_000;

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
    /// The commits since the follower began to read, as far as they fit.
    waiting: Vec<RowsChanged>,
    /// The last revision that the writer told.
    latest: i64,
    /// Why the row store is not level any more, if that is not simply because it is behind.
    failure: Option<RowsError>,
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
        let Some(level) = &mut state.level else {
            state.wait(changed);
            return;
        };
        match level.take(changed) {
            Ok(true) => {
                let revision = level.mark.revision;
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

impl State {
    /// Keeps a commit for the time when the follower has read what came before it. Without room for it, nothing is
    /// kept, and the follower reads once more.
    fn wait(&mut self, changed: &RowsChanged) {
        let rows = |changed: &RowsChanged| changed.rows.as_ref().map_or(MAX_WAITING, Vec::len);
        let waiting: usize = self.waiting.iter().map(rows).sum();
        if waiting + rows(changed) < MAX_WAITING {
            self.waiting.push(changed.clone());
        } else {
            self.waiting.clear();
        }
    }
}

impl Level {
    /// Writes the rows of a commit; returns whether the row store is still level with the record.
    fn take(&mut self, changed: &RowsChanged) -> Result<bool, RowsError> {
        if changed.revision <= self.mark.revision {
            // The follower has read this commit before it was told.
            return Ok(true);
        }
        let Some(rows) = &changed.rows else {
            return Ok(false);
        };
        if changed.before != self.mark.revision {
            return Ok(false);
        }
        failpoint::reach("rows_handed")?;
        let folder = self.store.folder();
        room::look_for_room(folder).map_err(|free| RowsError::LittleSpace { free })?;
        let mark = Mark {
            epoch: changed.epoch.to_string(),
            revision: changed.revision,
            reached: changed.revision,
            is_redacted: self.mark.is_redacted || changed.is_redacted,
            ..self.mark.clone()
        };
        self.store.put(rows, &mark)?;
        failpoint::reach("rows_written")?;
        self.mark = mark;
        Ok(true)
    }
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

    /// The row store as it is now, if it is level with everything that was acknowledged. The snapshot is taken while
    /// the row store can't be withdrawn, so that it has no part of what the follower writes afterwards.
    pub(super) fn now(&self) -> Option<RowView> {
        let shown = self.shown.read();
        shown.as_ref().map(RowStore::view)
    }

    /// Has the commits from now on kept for [`Shared::show`].
    pub(super) fn begin(&self) {
        self.state.lock().waiting.clear();
    }

    /// Hands the row store over to the writer and the readers, if with the commits that wait it is level with the
    /// record. Returns whether it is.
    pub(super) fn show(&self, store: &Arc<RowStore>, mark: Mark) -> Result<bool, RowsError> {
        let mut state = self.state.lock();
        let mut level = Level {
            store: Arc::clone(store),
            mark,
        };
        for changed in std::mem::take(&mut state.waiting) {
            if !level.take(&changed)? {
                return Ok(false);
            }
        }
        let revision = level.mark.revision;
        if revision < state.latest {
            return Ok(false);
        }
        state.level = Some(level);
        *self.shown.write() = Some(Arc::clone(store));
        self.status.send_modify(|status| {
            status.rows.state = RowsState::Following;
            status.rows.revision = Some(revision);
        });
        Ok(true)
    }

    /// Takes the row store back from the writer and the readers.
    pub(super) fn withdraw(&self) {
        self.hide(&mut self.state.lock());
    }

    /// Withdraws a row store in which a reader found damage, unless another one has taken its place already.
    pub(super) fn doubt(&self, store: &Arc<RowStore>, error: RowsError) {
        let mut state = self.state.lock();
        let level = state.level.as_ref();
        if level.is_some_and(|level| Arc::ptr_eq(&level.store, store)) {
            self.fail(&mut state, error);
        }
    }

    /// Why the row store was withdrawn, if it failed.
    pub(super) fn take_failure(&self) -> Option<RowsError> {
        self.state.lock().failure.take()
    }

    fn fail(&self, state: &mut State, error: RowsError) {
        self.hide(state);
        state.failure = Some(error);
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
