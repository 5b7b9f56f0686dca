//! The routes, from the description of the API, with values that they take.

use std::collections::BTreeMap;

use serde_json::Value;
use simulator::Simulator;
use testkit::http::Http;

/// A route with one of its methods.
pub(super) struct Route {
    pub(super) method: String,
    /// The path with its parameters in braces.
    pub(super) path: String,
    /// The names of its query parameters.
    pub(super) parameters: Vec<String>,
    /// Whether it takes a body.
    pub(super) takes_body: bool,
}

/// All of them.
pub(super) struct Routes {
    pub(super) all: Vec<Route>,
    /// Values that a parameter takes, by its name: of the description, and of what there is.
    pub(super) values: BTreeMap<String, Vec<String>>,
}

/// Paths that the description leaves out.
const UNDESCRIBED: [&str; 8] = [
    "/v1/messages.json",
    "/v1/search.json",
    "/v1/reports/channels.csv",
    "/v1/reports/{name}",
    "/dl/{token}/{file}",
    "/docs",
    "/docs/index.css",
    "/v1",
];

impl Routes {
    pub(super) async fn of(http: &Http, simulator: &Simulator) -> Self {
        let (status, description) = http.get("/openapi.json").await;
        assert_eq!(status, 200);
        let mut routes = Self {
            all: Vec::new(),
            values: BTreeMap::new(),
        };
        for (path, operations) in description["paths"].as_object().unwrap() {
            for (method, operation) in operations.as_object().unwrap() {
                routes.describe(path, method, operation);
            }
        }
        assert!(routes.all.len() > 20, "{} routes", routes.all.len());
        for path in UNDESCRIBED {
            routes.all.push(Route {
                method: "GET".to_owned(),
                path: path.to_owned(),
                parameters: vec!["guild_id".to_owned(), "q".to_owned()],
                takes_body: false,
            });
        }
        routes.know(http, simulator).await;
        routes
    }

    fn describe(&mut self, path: &str, method: &str, operation: &Value) {
        let mut parameters = Vec::new();
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            let name = parameter["name"].as_str().unwrap();
            if parameter["in"] == "query" {
                parameters.push(name.to_owned());
            }
            let schema = &parameter["schema"];
            let examples = [&parameter["example"], &schema["default"]].into_iter();
            let words = schema["enum"].as_array().into_iter().flatten().take(5);
            for value in examples.chain(words).filter(|value| !value.is_null()) {
                let value = value
                    .as_str()
                    .map_or_else(|| value.to_string(), str::to_owned);
                self.add(name, value);
            }
        }
        self.all.push(Route {
            method: method.to_uppercase(),
            path: path.to_owned(),
            parameters,
            takes_body: operation["requestBody"].is_object(),
        });
    }

    /// Adds what there is in the record, so that something is found.
    async fn know(&mut self, http: &Http, simulator: &Simulator) {
        for guild in simulator.guilds() {
            self.add("guild_id", guild.id.to_string());
            let (_, coverage) = http
                .get(&format!("/v1/coverage?guild_id={}&limit=5", guild.id))
                .await;
            for channel in coverage["data"].as_array().into_iter().flatten() {
                if let Some(id) = channel["channel_id"].as_str() {
                    self.add("channel_id", id.to_owned());
                }
            }
        }
        let (_, found) = http.get("/v1/search?limit=5").await;
        for message in found["data"].as_array().unwrap() {
            self.add(
                "message_id",
                message["message_id"].as_str().unwrap().to_owned(),
            );
        }
        self.add("cursor", found["next_cursor"].as_str().unwrap().to_owned());
        let (_, reports) = http.get("/v1/reports").await;
        for report in reports["data"].as_array().unwrap().iter().take(5) {
            self.add("name", report["name"].as_str().unwrap().to_owned());
        }
    }

    fn add(&mut self, name: &str, value: String) {
        let values = self.values.entry(name.to_owned()).or_default();
        if !values.contains(&value) {
            values.push(value);
        }
    }
}
