//! Tests the gateway without a session, because a firewall or a proxy can allow REST and block WebSockets.

use std::time::Duration;

use tokio::time::timeout;
use twilight_model::gateway::OpCode;

use super::connection::Connection;
use super::end::Cause;
use super::socket::connector;
use super::{GatewayError, GatewayInfo};
use crate::discord::frame::Frame;

/// How long to wait for Discord's first frame.
const PATIENCE: Duration = Duration::from_secs(10);

/// Connects, waits for Discord's first frame (Hello), and closes the connection. No session is started, so the
/// probe does not count towards the daily limit.
///
/// # Errors
/// The outer error if the machine has no usable TLS certificates; the inner one tells why the first frame did
/// not arrive.
pub async fn probe(info: &GatewayInfo) -> Result<Result<(), Cause>, GatewayError> {
    let tls = connector(info)?;
    let first_word = async {
        let mut connection = Connection::open(info.url.as_str(), tls.as_ref()).await?;
        let text = connection.next().await?;
        let frame = serde_json::from_str::<Frame<'_>>(&text);
        let op = frame.ok().and_then(|frame| frame.op());
        connection.goodbye(false).await;
        match op {
            Some(OpCode::Hello) => Ok(()),
            _ => Err(Cause::Garbled("the first word is not Discord's".to_owned())),
        }
    };
    Ok(timeout(PATIENCE, first_word)
        .await
        .unwrap_or(Err(Cause::NoHello)))
}
