//! The follower by itself: it takes snapshots when they are due or asked for, finds damage, and ends when
//! it is told to, in the middle of one too.

use std::time::Duration;

use guildlake::derived::snapshot::{Catalog, Follower, Found, Settings};
use guildlake::status::{SnapshotState, Status, StatusSender};
use guildlake::store::Record;
use tokio_util::sync::CancellationToken;

use testkit::snapshots::reading::{check_files, everything, manifest, path};
use testkit::snapshots::{GUILDS, Home, Lake, gone, nth};

const PATIENCE: Duration = Duration::from_secs(60);

/// How long a caller waits for a second snapshot: longer than any test.
const FLOOR: Duration = Duration::from_secs(3600);

fn lake() -> Lake {
    let mut lake = Lake::new();
    lake.name_channels();
    lake.add_month("2026-01", 60);
    lake
}

/// A follower that runs.
struct Running {
    status: StatusSender,
    stop: CancellationToken,
    task: tokio::task::JoinHandle<()>,
    snapshots: guildlake::derived::snapshot::Snapshots,
    _record: Record,
    folder: Home,
}

impl Running {
    fn new(lake: Lake, interval: Option<Duration>) -> Self {
        Self::with(lake, interval, Duration::from_secs(3600))
    }

    fn with(lake: Lake, interval: Option<Duration>, grace: Duration) -> Self {
        let Lake {
            record,
            follower,
            store,
            folder,
            ..
        } = lake;
        drop((record, follower));
        let (record, reader) = Record::open(&store).unwrap();
        let status = StatusSender::new(Status::default());
        let found = Found::look(folder.path(), &record.state().unwrap());
        let settings = Settings {
            interval,
            grace,
            floor: FLOOR,
        };
        let follower = Follower::new(reader, found, settings, status.clone());
        let stop = CancellationToken::new();
        Self {
            snapshots: follower.snapshots(),
            task: tokio::spawn(follower.run(stop.clone())),
            status,
            stop,
            _record: record,
            folder,
        }
    }

    async fn until(&self, condition: impl FnMut(&Status) -> bool) {
        let mut status = self.status.subscribe();
        let waited = tokio::time::timeout(PATIENCE, status.wait_for(condition)).await;
        waited.expect("it hangs").unwrap();
    }

    async fn stop(self) -> Home {
        self.stop.cancel();
        let ended = tokio::time::timeout(PATIENCE, self.task).await;
        ended.expect("it hangs").unwrap();
        self.folder
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_comes_at_once_and_others_when_they_are_asked_for() {
    let running = Running::new(lake(), Some(Duration::from_secs(3600)));
    running
        .until(|status| status.snapshot.created_at.is_some())
        .await;
    let first = manifest(running.folder.path());
    running.snapshots.request();
    running
        .until(|status| status.snapshot.created_at > Some(first.created_at))
        .await;
    assert_eq!(running.snapshots.catalog().snapshots.len(), 2);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_an_interval_none_is_taken_unasked() {
    let running = Running::new(lake(), None);
    running.snapshots.request();
    running
        .until(|status| status.snapshot.created_at.is_some())
        .await;
    running.stop().await;
}

/// A caller in a loop can't have the disk filled; what the service itself wants is taken all the same.
#[tokio::test(flavor = "multi_thread")]
async fn a_caller_gets_none_until_the_last_is_older_than_the_floor() {
    let running = Running::new(lake(), None);
    running.snapshots.request_for_caller().unwrap();
    running
        .until(|status| status.snapshot.created_at.is_some())
        .await;
    let first = running.status.borrow().snapshot.created_at;
    // It ends when it is known how the disk is left.
    let mut left = running.snapshots.request_for_caller();
    while left.is_ok() {
        tokio::task::yield_now().await;
        left = running.snapshots.request_for_caller();
    }
    for _ in 0..1_000 {
        let left = running.snapshots.request_for_caller().unwrap_err();
        assert!(!left.is_zero() && left <= FLOOR);
    }
    running.snapshots.request();
    running
        .until(|status| status.snapshot.created_at > first)
        .await;
    assert_eq!(running.snapshots.catalog().snapshots.len(), 2);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn they_come_again_and_again() {
    let running = Running::new(lake(), Some(Duration::from_millis(1)));
    let mut last = None;
    for _ in 0..5 {
        running
            .until(|status| status.snapshot.created_at > last)
            .await;
        last = running.status.borrow().snapshot.created_at;
    }
    let folder = running.stop().await;
    check_files(folder.path(), &manifest(folder.path()));
}

/// Nobody takes another one: what is old goes all the same.
#[tokio::test(flavor = "multi_thread")]
async fn old_files_go_after_the_grace_time_without_another_snapshot() {
    let mut lake = lake();
    lake.take().await;
    let first = lake.manifest();
    lake.commit(vec![gone(GUILDS[0], 0, nth(GUILDS[0], "2026-01", 0))]);
    let running = Running::with(lake, None, Duration::from_millis(300));
    running.snapshots.request();
    let mut catalog = running.snapshots.watch();
    let is_alone = |catalog: &std::sync::Arc<Catalog>| {
        let latest = &catalog.latest().unwrap().manifest;
        catalog.snapshots.len() == 1 && latest.created_at > first.created_at
    };
    let waited = tokio::time::timeout(PATIENCE, catalog.wait_for(is_alone)).await;
    drop(waited.expect("it hangs").unwrap());
    let folder = running.stop().await;
    let second = manifest(folder.path());
    check_files(folder.path(), &second);
    let left = everything(folder.path());
    assert!(!left.contains(&first.path()));
    let replaced = first.files.iter().filter(|it| !second.files.contains(it));
    let replaced: Vec<_> = replaced.map(|it| &it.path).collect();
    assert!(!replaced.is_empty());
    for path in replaced {
        assert!(!left.contains(path), "{path}");
    }
}

/// A bit that turns changes no size: the hash finds it.
#[tokio::test(flavor = "multi_thread")]
async fn a_turned_bit_is_found_at_the_start_and_repaired() {
    for which in ["messages", "coverage", "manifests"] {
        let lake = lake();
        lake.take().await;
        let catalog = lake.follower.snapshots().catalog();
        let mut files = catalog.latest().unwrap().files();
        let victim = files.find(|file| file.path.starts_with(which)).unwrap();
        let file = path(lake.path(), &victim.path);
        let mut bytes = std::fs::read(&file).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 4;
        std::fs::write(&file, bytes).unwrap();
        let before = manifest(lake.path());

        let running = Running::new(lake, Some(Duration::from_secs(3600)));
        running
            .until(|status| {
                status.snapshot.damaged_files == 1
                    && status.snapshot.created_at > Some(before.created_at)
                    && status.snapshot.state == SnapshotState::Idle
            })
            .await;
        let folder = running.stop().await;
        check_files(folder.path(), &manifest(folder.path()));
        let left = everything(folder.path());
        assert!(
            left.contains(&format!("{}.damaged", victim.path)),
            "{which}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_cannot_be_written_stops_nothing_and_is_tried_again() {
    let lake = lake();
    let blocked = lake.path().join("snapshots");
    std::fs::write(&blocked, "a file where the folder should be").unwrap();
    let running = Running::new(lake, Some(Duration::from_secs(3600)));
    running
        .until(|status| status.snapshot.state == SnapshotState::Failed)
        .await;
    std::fs::remove_file(&blocked).unwrap();
    running.snapshots.request();
    running
        .until(|status| status.snapshot.created_at.is_some())
        .await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_to_stop_ends_one_that_is_being_written() {
    let mut lake = Lake::new();
    for month in 1..=9 {
        lake.add_month(&format!("2026-0{month}"), 200);
    }
    lake.take().await;
    let before = lake.manifest();
    for month in 1..=9 {
        lake.add_month(&format!("2025-0{month}"), 200);
    }
    let running = Running::new(lake, None);
    running.snapshots.request();
    running
        .until(|status| status.snapshot.files_done >= 1)
        .await;
    let folder = running.stop().await;
    let after = manifest(folder.path());
    // The machine may have been quicker than the order.
    if after.created_at == before.created_at {
        assert_eq!(before, after);
    }
    check_files(folder.path(), &after);
}
