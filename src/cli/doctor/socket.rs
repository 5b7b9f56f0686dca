//! Whether the socket can be opened: a firewall or a proxy can let REST through and not this. Discord's
//! first word is waited for, and no session is begun, so that the doctor costs none of the day's.

use std::time::Duration;

use futures_util::StreamExt;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use tokio::sync::oneshot;
use twilight_gateway::queue::Queue;
use twilight_gateway::{CloseFrame, ConfigBuilder, Message, Shard, ShardId};

use super::Check;
use crate::discord::gateway::INTENTS;
use crate::discord::rest::GatewayInfo;

const NAME: &str = "socket";

/// How long Discord's first word is waited for.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long the goodbye may take.
const GOODBYE: Duration = Duration::from_secs(2);

/// The op code of Discord's first word.
/// Source: <https://discord.com/developers/docs/topics/opcodes-and-status-codes>
const HELLO: u8 = 10;

/// Lets no session begin.
#[derive(Debug, Default)]
struct NoSession(std::sync::Mutex<Vec<oneshot::Sender<()>>>);

impl Queue for NoSession {
    fn enqueue(&self, _shard: u32) -> oneshot::Receiver<()> {
        let (turn, waiting) = oneshot::channel();
        // Kept, because a turn that is lost is asked for again.
        self.0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .push(turn);
        waiting
    }
}

#[derive(Deserialize)]
struct Frame {
    op: u8,
}

pub(super) async fn check(token: &SecretString, info: &GatewayInfo) -> Check {
    let host = info.url.host_str().unwrap_or_default().to_owned();
    let config = ConfigBuilder::new(token.expose_secret().to_owned(), INTENTS)
        .proxy_url(info.url.as_str().trim_end_matches('/').to_owned())
        .queue(NoSession::default())
        .build();
    let mut shard = Shard::with_config(ShardId::ONE, config);
    let why = match tokio::time::timeout(PATIENCE, first_word(&mut shard)).await {
        Ok(Ok(())) => {
            shard.close(CloseFrame::NORMAL);
            let goodbye = async { while let Some(Ok(Message::Text(_))) = shard.next().await {} };
            // Discord need not answer it.
            let _ = tokio::time::timeout(GOODBYE, goodbye).await;
            return Check::ok(
                NAME,
                format!("{host} answers; no session was begun for this"),
            );
        }
        Ok(Err(why)) => why,
        Err(_) => format!("there is no word of Discord in {} s", PATIENCE.as_secs()),
    };
    Check::failed(
        NAME,
        format!("the WebSocket to {host} can't be opened: {why}"),
        "let this machine open WebSockets to that host (a firewall or proxy may let only plain HTTPS through); \
         without it nothing is followed live",
    )
}

/// Waits for Discord's first word.
async fn first_word(shard: &mut Shard<NoSession>) -> Result<(), String> {
    match shard.next().await {
        Some(Ok(Message::Text(text))) => match serde_json::from_str::<Frame>(&text) {
            Ok(Frame { op: HELLO }) => Ok(()),
            _ => Err("the first word is not Discord's".to_owned()),
        },
        Some(Ok(Message::Close(frame))) => Err(match frame {
            Some(frame) => format!("it was closed at once ({})", frame.code),
            None => "it was closed at once".to_owned(),
        }),
        Some(Err(error)) => Err(chain(&error)),
        None => Err("it was closed for good".to_owned()),
    }
}

/// An error with its causes in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    let words: Vec<String> = causes.map(ToString::to_string).collect();
    words.join(": ")
}
