//! Makes every program of this package find DuckDB's library without any setting.
//!
//! The library is put beside the programs (`target/release/` can be copied as a folder), and an rpath relative
//! to the program names the folders to search: its own, the one above (tests and benches), and
//! `../lib/guildlake` (an installed prefix). A library of the user's own, named by `DUCKDB_LIB_DIR`, is used
//! where it is. With `--features bundled` there is nothing to do.

use std::env;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=DUCKDB_LIB_DIR");
    if env::var_os("CARGO_FEATURE_BUNDLED").is_some() {
        return;
    }
    let (file, origin) = match env::var("CARGO_CFG_TARGET_OS").as_deref() {
        Ok("macos") => ("libduckdb.dylib", "@loader_path"),
        Ok("windows") => return,
        _ => ("libduckdb.so", "$ORIGIN"),
    };
    for folder in ["", "/..", "/../lib/guildlake"] {
        println!("cargo::rustc-link-arg=-Wl,-rpath,{origin}{folder}");
    }

    let Some(folder) = env::var_os("DUCKDB_LIB_DIR").map(PathBuf::from) else {
        return;
    };
    let library = folder.join(file);
    println!("cargo::rerun-if-changed={}", library.display());
    if !library.exists() {
        println!(
            "cargo::warning={} is missing, so linking will fail: run `make libduckdb`, or set \
             DUCKDB_LIB_DIR to the folder of your own, or build with `--features bundled`",
            library.display()
        );
        return;
    }
    let ours = env::var_os("CARGO_MANIFEST_DIR")
        .is_some_and(|root| folder.starts_with(PathBuf::from(root).join("target")));
    // Doctests run from a temporary folder, where no relative path helps. A release build must not name a
    // folder of the machine that built it.
    if !ours || env::var("PROFILE").as_deref() == Ok("debug") {
        link_in_place(&folder);
    }
    if !ours {
        return;
    }
    // OUT_DIR is <target>/<profile>/build/<package>/out.
    let Some(beside) = env::var_os("OUT_DIR")
        .and_then(|out| Path::new(&out).ancestors().nth(3).map(|dir| dir.join(file)))
    else {
        return;
    };
    println!("cargo::rerun-if-changed={}", beside.display());
    if let Err(error) = place(&library, &beside) {
        println!(
            "cargo::warning=could not put {} beside the programs: {error}",
            library.display()
        );
        link_in_place(&folder);
    }
}

/// Adds an rpath to the folder itself, for a library that stays where it is.
fn link_in_place(folder: &Path) {
    let folder = fs::canonicalize(folder).unwrap_or_else(|_| folder.to_path_buf());
    println!("cargo::rustc-link-arg=-Wl,-rpath,{}", folder.display());
}

/// Links or copies `from` to `to` through a temporary file that is renamed, so that `to` is replaced at once.
fn place(from: &Path, to: &Path) -> io::Result<()> {
    let (source, there) = (fs::metadata(from)?, fs::metadata(to));
    if there.is_ok_and(|there| {
        there.len() == source.len() && there.modified().ok() == source.modified().ok()
    }) {
        return Ok(());
    }
    let new = to.with_extension(format!("new{}", std::process::id()));
    if fs::hard_link(from, &new).is_err() {
        fs::copy(from, &new)?;
        fs::File::options()
            .write(true)
            .open(&new)?
            .set_modified(source.modified()?)?;
    }
    fs::rename(&new, to)
}
