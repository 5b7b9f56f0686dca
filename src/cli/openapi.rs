//! `guildlake openapi`: the API's description on stdout.

use std::process::ExitCode;

use crate::api;
use crate::report::Library;

pub(super) fn run() -> anyhow::Result<ExitCode> {
    super::print(&api::openapi_json(&Library::default())?)?;
    Ok(ExitCode::SUCCESS)
}
