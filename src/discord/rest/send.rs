//! Sends one request until it has a response: it waits for rate limits, repeats the request after a failure or
//! a 429, and gives up if Discord refuses it or if failures continue for too long.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use bytes::{Bytes, BytesMut};
use chrono::{DateTime, Utc};
use secrecy::ExposeSecret;
use tokio::time::{Instant, sleep};
use tracing::warn;
use twilight_http_ratelimiting::Permit;

use super::answer::{Limited, Reply, Verdict};
use super::client::{Rest, Shared};
use super::error::{Call, Fault, RestError};
use super::limits::{bucket_of, wait_after};
use super::route::Route;

/// The maximum size of a response body, far above that of a hundred messages.
const MAX_BODY: usize = 64 << 20;

/// The maximum length of the message that is kept of a refusal, in characters.
const MAX_MESSAGE: usize = 200;

impl Rest {
    /// The response to a GET, parsed by `read`, with the time just before it was requested. A body that `read`
    /// can't parse counts as a failure like a 502.
    pub(super) async fn get<T>(
        &self,
        route: Route,
        read: impl Fn(&[u8], DateTime<Utc>) -> Result<T, serde_json::Error>,
    ) -> Result<T, RestError> {
        let shared = &*self.shared;
        let mut backoff = shared.backoff();
        let mut faulty_since = None;
        let mut attempts = 0;
        let mut limits_in_row = 0;
        loop {
            let asked = Instant::now();
            let permit = shared.permit(&route).await?;
            attempts += 1;
            // The response shows the state after this time, however long the request waited.
            let asked_at = shared.stats.clock.stamp();
            let reply = match shared.exchange(&route).await {
                Ok(reply) => reply,
                Err(fault) => {
                    permit.complete(None);
                    shared.note_fault(&route, &fault);
                    let since = *faulty_since.get_or_insert(asked);
                    shared
                        .pause_after_fault(&route, backoff.next(), since, attempts, fault, None)
                        .await?;
                    continue;
                }
            };
            if reply.is_invalid() && shared.invalid.note(Instant::now()) {
                warn!(
                    "Discord refused too many requests (401, 403, 429): the service pauses its requests to Discord"
                );
            }
            let bucket = bucket_of(&reply.headers, &shared.settings);
            let (fault, not_before) = match reply.verdict(|message| shared.call(&route, message)) {
                Verdict::Good => {
                    permit.complete(bucket);
                    match read(&reply.body, asked_at) {
                        Ok(answer) => return Ok(answer),
                        Err(error) => (Fault::json(&error), None),
                    }
                }
                Verdict::Refused(error) => {
                    permit.complete(bucket);
                    shared.stats.refused.one();
                    return Err(error);
                }
                Verdict::Limited(limited) => {
                    limits_in_row += 1;
                    faulty_since = None;
                    // The permit is kept during the pause, so that no other request of the bucket runs into the
                    // limit.
                    shared.sit_out(&route, limited, limits_in_row).await;
                    permit.complete(bucket);
                    continue;
                }
                Verdict::Faulty(fault, not_before) => {
                    permit.complete(bucket);
                    (fault, not_before)
                }
            };
            limits_in_row = 0;
            shared.note_fault(&route, &fault);
            let since = *faulty_since.get_or_insert(asked);
            shared
                .pause_after_fault(&route, backoff.next(), since, attempts, fault, not_before)
                .await?;
        }
    }
}

impl Shared {
    fn backoff(&self) -> impl Iterator<Item = Duration> + Send + use<> {
        ExponentialBuilder::default()
            .with_min_delay(self.settings.backoff_min)
            .with_max_delay(self.settings.backoff_max)
            .with_max_times(self.settings.attempts.saturating_sub(1))
            .with_jitter()
            .build()
    }

    /// Waits until the request may be sent.
    async fn permit(&self, route: &Route) -> Result<Permit, RestError> {
        self.check_invalid(route)?;
        let asked = Instant::now();
        let permit = self.pacing.permit(route).await;
        self.stats.waited(asked.elapsed());
        // Other requests may have been refused while this one waited.
        if let Err(error) = self.check_invalid(route) {
            permit.complete(None);
            return Err(error);
        }
        Ok(permit)
    }

    fn check_invalid(&self, route: &Route) -> Result<(), RestError> {
        self.invalid
            .check(Instant::now())
            .map_err(|retry_in| RestError::TooManyInvalid {
                retry_in,
                call: self.call(route, None),
            })
    }

    /// The request, with the message of Discord's response. The message is untrusted: it is shortened, kept in
    /// one line, and can't contain the token.
    fn call(&self, route: &Route, message: Option<&str>) -> Box<Call> {
        let message = message.map(|message| {
            let message = message.replace(self.token.expose_secret(), "[the token]");
            let is_plain = |c: char| if c.is_control() { ' ' } else { c };
            message.chars().map(is_plain).take(MAX_MESSAGE).collect()
        });
        Box::new(Call {
            method: "GET",
            url: route.url(&self.root),
            message,
        })
    }

    /// Sends the request once and reads the whole response.
    async fn exchange(&self, route: &Route) -> Result<Reply, Fault> {
        self.stats.requests.one();
        let mut response = self.http.get(route.url(&self.root)).send().await?;
        if let Some(date) = super::stats::date(response.headers()) {
            self.stats.clock.saw(date);
        }
        let mut body = BytesMut::new();
        while let Some(part) = response.chunk().await? {
            if body.len() + part.len() > MAX_BODY {
                return Err(Fault::Body("the response body is too long".into()));
            }
            body.extend_from_slice(&part);
        }
        Ok(Reply {
            status: response.status(),
            headers: std::mem::take(response.headers_mut()),
            body: Bytes::from(body),
        })
    }

    /// Waits as a 429 demands: only the bucket, or all requests.
    async fn sit_out(&self, route: &Route, limited: Limited, in_row: u32) {
        self.stats.rate_limited.one();
        let wait = wait_after(&limited, in_row, &self.settings);
        if let Some(left_out) = self.stats.limit_lines.pass(Instant::now()) {
            warn!(
                url = %route.url(&self.root),
                limits = %limited.scope,
                wait_ms = wait.as_millis(),
                left_out,
                "Discord's rate limit was reached (429): the request is repeated after the pause"
            );
        }
        if limited.scope.is_everywhere() {
            self.pacing.pause(wait);
        }
        sleep(wait).await;
        self.stats.waited(wait);
        self.stats.retries.one();
    }

    fn note_fault(&self, route: &Route, fault: &Fault) {
        self.stats.faults.one();
        if let Some(left_out) = self.stats.fault_lines.pass(Instant::now()) {
            let url = route.url(&self.root);
            warn!(%url, %fault, left_out, "a request to Discord's API failed or got an invalid response");
        }
    }

    /// Waits before the next attempt, or tells that there is none.
    async fn pause_after_fault(
        &self,
        route: &Route,
        delay: Option<Duration>,
        since: Instant,
        attempts: usize,
        last: Fault,
        not_before: Option<Duration>,
    ) -> Result<(), RestError> {
        let delay = delay.map(|delay| delay.max(not_before.unwrap_or_default()));
        match delay {
            Some(delay) if delay.saturating_add(since.elapsed()) < self.settings.give_up_after => {
                sleep(delay).await;
                self.stats.waited(delay);
                self.stats.retries.one();
                Ok(())
            }
            _ => Err(RestError::Unavailable {
                attempts,
                last,
                call: self.call(route, None),
            }),
        }
    }
}
