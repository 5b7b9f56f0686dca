//! The client: its connections, its token, and the state that all requests share.

use std::fmt;
use std::sync::Arc;

use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use secrecy::{ExposeSecret, SecretString};
use tokio::time::Instant;
use url::Url;

use super::error;
use super::error::RestError;
use super::guard::InvalidRequests;
use super::limits::Pacing;
use super::refusals::Refusals;
use super::settings::RestSettings;
use super::stats::{RestStats, RestStatus};
use crate::clock::Clock;
use crate::discord::user_agent;

/// A client of Discord's REST API. Clones share pacing, counters and connections.
#[derive(Clone)]
pub struct Rest {
    pub(super) shared: Arc<Shared>,
}

pub(super) struct Shared {
    pub(super) http: reqwest::Client,
    /// Used to remove the token from error texts.
    pub(super) token: SecretString,
    /// `{base}/api/v10`, without a slash at the end.
    pub(super) root: Url,
    pub(super) settings: RestSettings,
    pub(super) pacing: Pacing,
    pub(super) invalid: InvalidRequests,
    pub(super) refusals: Refusals,
    pub(super) stats: RestStats,
}

impl fmt::Debug for Rest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The HTTP client contains the token, so it is left out.
        f.debug_struct("Rest")
            .field("root", &self.shared.root.as_str())
            .finish_non_exhaustive()
    }
}

impl Rest {
    /// Creates a client of the API at `api_url` (`https://discord.com`). It sends nothing by itself. It has to
    /// be created inside a tokio runtime, because the rate limiter is a task.
    ///
    /// The token is sent to the host of `api_url` and to no other: the client follows no redirect, and knows no
    /// other address.
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
        // Idempotent: a second call only fails, because the provider is already installed.
        let _ = rustls::crypto::ring::default_provider().install_default();

        let mut authorization = HeaderValue::from_str(&format!("Bot {}", token.expose_secret()))
            .map_err(|_| RestError::Setup("the bot token contains invalid characters".into()))?;
        authorization.set_sensitive(true);
        let mut client = reqwest::Client::builder()
            .user_agent(user_agent())
            .default_headers(HeaderMap::from_iter([(AUTHORIZATION, authorization)]))
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .connect_timeout(settings.connect_timeout)
            .timeout(settings.request_timeout);
        if api_url.scheme() == "http" {
            // A proxy would see the token in plain http; https is tunnelled.
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

    /// Discord's time according to the responses.
    #[must_use]
    pub fn clock(&self) -> Clock {
        self.shared.stats.clock.clone()
    }

    /// The requests since the start, and their results.
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
