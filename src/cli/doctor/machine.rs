//! Checks of the settings and the machine: key, `.env`, data folder, lock, record, disk, port.

use std::net::{SocketAddr, TcpListener};
use std::path::Path;

use sysinfo::Disks;

use super::Check;
use crate::config::{ApiSettings, SettingsError, Source, StorageSettings};
use crate::store::{DataLock, Record, StoreError, StoreSettings};

/// Less free space than this is worth a warning, in bytes.
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
            checks.push(Check::ok("key", "API_KEY is set and strong enough"));
            checks.push(port(api.bind, running));
        }
        Err(error) => checks.extend(settings("API", error)),
    }
    checks
}

fn port(bind: SocketAddr, running: bool) -> Check {
    match TcpListener::bind(bind) {
        Ok(_) => Check::ok("port", format!("{bind} is free")),
        Err(error) if running => Check::warning(
            "port",
            format!("{bind} can't be listened on: {error}"),
            "nothing, if that is your running service",
        ),
        Err(error) => Check::failed(
            "port",
            format!("{bind} can't be listened on: {error}"),
            "stop what listens there, or set BIND to another address",
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

/// Whether others on this machine can read the secrets in `.env`.
fn env_file() -> Check {
    let path = Path::new(".env");
    if !path.exists() {
        return Check::ok(".env", "none here: the settings come from the environment");
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(path).map(|metadata| metadata.permissions().mode());
        if mode.is_ok_and(|mode| mode & 0o077 != 0) {
            return Check::warning(
                ".env",
                "others on this machine can read it",
                "chmod 600 .env",
            );
        }
    }
    Check::ok(".env", "is there, and only for you")
}

/// The data folder, its lock, the record's version, and the space left.
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
                    "nothing, if that is your running service",
                ),
                space(storage),
            ];
        }
        Err(error) => {
            return vec![Check::failed(
                "data folder",
                error.to_string(),
                "give this user the right to write there, or set DATA_DIR",
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
                format!("opens, at revision {}", record.revision()),
            ),
            Err(error) => Check::failed("record", error.to_string(), "see the message"),
        });
    } else {
        checks.push(Check::ok("record", "none yet: the first start makes it"));
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
                    "make room: a million messages take up to 1 GB",
                )
            } else {
                Check::ok("disk", found)
            }
        }
        None => Check::warning("disk", "the free space can't be told", "look with `df`"),
    }
}
