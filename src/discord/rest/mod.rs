//! Discord's REST API, read only: GET requests that return the bytes as they came. This room keeps
//! Discord's rules (rate limits, invalid requests) and rides out its bad hours, so that a caller
//! sees an answer, a refusal that means something, or [`RestError::Unavailable`] for "later".

mod answer;
mod calls;
mod error;
mod guard;
mod history;
mod limits;
mod model;
mod refusals;
mod route;
mod send;
mod stats;
mod threads;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use secrecy::{ExposeSecret, SecretString};
use tokio::time::Instant;
use url::Url;

use crate::clock::Clock;

pub use error::{Call, Fault, RestError};
pub use history::{Disorder, HistoryCursor, HistoryPage, PageItem};
pub use model::{
    Application, ChannelInfo, CurrentUser, GatewayInfo, GuildInfo, Listed, RoleId, RoleInfo,
    SessionStartLimit, ThreadMetadata,
};
pub use stats::RestStatus;
pub use threads::{ArchivedBefore, ArchivedKind, ThreadPage};

use guard::InvalidRequests;
use limits::Pacing;
use refusals::Refusals;
use stats::RestStats;

/// How patiently Discord is asked. The defaults are for Discord itself; tests are less patient.
#[derive(Debug, Clone)]
pub struct RestSettings {
    /// The time to make a connection.
    pub connect_timeout: Duration,
    /// The time of one request, to the last byte of its answer.
    pub request_timeout: Duration,
    /// Requests per second over all routes. Discord allows 50; some room is left for requests
    /// that the network pushes together.
    pub requests_per_second: u16,
    /// How often a request is sent at most when the answers are faulty (5xx, cut, no answer).
    pub attempts: usize,
    /// The first pause after a faulty answer; the next ones double.
    pub backoff_min: Duration,
    /// The longest pause after a faulty answer.
    pub backoff_max: Duration,
    /// No further attempt once faults have lasted this long, however few they were.
    pub give_up_after: Duration,
    /// The least pause after a 429, whatever it says; doubles with each 429 in a row.
    pub limit_min_wait: Duration,
    /// The first pause after a 429 that names none; doubles with each 429 in a row.
    pub limit_default_wait: Duration,
    /// The longest pause after a 429, whatever it says.
    pub limit_max_wait: Duration,
    /// How many invalid requests (401, 403, 429 of our own making) there may be in
    /// `invalid_window` before requests stop. Discord bans the address at 10,000 in 10 minutes.
    pub invalid_limit: usize,
    /// The window in which they are counted.
    pub invalid_window: Duration,
}

impl Default for RestSettings {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(10),
            request_timeout: Duration::from_secs(30),
            requests_per_second: 45,
            attempts: 6,
            backoff_min: Duration::from_millis(500),
            backoff_max: Duration::from_secs(30),
            give_up_after: Duration::from_secs(180),
            limit_min_wait: Duration::from_millis(100),
            limit_default_wait: Duration::from_secs(2),
            limit_max_wait: Duration::from_secs(900),
            invalid_limit: 2_000,
            invalid_window: Duration::from_secs(600),
        }
    }
}

/// A client of Discord's REST API. Clones share pacing, counters and connections.
#[derive(Clone)]
pub struct Rest {
    shared: Arc<Shared>,
}

struct Shared {
    http: reqwest::Client,
    /// So that it can be taken out of what is said.
    token: SecretString,
    /// `{base}/api/v10`, without a slash at the end.
    root: Url,
    settings: RestSettings,
    pacing: Pacing,
    invalid: InvalidRequests,
    refusals: Refusals,
    stats: RestStats,
}

impl fmt::Debug for Rest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The HTTP client holds the token.
        f.debug_struct("Rest")
            .field("root", &self.shared.root.as_str())
            .finish_non_exhaustive()
    }
}

impl Rest {
    /// A client of the API at `api_url` (`https://discord.com`). It sends nothing by itself. To be
    /// called inside a tokio runtime: the rate limiter is a task.
    ///
    /// The token is sent to the host of `api_url` and to no other: no redirect is followed, and no
    /// other address is known here.
    ///
    /// # Errors
    /// [`RestError::Setup`] if the address is not plain http(s), the token can't be a header, or
    /// the machine has no usable TLS certificates.
    pub fn new(
        api_url: &Url,
        token: &SecretString,
        settings: RestSettings,
    ) -> Result<Self, RestError> {
        let root = root_of(api_url)?;
        // Idempotent: the second call says that the first one was here.
        let _ = rustls::crypto::ring::default_provider().install_default();

        let mut authorization = HeaderValue::from_str(&format!("Bot {}", token.expose_secret()))
            .map_err(|_| RestError::Setup("the bot token contains invalid characters".into()))?;
        authorization.set_sensitive(true);
        let mut client = reqwest::Client::builder()
            .user_agent(super::user_agent())
            .default_headers(HeaderMap::from_iter([(AUTHORIZATION, authorization)]))
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .connect_timeout(settings.connect_timeout)
            .timeout(settings.request_timeout);
        if api_url.scheme() == "http" {
            // Through a proxy, plain http would show it the token; https is tunnelled.
            client = client.no_proxy();
        }
        let http = client
            .build()
            .map_err(|error| RestError::Setup(error::chain(&error)))?;
        Ok(Self {
            shared: Arc::new(Shared {
                http,
                token: token.clone(),
                root,
                pacing: Pacing::new(settings.requests_per_second),
                invalid: InvalidRequests::new(settings.invalid_limit, settings.invalid_window),
                refusals: Refusals::default(),
                stats: RestStats::default(),
                settings,
            }),
        })
    }

    /// The time as the answers tell it.
    #[must_use]
    pub fn clock(&self) -> Clock {
        self.shared.stats.clock.clone()
    }

    /// What was sent and how it went, since the start.
    #[must_use]
    pub fn status(&self) -> RestStatus {
        self.shared.stats.snapshot(
            self.shared.invalid.count(Instant::now()),
            self.shared.pacing.paused_for(),
        )
    }
}

fn root_of(api_url: &Url) -> Result<Url, RestError> {
    let setup = |reason: &str| Err(RestError::Setup(reason.to_owned()));
    if !matches!(api_url.scheme(), "http" | "https") || !api_url.has_host() {
        return setup("the API URL must begin with https:// or http:// and a host");
    }
    if !api_url.username().is_empty() || api_url.password().is_some() {
        return setup("the API URL must not contain a user name or password");
    }
    if api_url.query().is_some() || api_url.fragment().is_some() {
        return setup("the API URL must not contain a query or fragment");
    }
    let path = format!("{}/api/v10", api_url.path().trim_end_matches('/'));
    let mut root = api_url.clone();
    root.set_path(&path);
    Ok(root)
}
