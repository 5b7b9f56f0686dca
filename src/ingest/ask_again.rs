//! Requests single messages from Discord that the database can't complete by itself: messages of which only a
//! part was received, and messages whose reactions may already be included in the history page that contained
//! them.

use std::collections::HashMap;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use super::writer::{WriterClosed, WriterHandle};
use crate::discord::rest::{Rest, RestError};
use crate::message::{Message, Observed, Source};
use crate::status::StatusSender;
use crate::store::{Batch, Unsettled};

/// The maximum number of queued messages. Further messages stay as they are until the history is read again.
const MAX_WAITING: usize = 10_000;

/// The queue of messages to request.
pub struct AskAgain {
    rest: Rest,
    writer: WriterHandle,
    unsettled: mpsc::Receiver<Unsettled>,
    status: StatusSender,
    /// The delay before a message is requested.
    quiet: Duration,
    waiting: HashMap<Unsettled, Instant>,
}

impl AskAgain {
    /// Requests the messages that the writer reports, each after the delay `quiet`.
    #[must_use]
    pub fn new(
        rest: Rest,
        writer: WriterHandle,
        unsettled: mpsc::Receiver<Unsettled>,
        status: StatusSender,
        quiet: Duration,
    ) -> Self {
        Self {
            rest,
            writer,
            unsettled,
            status,
            quiet,
            waiting: HashMap::new(),
        }
    }

    /// Requests messages as they become due, until `stop`.
    ///
    /// # Errors
    /// If the database can't be written.
    pub async fn run(mut self, stop: CancellationToken) -> Result<(), WriterClosed> {
        loop {
            let due = self.waiting.iter().min_by_key(|(_, due)| **due);
            let due = due.map(|(message, due)| (*message, *due));
            let wait = async {
                match due {
                    Some((message, due)) => {
                        sleep_until(due).await;
                        message
                    }
                    None => std::future::pending().await,
                }
            };
            let message = tokio::select! {
                () = stop.cancelled() => return Ok(()),
                message = wait => message,
                Some(message) = self.unsettled.recv() => {
                    if self.waiting.len() < MAX_WAITING && !self.waiting.contains_key(&message) {
                        self.waiting.insert(message, Instant::now() + self.quiet);
                    } else {
                        self.one_less();
                    }
                    continue;
                }
            };
            self.waiting.remove(&message);
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                asked = self.ask(message) => asked?,
            }
            if !self.waiting.contains_key(&message) {
                self.one_less();
            }
        }
    }

    fn one_less(&self) {
        self.status.send_modify(|status| status.unsettled -= 1);
    }

    /// Requests a message and passes the response to the writer. A message that Discord does not return stays
    /// as it is: only an event or a complete reading of the history proves that it was deleted.
    async fn ask(&mut self, message: Unsettled) -> Result<(), WriterClosed> {
        let Unsettled {
            guild_id,
            channel_id,
            id,
        } = message;
        match self.rest.message(channel_id, id).await {
            Ok(Some((raw, asked_at))) => {
                match Message::read(guild_id, Source::Rest, Observed::asked(asked_at), &raw) {
                    Ok(read) if read.channel_id == channel_id => {
                        let batch = Batch {
                            messages: vec![read],
                            ..Batch::default()
                        };
                        // The message must be on disk before it counts as settled; the commit may report it as
                        // unsettled again.
                        self.writer.commit(batch).await?;
                    }
                    Ok(_) => {
                        debug!(%channel_id, %id, "a message was requested again, and Discord returned it in another channel; the response is ignored");
                    }
                    Err(error) => {
                        debug!(%channel_id, %id, %error, "a message was requested again, and the response can't be parsed");
                    }
                }
            }
            Ok(None) => {
                debug!(%channel_id, %id, "a message was requested again, and Discord does not know it any more");
            }
            Err(
                error @ RestError::Unavailable { .. } | error @ RestError::TooManyInvalid { .. },
            ) => {
                warn!(%channel_id, %id, %error, "a message could not be requested; the request is repeated later");
                self.waiting.insert(message, Instant::now() + self.quiet);
            }
            Err(error) => {
                debug!(%channel_id, %id, %error, "a message was requested again, and Discord refused it");
            }
        }
        Ok(())
    }
}
