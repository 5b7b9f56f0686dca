//! The files of an index, and what can become of them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use rand::rngs::StdRng;
use rand::{Rng, RngExt};

/// What becomes of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Damage {
    /// It is gone.
    Deleted,
    /// Its end is missing.
    Cut,
    /// There is nothing in it.
    Empty,
    /// A bit is another one.
    Flipped,
    /// A piece of it is anything.
    Overwritten,
}

impl Damage {
    pub(crate) const ALL: [Self; 5] = [
        Self::Deleted,
        Self::Cut,
        Self::Empty,
        Self::Flipped,
        Self::Overwritten,
    ];

    /// Does it; `false` if the file is too short for that.
    pub(crate) fn apply(self, file: &Path, dice: &mut StdRng) -> bool {
        let mut bytes = fs::read(file).unwrap();
        if self == Self::Deleted {
            fs::remove_file(file).unwrap();
            return true;
        }
        if bytes.is_empty() {
            return false;
        }
        let at = dice.random_range(0..bytes.len());
        match self {
            Self::Deleted => {}
            Self::Cut => bytes.truncate(at),
            Self::Empty => bytes.clear(),
            Self::Flipped => bytes[at] ^= 1 << dice.random_range(0..8),
            Self::Overwritten => {
                let end = (at + 16).min(bytes.len());
                dice.fill_bytes(&mut bytes[at..end]);
            }
        }
        fs::write(file, bytes).unwrap();
        true
    }
}

/// The files of a folder by their kind: the last part of their names, or the whole of others'.
pub(crate) fn by_kind(folder: &Path) -> BTreeMap<String, Vec<PathBuf>> {
    let mut kinds: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        let kind = match name.rsplit_once('.') {
            Some((_, kind)) if kind != "json" && !name.starts_with('.') => kind,
            _ => name,
        };
        kinds.entry(kind.to_owned()).or_default().push(path);
    }
    for files in kinds.values_mut() {
        files.sort();
    }
    kinds
}
