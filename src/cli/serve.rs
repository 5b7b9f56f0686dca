//! `guildlake serve`: the API and the ingest in one process.

use std::process::ExitCode;

use anyhow::Context;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::config::{Settings, Source};
use crate::ingest::Progress;
use crate::service;

pub(super) async fn run(source: &Source, stop: CancellationToken) -> anyhow::Result<ExitCode> {
    let settings = Settings::read(source)?;
    let listener = TcpListener::bind(settings.api.bind)
        .await
        .with_context(|| format!("the service can't listen on BIND {}", settings.api.bind))?;
    let base = format!("http://{}", listener.local_addr()?);
    super::say(&format!(
        "guildlake {}\n  API       {base}/v1/messages   (header x-api-key: your API_KEY)\n  \
         try it    {base}/docs\n  health    {base}/health",
        env!("CARGO_PKG_VERSION")
    ));
    let status = service::new_status();
    let progress = tokio::spawn(Progress::new(status.subscribe()).show());
    service::run(settings, listener, status, stop).await?;
    progress.abort();
    Ok(ExitCode::SUCCESS)
}
