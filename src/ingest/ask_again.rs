//! Asks Discord for single messages of which the record knows something that it can't place by itself: a part of a
//! message that was never seen whole, or reactions that may be counted already by the page that came with them.

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

/// Messages that wait to be asked for at most. Those beyond stay as they are, and the next reading settles them.
const MOST_WAITING: usize = 10_000;

/// The messages to ask for.
pub struct AskAgain {
    rest: Rest,
    writer: WriterHandle,
    unsettled: mpsc::Receiver<Unsettled>,
    status: StatusSender,
    /// How long a message is left alone.
    quiet: Duration,
    waiting: HashMap<Unsettled, Instant>,
}

impl AskAgain {
    /// Of those that the writer finds, each left alone for `quiet`.
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

    /// Asks as messages become due, until `stop`.
    ///
    /// # Errors
    /// If the record can't be written.
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
                    if self.waiting.len() < MOST_WAITING && !self.waiting.contains_key(&message) {
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

    /// Asks for a message and hands the answer to the writer. What Discord does not show stays as it is: that a
    /// message is gone, an event says, or a whole reading.
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
                        // On disk before it counts as settled; it may be found unsettled again.
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
                debug!(%channel_id, %id, "a message was requested again, and Discord does not know it any more")
            }
            Err(
                error @ RestError::Unavailable { .. } | error @ RestError::TooManyInvalid { .. },
            ) => {
                warn!(%channel_id, %id, %error, "a message could not be requested; the request is repeated later");
                self.waiting.insert(message, Instant::now() + self.quiet);
            }
            Err(error) => {
                debug!(%channel_id, %id, %error, "a message was requested again, and Discord refused it")
            }
        }
        Ok(())
    }
}
