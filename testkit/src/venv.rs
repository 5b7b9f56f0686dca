//! The programs of `make venv`: Python with pandas, DuckDB's command line, schemathesis.

use std::path::{Path, PathBuf};

/// The folder that they are in, if it is not `target/venv`.
const VENV: &str = "GUILDLAKE_VENV";

/// The folder of the environment.
pub fn folder() -> PathBuf {
    std::env::var_os(VENV).map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/venv"),
        PathBuf::from,
    )
}

/// One of its programs.
pub fn tool(name: &str) -> PathBuf {
    let program = folder().join("bin").join(name);
    assert!(
        program.exists(),
        "{} is missing: run `make venv`, or set {VENV} to the folder that it is in",
        program.display()
    );
    program
}
