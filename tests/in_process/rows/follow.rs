//! A row store that is behind its record, ahead of it, or of another one.

use std::path::Path;
use std::time::Duration;

use guildlake::config::RowsSettings;
use guildlake::derived::rows::{Follower, RowsSummary, Settings};
use guildlake::status::RowsState;
use rand::SeedableRng;
use rand::rngs::StdRng;
use testkit::lake::{GUILD, Lake, MESSAGES, minute};
use testkit::plan::seed;
use tokio_util::sync::CancellationToken;

use super::kit::{changes, channels, files, folder, place};

/// The messages of every channel, deleted ones too, as the row store answers them, and as the record does.
async fn compare(lake: &Lake) {
    lake.level().await;
    assert_eq!(lake.status.borrow().rows.state, RowsState::Following);
    let record = super::kit::record_only(lake);
    for number in 0..super::kit::CHANNELS {
        let path = format!(
            "/v1/messages?guild_id={GUILD}&channel_id={}&limit=500&include_deleted=true",
            place(number)
        );
        let answer = lake.get(&path).await.text().to_owned();
        let request = axum::http::Request::get(&path).header("x-api-key", testkit::lake::KEY);
        let request = request.body(axum::body::Body::empty()).unwrap();
        let expected = tower::ServiceExt::oneshot(record.clone(), request).await;
        let expected = axum::body::to_bytes(expected.unwrap().into_body(), usize::MAX).await;
        assert_eq!(
            answer,
            String::from_utf8(expected.unwrap().to_vec()).unwrap()
        );
    }
}

/// How many rows the last fill read: none if the row store that was there was used.
fn filled(lake: &Lake) -> u64 {
    lake.status.borrow().rows.rows_total
}

fn copy(from: &Path, to: &Path) {
    for file in files(from) {
        let target = to.join(file.strip_prefix(from).unwrap());
        std::fs::create_dir_all(target.parent().unwrap()).unwrap();
        std::fs::copy(file, target).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_catches_up_with_what_was_committed_without_it() {
    let seed = seed();
    println!("seed {seed}");
    let (mut dice, mut known) = (StdRng::seed_from_u64(seed), 0);
    let mut lake = Lake::new();
    lake.commit(&channels());
    lake.commit(&changes(&mut dice, &mut known));
    compare(&lake).await;
    for _ in 0..5 {
        let mut without = lake.restart();
        for _ in 0..20 {
            without.commit(&changes(&mut dice, &mut known));
        }
        lake = without;
        compare(&lake).await;
        assert_eq!(filled(&lake), 0, "it was read anew instead of followed");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_whose_folder_is_gone_is_filled() {
    let mut lake = Lake::new();
    lake.add_minutes(30);
    compare(&lake).await;
    let folder_of = lake.folder.path().to_owned();
    let settings = RowsSettings::default().follower();
    let lake = lake.restart();
    let summary = RowsSummary::read(&folder_of, settings).unwrap().unwrap();
    assert_eq!(summary.mark.unwrap().revision, lake.record.revision());
    std::fs::remove_dir_all(folder_of.join("rows")).unwrap();
    compare(&lake).await;
    assert_eq!(filled(&lake), 30);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_another_record_is_made_anew() {
    let mut other = Lake::new();
    other.add_minutes(40);
    compare(&other).await;
    let mut lake = Lake::new();
    lake.add_minutes(30);
    copy(&folder(other.folder.path()), &folder(lake.folder.path()));
    compare(&lake).await;
    assert_eq!(filled(&lake), 30);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_is_ahead_of_its_record_is_made_anew() {
    let mut lake = Lake::new();
    lake.add_minutes(30);
    compare(&lake).await;
    let backup = lake.copy();
    lake.add((100..120).map(|n| testkit::lake::payload(minute(n), "later")));
    compare(&lake).await;
    let lake = lake.restart();
    copy(&folder(lake.folder.path()), &folder(backup.path()));
    drop(lake);
    // The restored record goes on to the revision that the row store has, and past it, before it is looked at.
    let mut restored = Lake::of(backup);
    for n in 0..5 {
        restored.add([testkit::lake::payload(minute(200 + n), "another")]);
    }
    compare(&restored).await;
    assert_eq!(filled(&restored), 35);
    assert_eq!(
        restored.walk(&format!("{MESSAGES}&limit=500")).await.len(),
        35
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_was_put_back_from_an_older_time_catches_up() {
    let mut lake = Lake::new();
    lake.add_minutes(30);
    compare(&lake).await;
    let lake = lake.restart();
    let older = tempfile::tempdir().unwrap();
    copy(&folder(lake.folder.path()), older.path());
    let mut lake = lake;
    lake.add((100..120).map(|n| testkit::lake::payload(minute(n), "later")));
    lake.delete(minute(3));
    compare(&lake).await;
    let lake = lake.restart();
    std::fs::remove_dir_all(folder(lake.folder.path())).unwrap();
    copy(older.path(), &folder(lake.folder.path()));
    compare(&lake).await;
    assert_eq!(filled(&lake), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn redacted_text_leaves_its_files() {
    let mut lake = Lake::that_blanks();
    compare(&lake).await;
    // Handed over, so that it is in the journal too.
    lake.add((0..50).map(|n| testkit::lake::payload(minute(n), "very-secret-words")));
    for n in 0..50 {
        lake.delete(minute(n));
    }
    compare(&lake).await;
    assert_eq!(filled(&lake), 0);
    let has_secret = |data: &Path| {
        files(&folder(data)).into_iter().any(|file| {
            let bytes = std::fs::read(file).unwrap();
            bytes.windows(6).any(|window| window == b"secret")
        })
    };
    assert!(has_secret(lake.folder.path()), "nothing is tested");
    // Also after a restart it is known that there is something to forget.
    let lake = lake.restart().without_rows();
    let settings = Settings {
        forget_every: Duration::from_millis(1),
        ..RowsSettings::default().follower()
    };
    let data = lake.folder.path();
    let follower = Follower::new(lake.reader.clone(), data, settings, lake.status.clone());
    let stop = CancellationToken::new();
    let mut status = lake.status.subscribe();
    let following = tokio::spawn(follower.run(stop.clone()));
    let anew =
        status.wait_for(|it| it.rows.rows_total == 50 && it.rows.state == RowsState::Following);
    let anew = tokio::time::timeout(Duration::from_secs(60), anew).await;
    drop(anew.expect("it is not made anew").unwrap());
    stop.cancel();
    following.await.unwrap();
    assert!(!has_secret(data));
    let left = std::fs::read_dir(data.join("rows")).unwrap().count();
    assert_eq!(left, 1, "the old files are still there");
}
