//! The sources of reports: the built-in ones, and the files of `QUERIES_DIR`, which are read each time, so that
//! a new report needs no restart. A file with the name of a built-in report replaces it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::SystemTime;
use std::{fs, io};

use include_dir::{Dir, include_dir};

use super::header::is_name;
use super::{HeaderError, Report, header};

/// The folder `queries/` of the source tree.
static BUILT_IN: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/queries");

/// The views and macros that reports use, in the order in which they are executed: they need the relations
/// `discord_messages`, `discord_channels` and `coverage`.
const MACROS: [&str; 2] = ["lib/views.sql", "lib/coverage.sql"];

/// The init file of the DuckDB command line, which is not a report, neither here nor in a copy of `queries/`.
const COMMAND_LINE: &str = "init";

/// The maximum size of a report's file in bytes.
const LONGEST: u64 = 1024 * 1024;

/// Files of reports with their sizes and times.
pub type Stamp = Vec<(PathBuf, u64, Option<SystemTime>)>;

/// Finds reports.
#[derive(Debug, Clone, Default)]
pub struct Library {
    folder: Option<PathBuf>,
}

/// A file in the user's folder that is not a valid report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrokenReport {
    /// Name of the file in the folder.
    pub file: String,
    /// Why the file is not valid.
    pub reason: String,
}

impl Library {
    /// A library of the built-in reports and of those in a folder, if there is one.
    #[must_use]
    pub fn new(folder: Option<PathBuf>) -> Self {
        Self { folder }
    }

    /// The built-in reports alone.
    #[must_use]
    pub fn built_in() -> &'static Self {
        static BUILT_IN: Library = Library { folder: None };
        &BUILT_IN
    }

    /// All reports ordered by name, and the files that are not valid.
    #[must_use]
    pub fn list(&self) -> (Vec<Report>, Vec<BrokenReport>) {
        let mut reports: BTreeMap<String, Report> = built_in()
            .map(|report| (report.name.clone(), report))
            .collect();
        let mut broken = Vec::new();
        for file in self.own_files(&mut broken) {
            match read(&file) {
                Ok(report) => drop(reports.insert(report.name.clone(), report)),
                Err(error) => {
                    // The user does not expect the built-in report under this name.
                    reports.remove(stem(&file));
                    broken.push(error);
                }
            }
        }
        (reports.into_values().collect(), broken)
    }

    /// The report with this name; none if there is none.
    ///
    /// # Errors
    /// If the user's file with this name is not a valid report.
    pub fn find(&self, name: &str) -> Result<Option<Report>, BrokenReport> {
        if !is_name(name) || name == COMMAND_LINE {
            return Ok(None);
        }
        if let Some(folder) = &self.folder {
            let file = folder.join(format!("{name}.sql"));
            if file.is_file() {
                return read(&file).map(Some);
            }
        }
        let file = built_in_files().find(|(known, _)| *known == name);
        Ok(file.and_then(|(name, sql)| header::parse(name, sql).ok()))
    }

    /// Whether the library has only the built-in reports.
    #[must_use]
    pub fn is_built_in(&self) -> bool {
        self.folder.is_none()
    }

    /// The user's files with their sizes and times: while it stays the same, so do the reports.
    #[must_use]
    pub fn stamp(&self) -> Stamp {
        let files = self.own_files(&mut Vec::new()).into_iter();
        let stamped = files.filter_map(|file| {
            let metadata = fs::metadata(&file).ok()?;
            Some((file, metadata.len(), metadata.modified().ok()))
        });
        stamped.collect()
    }

    /// The files in the user's folder that end in `.sql`.
    fn own_files(&self, broken: &mut Vec<BrokenReport>) -> Vec<PathBuf> {
        let Some(folder) = &self.folder else {
            return Vec::new();
        };
        let files = fs::read_dir(folder).and_then(|entries| {
            let paths = entries.map(|entry| entry.map(|entry| entry.path()));
            paths.collect::<io::Result<Vec<_>>>()
        });
        match files {
            Ok(mut files) => {
                let is_sql = |file: &PathBuf| file.extension().is_some_and(|it| it == "sql");
                files.retain(|file| is_sql(file) && stem(file) != COMMAND_LINE && file.is_file());
                files.sort();
                files
            }
            Err(error) => {
                broken.push(BrokenReport {
                    file: "QUERIES_DIR".to_owned(),
                    reason: format!("the folder can't be read: {error}"),
                });
                Vec::new()
            }
        }
    }
}

/// The SQL of the views and macros that reports use.
#[must_use]
pub fn built_in_macros() -> String {
    let files = MACROS.iter().filter_map(|path| BUILT_IN.get_file(path));
    files.filter_map(|file| file.contents_utf8()).collect()
}

/// The init file with which the DuckDB command line opens the snapshots of a data folder from any other folder:
/// the views over them, and the views and macros that reports use.
#[must_use]
pub fn command_line_init(data: &Path) -> String {
    let data = data.display().to_string().replace('\'', "''");
    let snapshots = BUILT_IN.get_file("lib/snapshots.sql");
    let snapshots = snapshots
        .and_then(|file| file.contents_utf8())
        .unwrap_or_default();
    format!(
        "SET VARIABLE snapshots_dir = coalesce(getvariable('data_dir'), '{data}') || '/snapshots';\n\n\
         {snapshots}\n{}",
        built_in_macros()
    )
}

fn built_in() -> impl Iterator<Item = Report> {
    built_in_files().filter_map(|(name, sql)| header::parse(name, sql).ok())
}

/// The names and texts of the built-in reports.
fn built_in_files() -> impl Iterator<Item = (&'static str, &'static str)> {
    BUILT_IN.files().filter_map(|file| {
        let name = file.path().to_str()?.strip_suffix(".sql")?;
        (name != COMMAND_LINE).then_some((name, file.contents_utf8()?))
    })
}

fn read(file: &Path) -> Result<Report, BrokenReport> {
    let refuse = |reason: String| BrokenReport {
        file: file
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned(),
        reason,
    };
    let name = stem(file);
    if !is_name(name) {
        return Err(refuse(
            "the file name is not a valid report name; use lower-case letters, digits and _"
                .to_owned(),
        ));
    }
    let length = fs::metadata(file).map(|it| it.len());
    if length.is_ok_and(|length| length > LONGEST) {
        return Err(refuse("the file is larger than 1 MiB".to_owned()));
    }
    let sql = fs::read_to_string(file).map_err(|error| refuse(error.to_string()))?;
    header::parse(name, &sql).map_err(|error: HeaderError| refuse(error.to_string()))
}

fn stem(file: &Path) -> &str {
    file.file_stem()
        .and_then(|it| it.to_str())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_built_in_file_is_a_report() {
        for (name, sql) in built_in_files() {
            let parsed = header::parse(name, sql);
            assert!(parsed.is_ok(), "{name}: {parsed:?}");
        }
        assert!(built_in().count() >= 18);
        assert!(built_in_macros().contains("wanted_coverage"));
    }

    #[test]
    fn the_folder_of_the_built_in_ones_can_be_the_users_own() {
        let library = Library::new(Some(concat!(env!("CARGO_MANIFEST_DIR"), "/queries").into()));
        assert_eq!(library.list().1, []);
        assert_eq!(library.find("init"), Ok(None));
    }
}
