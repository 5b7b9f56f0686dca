//! An index that is of no use for the record beside it: ahead of it, of another one, of another version.
//! It is set aside before the record goes on.

use std::path::Path;

use tempfile::TempDir;

use testkit::search::{Lake, Messages, copy, index};

async fn home() -> (TempDir, Messages) {
    let folder = tempfile::tempdir().unwrap();
    let mut lake = Lake::open(folder.path(), Messages::default());
    lake.add(0, 40);
    lake.checkpoint();
    lake.compare("at first").await;
    let messages = lake.stop().await;
    (folder, messages)
}

fn copy_record(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(to).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            std::fs::remove_file(path).unwrap();
        }
    }
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            std::fs::copy(&path, to.join(path.file_name().unwrap())).unwrap();
        }
    }
}

fn is_anew(lake: &Lake) -> bool {
    lake.status.borrow().search.rows_total > 0
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_is_ahead_of_the_record_is_made_anew() {
    let (folder, messages) = home().await;
    let older = tempfile::tempdir().unwrap();
    copy_record(folder.path(), older.path());
    let mut lake = Lake::open(folder.path(), messages.clone());
    lake.edit(0..10);
    lake.delete(10..20);
    lake.add(40, 7);
    lake.compare("ahead").await;
    lake.stop().await;
    copy_record(older.path(), folder.path());
    let mut lake = Lake::open(folder.path(), messages);
    // It gets past the revision that the other one had.
    for n in 0..10 {
        lake.add(50 + n, 1);
    }
    lake.compare("an older record").await;
    assert!(is_anew(&lake));
    lake.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_another_record_is_made_anew() {
    let (folder, messages) = home().await;
    let (other, _) = home().await;
    std::fs::remove_dir_all(index(folder.path())).unwrap();
    copy(&index(other.path()), &index(folder.path()));
    let lake = Lake::open(folder.path(), messages);
    lake.compare("of another record").await;
    assert!(is_anew(&lake));
    lake.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_another_version_is_made_anew() {
    let (folder, messages) = home().await;
    let path = index(folder.path()).join("meta.json");
    let mut meta: serde_json::Value =
        serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    let (_, mark) = meta["payload"].as_str().unwrap().split_once(' ').unwrap();
    let mut mark: serde_json::Value = serde_json::from_str(mark).unwrap();
    mark["version"] = 0.into();
    let mark = mark.to_string();
    meta["payload"] = format!("{:08x} {mark}", crc32fast::hash(mark.as_bytes())).into();
    std::fs::write(&path, meta.to_string()).unwrap();
    let lake = Lake::open(folder.path(), messages);
    lake.compare("of another version").await;
    assert!(is_anew(&lake));
    lake.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_no_index_can_be_made_the_rest_goes_on() {
    let (folder, messages) = home().await;
    std::fs::remove_dir_all(folder.path().join("search")).unwrap();
    std::fs::write(folder.path().join("search"), "in the way").unwrap();
    let lake = Lake::open(folder.path(), messages);
    lake.until(|status| status.search.state == guildlake::status::SearchState::Failed)
        .await;
    let (code, after, problem) = lake.get("/v1/search?q=amber").await;
    assert_eq!((code, &problem["code"]), (503, &"search_not_ready".into()));
    assert!(after.unwrap().parse::<u32>().unwrap() > 0);
    let (code, _, page) = lake
        .get("/v1/messages?guild_id=1100000000000000000&channel_id=1150000000000000000")
        .await;
    assert_eq!((code, page["data"].as_array().unwrap().len()), (200, 40));
    lake.stop().await;
}
