//! Whether the socket can be opened, where REST can.

use super::Check;
use crate::discord::gateway::probe;
use crate::discord::rest::GatewayInfo;

const NAME: &str = "socket";

pub(super) async fn check(info: &GatewayInfo) -> Check {
    let host = info.url.host_str().unwrap_or_default().to_owned();
    let why = match probe(info).await {
        Ok(Ok(())) => {
            let answer = format!("{host} answers; no session was begun for this");
            return Check::ok(NAME, answer);
        }
        Ok(Err(cause)) => cause.to_string(),
        Err(error) => error.to_string(),
    };
    Check::failed(
        NAME,
        format!("the WebSocket to {host} can't be opened: {why}"),
        "let this machine open WebSockets to that host (a firewall or proxy may let only plain HTTPS through); \
         without it nothing is followed live",
    )
}
