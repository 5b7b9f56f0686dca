//! Each kind of file of the index deleted, cut, changed in random bits, or an older one put in its place:
//! the index is made anew, or finds what it should all the same.
//!
//! `GUILDLAKE_SEARCH_DAMAGE` sets how often each is done to each kind of file; without it one is done to each.

use std::collections::BTreeMap;
use std::os::unix::fs::FileExt;
use std::path::Path;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tempfile::TempDir;

use super::files::{Damage, by_kind};
use testkit::plan::{rounds, seed};
use testkit::search::{Lake, Messages, copy, index};

/// A data folder whose service was stopped, with an earlier state of its index.
struct Home {
    folder: TempDir,
    earlier: TempDir,
    messages: Messages,
}

impl Home {
    /// With several parts, some of whose messages were replaced.
    async fn new() -> Self {
        let (folder, earlier) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let mut lake = Lake::open(folder.path(), Messages::default());
        lake.add(0, 120);
        lake.caught_up().await;
        lake.edit(0..5);
        lake.caught_up().await;
        let messages = lake.stop().await;
        copy(&index(folder.path()), earlier.path());
        let mut lake = Lake::open(folder.path(), messages);
        lake.delete(20..25);
        lake.caught_up().await;
        lake.add(120, 30);
        lake.edit(100..104);
        lake.compare("before").await;
        let messages = lake.stop().await;
        Self {
            folder,
            earlier,
            messages,
        }
    }

    /// Starts with a copy of it that something was done to; holds what it finds, then and after more changes,
    /// to be what it should. Answers whether the index was made anew.
    async fn with(&self, what: &str, change: impl FnOnce(&Path)) -> bool {
        let folder = tempfile::tempdir().unwrap();
        copy(self.folder.path(), folder.path());
        change(folder.path());
        let mut lake = Lake::open(folder.path(), self.messages.clone());
        let (code, after, answer) = lake.get("/v1/search?q=amber").await;
        if code != 200 {
            assert_eq!(
                (code, &answer["code"]),
                (503, &"search_not_ready".into()),
                "{what}"
            );
            assert!(
                after.is_some_and(|after| after.parse::<u32>().is_ok()),
                "{what}"
            );
        }
        lake.compare(what).await;
        let is_anew = lake.status.borrow().search.rows_total > 0;
        lake.edit([3, 50, 125]);
        lake.delete([4, 51, 126]);
        lake.compare(&format!("{what}, then edits")).await;
        let messages = lake.stop().await;
        let lake = Lake::open(folder.path(), messages);
        lake.compare(&format!("{what}, then a restart")).await;
        lake.stop().await;
        is_anew
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_file_is_noticed_or_changes_nothing() {
    let (times, seed) = (rounds("GUILDLAKE_SEARCH_DAMAGE", 0), seed());
    println!("damage: seed {seed}, {times} times");
    let mut dice = StdRng::seed_from_u64(seed);
    let home = Home::new().await;
    let mut figures: BTreeMap<(String, Damage), (usize, usize)> = BTreeMap::new();
    for (kind, files) in by_kind(&index(home.folder.path())) {
        let one = Damage::ALL[dice.random_range(0..Damage::ALL.len())];
        for damage in Damage::ALL {
            let times = match (kind.as_str(), damage) {
                // The suite has time for one.
                _ if times == 0 => usize::from(damage == one),
                // This one alone has no checksum.
                ("meta.json", Damage::Flipped) => times * 12,
                (_, Damage::Deleted | Damage::Empty) => times.min(files.len()),
                _ => times,
            };
            for _ in 0..times {
                let file = &files[dice.random_range(0..files.len())];
                let name = file.file_name().unwrap();
                let what = format!("{damage:?} {}", name.display());
                let mut applied = false;
                let is_anew = home.with(&what, |folder| {
                    applied = damage.apply(&index(folder).join(name), &mut dice);
                });
                let is_anew = is_anew.await;
                let figure = figures.entry((kind.clone(), damage)).or_default();
                figure.0 += usize::from(applied && is_anew);
                figure.1 += usize::from(applied && !is_anew);
            }
        }
    }
    for ((kind, damage), (anew, same)) in &figures {
        println!("damage: {kind} {damage:?}: {anew} made anew, {same} found the same");
    }
    let (anew, same) = figures
        .values()
        .fold((0, 0), |(anew, same), it| (anew + it.0, same + it.1));
    println!("damage: seed {seed}, {anew} made anew, {same} found the same, 0 wrong answers");
    let missed = figures
        .iter()
        .filter(|((kind, damage), (_, same))| {
            is_of_a_part(kind) && matches!(damage, Damage::Deleted | Damage::Empty) && *same > 0
        })
        .count();
    assert_eq!(missed, 0, "a part that is gone was not missed");
}

fn is_of_a_part(kind: &str) -> bool {
    ["idx", "pos", "term", "fast", "fieldnorm", "store", "del"].contains(&kind)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_file_or_index_in_its_place_loses_nothing() {
    let home = Home::new().await;
    for name in ["meta.json", ".managed.json"] {
        home.with(name, |folder| {
            std::fs::copy(home.earlier.path().join(name), index(folder).join(name)).unwrap();
        })
        .await;
    }
    // What the older state names may be gone since; with its files it is an index that is behind.
    let is_anew = home.with("older meta.json with its files", |folder| {
        for entry in std::fs::read_dir(home.earlier.path()).unwrap() {
            let entry = entry.unwrap();
            if entry.file_name() != ".managed.json" {
                std::fs::copy(entry.path(), index(folder).join(entry.file_name())).unwrap();
            }
        }
    });
    assert!(!is_anew.await, "it is behind, and goes on from there");
    let is_anew = home.with("older index", |folder| {
        std::fs::remove_dir_all(index(folder)).unwrap();
        copy(home.earlier.path(), &index(folder));
    });
    assert!(!is_anew.await, "it is behind, and goes on from there");
    let is_anew = home.with("no index", |folder| {
        std::fs::remove_dir_all(index(folder)).unwrap();
    });
    assert!(is_anew.await);
    let is_anew = home.with("a file in the place of the folder", |folder| {
        std::fs::remove_dir_all(index(folder)).unwrap();
        std::fs::write(index(folder), "what").unwrap();
    });
    assert!(is_anew.await);
    // What deletes in a part are, under the name of a later state of them.
    let dels = |folder: &Path| by_kind(folder).remove("del").unwrap_or_default();
    home.with("another part's deletes", |folder| {
        let dels = dels(&index(folder));
        std::fs::copy(&dels[0], &dels[dels.len() - 1]).unwrap();
    })
    .await;
}

/// It has no checksum, and tantivy believes it: later deletes would not be written, or a part be dropped.
#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_number_of_deletes_in_meta_json_is_noticed() {
    let home = Home::new().await;
    for wrong in [0, 6, 119, 120, 4_000_000_000_u32] {
        let what = format!("{wrong} deletes");
        let is_anew = home.with(&what, |folder| {
            let path = index(folder).join("meta.json");
            let text = std::fs::read_to_string(&path).unwrap();
            let mut meta: serde_json::Value = serde_json::from_str(&text).unwrap();
            let parts = meta["segments"].as_array_mut().unwrap().iter_mut();
            let mut deletes = parts.filter(|part| part["deletes"].is_object());
            deletes.next().unwrap()["deletes"]["num_deleted_docs"] = wrong.into();
            std::fs::write(&path, meta.to_string()).unwrap();
        });
        assert!(is_anew.await, "{wrong}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_go_while_it_runs_change_no_answer() {
    let home = Home::new().await;
    for kind in by_kind(&index(home.folder.path())).into_keys() {
        let folder = tempfile::tempdir().unwrap();
        copy(home.folder.path(), folder.path());
        let mut lake = Lake::open(folder.path(), home.messages.clone());
        lake.compare("before").await;
        for file in by_kind(&index(folder.path()))
            .remove(&kind)
            .into_iter()
            .flatten()
        {
            std::fs::remove_file(file).unwrap();
        }
        lake.has_each_message(&format!("{kind} has just gone"))
            .await;
        lake.compare(&format!("{kind} is gone")).await;
        lake.edit([3, 50, 125]);
        lake.delete([4, 51, 126]);
        lake.compare(&format!("{kind} is gone, then edits")).await;
        let messages = lake.stop().await;
        let lake = Lake::open(folder.path(), messages);
        lake.compare(&format!("{kind} is gone, then a restart"))
            .await;
        lake.stop().await;
    }
}

/// Even tantivy's panics: the index only helps to find a message.
#[tokio::test(flavor = "multi_thread")]
async fn files_that_change_while_it_runs_hide_no_message() {
    let home = Home::new().await;
    for kind in ["term", "idx", "fast"] {
        let folder = tempfile::tempdir().unwrap();
        copy(home.folder.path(), folder.path());
        let lake = Lake::open(folder.path(), home.messages.clone());
        lake.compare("before").await;
        for file in &by_kind(&index(folder.path()))[kind] {
            let length = usize::try_from(file.metadata().unwrap().len()).unwrap();
            // In place: a file that is mapped must not get shorter.
            let file = std::fs::File::options().write(true).open(file).unwrap();
            file.write_all_at(&vec![0xA5; length], 0).unwrap();
        }
        lake.has_each_message(&format!("each {kind} was overwritten"))
            .await;
        lake.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_goes_while_it_runs_is_made_anew() {
    let home = Home::new().await;
    let mut lake = Lake::open(home.folder.path(), home.messages.clone());
    lake.compare("before").await;
    std::fs::remove_dir_all(home.folder.path().join("search")).unwrap();
    lake.edit([3, 50, 125]);
    // It waits a little: a folder can also be away for a moment.
    let revision = Some(lake.revision());
    lake.until(|status| status.search.revision == revision)
        .await;
    lake.compare("all of it is gone, then edits").await;
    lake.stop().await;
}
