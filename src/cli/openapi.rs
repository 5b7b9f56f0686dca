//! `guildlake openapi`: the API's description on stdout.

use std::process::ExitCode;

use crate::api;

pub(super) fn run() -> anyhow::Result<ExitCode> {
    super::print(&api::openapi_json())?;
    Ok(ExitCode::SUCCESS)
}
