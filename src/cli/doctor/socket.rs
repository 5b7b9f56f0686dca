//! Checks that the gateway's WebSocket can be opened.

use super::Check;
use crate::discord::gateway::probe;
use crate::discord::rest::GatewayInfo;

const NAME: &str = "socket";

pub(super) async fn check(info: &GatewayInfo) -> Check {
    let host = info.url.host_str().unwrap_or_default().to_owned();
    let why = match probe(info).await {
        Ok(Ok(())) => {
            let answer = format!("the gateway {host} answers; the check started no session");
            return Check::ok(NAME, answer);
        }
        Ok(Err(cause)) => cause.to_string(),
        Err(error) => error.to_string(),
    };
    Check::failed(
        NAME,
        format!("the WebSocket to {host} can't be opened: {why}"),
        "allow WebSockets from this machine to that host (a firewall or proxy may only allow plain HTTPS); \
         without them no new messages are archived live",
    )
}
