//! Checks of the settings and the machine: key, `.env`, data folder, lock, database, disk, port, open files.

use std::net::{SocketAddr, TcpListener};
use std::path::Path;

use sysinfo::Disks;

use super::Check;
use crate::api::connections_for;
use crate::config::{ApiSettings, SettingsError, Source, StorageSettings};
use crate::open_files;
use crate::service::ENOUGH_OPEN_FILES;
use crate::store::{DataLock, Record, StoreError, StoreSettings};

/// The free space below which the check warns, in bytes.
const LITTLE_SPACE: u64 = 2 << 30;

pub(super) fn checks(source: &Source) -> Vec<Check> {
    let mut checks = vec![env_file()];
    let mut running = false;
    match StorageSettings::read_alone(source) {
        Ok(storage) => checks.extend(record(&storage, &mut running)),
        Err(error) => checks.extend(settings("record", error)),
    }
    match ApiSettings::read_alone(source) {
        Ok(api) => {
            checks.push(Check::ok(
                "key",
                "API_KEY is set and strong enough for BIND",
            ));
            checks.push(port("port", "BIND", api.bind, running));
            if let Some(admin) = api.admin_bind {
                checks.push(port("admin port", "ADMIN_BIND", admin, running));
            }
        }
        Err(error) => checks.extend(settings("API", error)),
    }
    checks.push(open_files());
    checks
}

/// Whether the process may open as many files as the service wants.
fn open_files() -> Check {
    let Some(limit) = open_files::raise() else {
        return Check::ok("open files", "there is no limit of open files");
    };
    let (connections, is_little) = connections_for(Some(limit));
    let found = format!("{limit} files may be open: enough for {connections} connections");
    if is_little {
        let fix = format!(
            "raise the hard limit (ulimit -Hn, LimitNOFILE= in systemd) to {ENOUGH_OPEN_FILES}"
        );
        Check::warning("open files", found, fix)
    } else {
        Check::ok("open files", found)
    }
}

fn port(name: &'static str, setting: &str, bind: SocketAddr, running: bool) -> Check {
    match TcpListener::bind(bind) {
        Ok(_) => Check::ok(name, format!("{bind} is free")),
        Err(error) if running => Check::warning(
            name,
            format!("the service can't listen on {bind}: {error}"),
            "nothing to do if that is your running service",
        ),
        Err(error) => Check::failed(
            name,
            format!("the service can't listen on {bind}: {error}"),
            format!("stop the program that uses this address, or set {setting} to another address"),
        ),
    }
}

fn settings(name: &'static str, error: SettingsError) -> impl Iterator<Item = Check> {
    error.0.into_iter().map(move |problem| {
        let found = format!("{} {}", problem.variable, problem.reason);
        Check::failed(
            name,
            found,
            "set it in the environment or in .env; see .env.example",
        )
    })
}

/// Whether other users of this machine can read the secrets in `.env`.
fn env_file() -> Check {
    let path = Path::new(".env");
    if !path.exists() {
        return Check::ok(
            ".env",
            "there is no .env in the working folder: the settings come from the environment",
        );
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(path).map(|metadata| metadata.permissions().mode());
        if mode.is_ok_and(|mode| mode & 0o077 != 0) {
            return Check::warning(
                ".env",
                "other users of this machine can read .env",
                "chmod 600 .env",
            );
        }
    }
    Check::ok(".env", ".env exists, and only you can read it")
}

/// Checks the data folder, its lock, the database and the free space.
fn record(storage: &StorageSettings, running: &mut bool) -> Vec<Check> {
    let folder = storage.data_dir.display();
    let lock = match DataLock::acquire(&storage.data_dir) {
        Ok(lock) => lock,
        Err(error @ StoreError::Locked { .. }) => {
            *running = true;
            return vec![
                Check::warning(
                    "data folder",
                    error.to_string(),
                    "nothing to do if that is your running service",
                ),
                space(storage),
            ];
        }
        Err(error) => {
            return vec![Check::failed(
                "data folder",
                error.to_string(),
                "give this user write permission for the folder, or set DATA_DIR",
            )];
        }
    };
    let mut checks = vec![Check::ok(
        "data folder",
        format!("{folder} is writable and unlocked"),
    )];
    if storage.database.exists() {
        let settings = StoreSettings::new(storage.database.clone(), storage.data_dir.join("tmp"));
        checks.push(match Record::open(&settings) {
            Ok((record, _)) => Check::ok(
                "record",
                format!(
                    "the database can be opened; its revision is {}",
                    record.revision()
                ),
            ),
            Err(error) => Check::failed("record", error.to_string(), "see the message"),
        });
    } else {
        checks.push(Check::ok(
            "record",
            "there is no database yet: the first start creates it",
        ));
    }
    drop(lock);
    checks.push(space(storage));
    checks
}

fn space(storage: &StorageSettings) -> Check {
    let folder = storage
        .data_dir
        .canonicalize()
        .unwrap_or_else(|_| storage.data_dir.clone());
    let disks = Disks::new_with_refreshed_list();
    let disk = disks
        .iter()
        .filter(|disk| folder.starts_with(disk.mount_point()))
        .max_by_key(|disk| disk.mount_point().as_os_str().len());
    match disk {
        Some(disk) => {
            let free = disk.available_space();
            let found = format!("{:.1} GB free", free as f64 / 1e9);
            if free < LITTLE_SPACE {
                Check::warning(
                    "disk",
                    found,
                    "free disk space: a million messages need up to 1 GB",
                )
            } else {
                Check::ok("disk", found)
            }
        }
        None => Check::warning(
            "disk",
            "the free space can't be determined",
            "check it with `df`",
        ),
    }
}
