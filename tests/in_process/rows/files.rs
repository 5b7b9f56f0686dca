//! Each file of the row store damaged: it is noticed, the row store is made anew, and no answer is wrong.

use std::path::Path;

use testkit::lake::{Lake, MESSAGES, minute, payload};

use super::kit::{files, folder};

/// What is done to a file.
#[derive(Debug, Clone, Copy)]
enum Damage {
    Cut,
    Flipped,
    Emptied,
    Removed,
}

const ALL: [Damage; 4] = [
    Damage::Cut,
    Damage::Flipped,
    Damage::Emptied,
    Damage::Removed,
];

impl Damage {
    fn inflict(self, file: &Path) {
        let mut bytes = std::fs::read(file).unwrap();
        let middle = bytes.len() / 2;
        match self {
            Self::Cut => bytes.truncate(middle),
            Self::Flipped if bytes.is_empty() => {}
            Self::Flipped => bytes[middle] ^= 0x55,
            Self::Emptied => bytes.clear(),
            Self::Removed => return std::fs::remove_file(file).unwrap(),
        }
        std::fs::write(file, bytes).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_file_is_noticed_at_the_next_start() {
    let mut lake = Lake::new();
    lake.add((0..3000).map(|n| payload(minute(n), &format!("message {n}"))));
    lake.level().await;
    // Filled files, and changes that are in the journal only.
    lake.add((3000..3100).map(|n| payload(minute(n), &format!("message {n}"))));
    let expected = lake.walk(&format!("{MESSAGES}&limit=500")).await;
    assert_eq!(expected.len(), 3100);
    let mut lake = lake.restart();
    let count = files(&folder(lake.folder.path())).len();
    assert!(count > 5, "{count} files");
    for number in 0..count {
        for damage in ALL {
            let present = files(&folder(lake.folder.path()));
            let Some(file) = present.get(number) else {
                continue;
            };
            damage.inflict(file);
            let what = format!("{damage:?} {}", file.display());
            let found = lake.walk(&format!("{MESSAGES}&limit=500")).await;
            assert_eq!(found, expected, "{what}");
            for id in [expected[0], expected[1500], expected[3099]] {
                let row = lake
                    .get(&format!("/v1/messages/{id}?include_raw=false"))
                    .await;
                assert_eq!(row.json()["message_id"], id.to_string(), "{what}");
            }
            lake = lake.restart();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn damage_that_is_found_while_it_is_read_withdraws_it() {
    let mut lake = Lake::new();
    lake.add((0..20_000).map(|n| payload(minute(n), &format!("message {n} {}", n * 7919))));
    lake.level().await;
    let tables = files(&folder(lake.folder.path())).into_iter();
    let tables = tables.filter(|file| file.parent().unwrap().ends_with("tables"));
    for table in tables {
        let mut bytes = std::fs::read(&table).unwrap();
        for at in (0..bytes.len()).step_by(500) {
            bytes[at] ^= 0x55;
        }
        // In place, because the files are open.
        std::fs::write(&table, bytes).unwrap();
    }
    let found = lake.walk(&format!("{MESSAGES}&limit=500")).await;
    assert_eq!(found.len(), 20_000);
    assert!(found.is_sorted_by(|one, next| one > next));
}
