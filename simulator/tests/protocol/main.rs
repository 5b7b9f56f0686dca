//! The rules of REST and gateway, each asked over a real socket, and every fault seen to happen.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod changes;
mod clock;
mod community;
mod control;
mod dispatched;
mod gateway;
mod gateway_faults;
mod hidden;
mod list_faults;
mod paging;
mod polls;
mod reactions;
mod rest;
mod rest_faults;
mod socket;
mod world;

use std::time::Duration;

use reqwest::header::HeaderMap;
use serde_json::Value;
use simulator::{ChannelInfo, Community, Config, Kind, Simulator};

/// The longest one wait may take before the test is given up.
const PATIENCE: Duration = Duration::from_secs(20);

/// A small Discord, and a client that holds its token.
struct Bench {
    simulator: Simulator,
    http: reqwest::Client,
}

/// An answer of REST, read to its end.
struct Reply {
    status: u16,
    headers: HeaderMap,
    body: String,
}

impl Reply {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    /// Status and Discord's code.
    fn code(&self) -> (u16, u64) {
        (self.status, self.json()["code"].as_u64().unwrap_or(0))
    }

    fn ids(&self) -> Vec<u64> {
        self.json()
            .as_array()
            .unwrap()
            .iter()
            .map(|item| id(&item["id"]))
            .collect()
    }
}

fn id(value: &Value) -> u64 {
    value.as_str().unwrap().parse().unwrap()
}

impl Bench {
    async fn new() -> Self {
        Self::with(Config::quick().with_community(Community::small(7))).await
    }

    async fn with(config: Config) -> Self {
        // The workspace's reqwest brings no TLS provider of its own.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        Self {
            simulator: Simulator::start(config).await.unwrap(),
            http,
        }
    }

    async fn ask(&self, path: &str, token: Option<&str>) -> reqwest::Result<Reply> {
        let mut request = self
            .http
            .get(format!("{}/api/v10{path}", self.simulator.api_url()))
            .timeout(PATIENCE);
        if let Some(token) = token {
            request = request.header("authorization", format!("Bot {token}"));
        }
        let response = request.send().await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Ok(Reply {
            status,
            headers,
            body: response.text().await?,
        })
    }

    async fn get(&self, path: &str) -> Reply {
        self.ask(path, Some(self.simulator.token())).await.unwrap()
    }

    fn channel(&self, name: &str) -> ChannelInfo {
        self.simulator
            .channels()
            .into_iter()
            .find(|channel| channel.name == name)
            .unwrap()
    }

    fn kind(&self, kind: Kind) -> ChannelInfo {
        self.simulator
            .channels()
            .into_iter()
            .find(|channel| channel.kind == kind)
            .unwrap()
    }

    fn guild(&self) -> u64 {
        self.simulator.guilds()[0].id
    }

    /// The ids of the messages that are there, newest first.
    fn alive(&self, channel: u64) -> Vec<u64> {
        let truth = self.simulator.truth_in(channel);
        truth
            .iter()
            .rev()
            .filter(|message| !message.deleted)
            .map(|message| message.id)
            .collect()
    }
}
