//! `/v1/keys`: makes, lists, rotates and revokes API keys, for a key with the scope `admin`.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use chrono::{DateTime, TimeDelta, Utc};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use crate::api::answer::private::{private_json, unkept_json};
use crate::api::http::accept::AcceptsJson;
use crate::api::http::audited::actor;
use crate::api::http::extract::{InPath, JsonBody, NoQuery, PathParameter, whole_number};
use crate::api::http::permit::Permit;
use crate::api::http::problem::{Code, FieldError, Problem, ProblemBody};
use crate::api::http::refusals::Refusals;
use crate::api::http::values::{Snowflake, Time, read_id, read_time, snowflake};
use crate::api::routes::blocking::blocking;
use crate::api::routes::state::Api;
use crate::audit::{Entry, KeyChange};
use crate::guild::Limits;
use crate::keys::{Key, KeyError, KeyFileError, NewKey, Scope, Token};

/// The default of `overlap_seconds`.
const DEFAULT_OVERLAP: TimeDelta = TimeDelta::days(1);

/// The maximum of `overlap_seconds`.
const MAX_OVERLAP: TimeDelta = TimeDelta::days(30);

/// The keys.
#[derive(Serialize, ToSchema)]
pub(crate) struct KeyList {
    /// The keys in the order in which they were made, without the one in the setting `API_KEY`.
    data: Vec<KeyJson>,
}

/// An API key, without its secret.
#[derive(Serialize, ToSchema)]
#[schema(as = Key)]
pub(crate) struct KeyJson {
    /// Id of the key. It is in the key itself, after `glk_`, and in the audit log.
    #[schema(example = "abcdefgh")]
    id: String,
    /// Name of the key, for people.
    #[schema(example = "dashboard")]
    name: String,
    /// What the key may do.
    scopes: BTreeSet<Scope>,
    /// Whether the key may see the names of authors.
    names: bool,
    /// The guilds to which the key is limited; empty for all.
    guilds: Vec<Snowflake>,
    /// The channels to which the key is limited: a channel stands for its threads too, a category for its channels and
    /// their threads; empty for all. With `guilds`, both limits hold.
    channels: Vec<Snowflake>,
    /// `active`, `expired` or `revoked`.
    #[schema(example = "active")]
    state: &'static str,
    /// When the key was made.
    created_at: Time,
    /// When the key ends; null if it does not.
    #[schema(required = true)]
    expires_at: Option<Time>,
    /// When the key was revoked; null if it was not.
    #[schema(required = true)]
    revoked_at: Option<Time>,
    /// When the secret that the last rotation replaced ends; null if there is none.
    #[schema(required = true)]
    replaced_secret_until: Option<Time>,
}

/// A key with its secret, which is shown this once.
#[derive(Serialize, ToSchema)]
pub(crate) struct KeyWithSecret {
    /// The text to send as the API key. It is stored nowhere: a lost one can only be replaced.
    #[schema(example = "glk_abcdefgh_0123456789")]
    api_key: String,
    key: KeyJson,
}

/// A key to make.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeyToMake {
    /// Name of the key, for people: 1 to 64 characters.
    #[schema(example = "dashboard", min_length = 1, max_length = 64)]
    name: String,
    /// What the key may do.
    #[schema(example = json!(["reports"]))]
    scopes: BTreeSet<Scope>,
    /// Whether the key may see the names of authors.
    #[serde(default = "yes")]
    #[schema(default = true)]
    names: bool,
    /// Ids of the guilds to which the key is limited; empty for all.
    #[serde(default)]
    #[schema(value_type = Vec<Snowflake>, example = json!(["1101234567890123457"]))]
    guilds: Vec<String>,
    /// Ids of the channels, categories and threads to which the key is limited; empty for all.
    #[serde(default)]
    #[schema(value_type = Vec<Snowflake>)]
    channels: Vec<String>,
    /// When the key ends; null if it does not.
    #[serde(default, deserialize_with = "time")]
    expires_at: Option<DateTime<Utc>>,
}

/// Reads a time as parameters do, since it is shown later: chrono's own reader takes years that no answer can have.
fn time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<DateTime<Utc>>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    text.map(|text| read_time(&text).map_err(D::Error::custom))
        .transpose()
}

fn yes() -> bool {
    true
}

/// How a key is rotated.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rotation {
    /// For how long the present secret stays valid, in seconds: at most 30 days. Default: one day.
    #[serde(default, deserialize_with = "whole_number")]
    #[schema(minimum = 0, maximum = 2_592_000, example = 86_400)]
    overlap_seconds: Option<i64>,
}

/// List the keys
///
/// Returns the keys without their secrets, revoked ones included. Needs the scope `admin`.
#[utoipa::path(
    get,
    path = "/v1/keys",
    tag = "access",
    operation_id = "listKeys",
    responses(
        (status = 200, description = "The keys.", body = KeyList, headers(
            ("cache-control" = String, description = "`private, no-cache`"),
            ("vary" = String, description = "The request headers that the response depends on."),
        )),
        Refusals,
    ),
)]
pub(crate) async fn list(
    State(api): State<Arc<Api>>,
    _: AcceptsJson,
    _: NoQuery,
) -> Result<Response, Problem> {
    let file = api.keyring.file().clone();
    let keys = blocking(move || Ok(file.keys()?)).await?;
    let now = Utc::now();
    let data = keys.iter().map(|key| key_json(key, now)).collect();
    Ok(private_json(KeyList { data }))
}

/// Make a key
///
/// Returns the key with its secret, which is shown only this once. The key is valid at once. Needs the scope `admin`.
#[utoipa::path(
    post,
    path = "/v1/keys",
    tag = "access",
    operation_id = "createKey",
    request_body = KeyToMake,
    responses(
        (status = 201, description = "The key.", body = KeyWithSecret),
        (status = 413, description = "The body is too large.", body = ProblemBody<'static>, content_type = "application/problem+json"),
        (status = 415, description = "The body is not JSON.", body = ProblemBody<'static>, content_type = "application/problem+json"),
        Refusals,
    ),
)]
pub(crate) async fn create(
    State(api): State<Arc<Api>>,
    permit: Permit,
    _: AcceptsJson,
    _: NoQuery,
    JsonBody(asked): JsonBody<KeyToMake>,
) -> Result<Response, Problem> {
    let new = asked.read()?;
    let (key, token) = new.make(Utc::now()).map_err(not_made)?;
    let made = key.clone();
    changed(
        &api,
        &permit,
        "created",
        move |keys| {
            keys.push(made);
            Ok(())
        },
        &key,
    )
    .await?;
    Ok(with_secret(StatusCode::CREATED, &key, &token))
}

/// Rotate a key
///
/// Returns the key with a new secret, which is shown only this once. The present secret stays valid for
/// `overlap_seconds`, so that callers can change over; one that an earlier rotation replaced ends. Needs the scope
/// `admin`.
#[utoipa::path(
    post,
    path = "/v1/keys/{key_id}/rotate",
    tag = "access",
    operation_id = "rotateKey",
    params(("key_id" = String, Path, description = "Id of the key.", example = "abcdefgh")),
    request_body = Rotation,
    responses(
        (status = 200, description = "The key.", body = KeyWithSecret),
        (status = 404, description = "No key that is valid has this id.", body = ProblemBody<'static>, content_type = "application/problem+json"),
        (status = 413, description = "The body is too large.", body = ProblemBody<'static>, content_type = "application/problem+json"),
        (status = 415, description = "The body is not JSON.", body = ProblemBody<'static>, content_type = "application/problem+json"),
        Refusals,
    ),
)]
pub(crate) async fn rotate(
    State(api): State<Arc<Api>>,
    permit: Permit,
    _: AcceptsJson,
    InPath(KeyId(id)): InPath<KeyId>,
    _: NoQuery,
    JsonBody(rotation): JsonBody<Rotation>,
) -> Result<Response, Problem> {
    let overlap = match rotation.overlap_seconds.map(TimeDelta::try_seconds) {
        None => DEFAULT_OVERLAP,
        Some(Some(overlap)) if overlap >= TimeDelta::zero() && overlap <= MAX_OVERLAP => overlap,
        Some(_) => {
            return Err(Problem::parameter(
                "overlap_seconds",
                "must be from 0 to 2592000 seconds",
            ));
        }
    };
    let file = api.keyring.file().clone();
    let (key, token) = blocking(move || {
        file.change(|keys| {
            let now = Utc::now();
            let mut keys = keys.iter_mut();
            let key =
                keys.find(|key| key.id == id && key.state(now) == crate::keys::KeyState::Active);
            let key = key.ok_or_else(not_found)?;
            let token = key.rotate(now, overlap).map_err(not_made)?;
            Ok::<_, Problem>((key.clone(), token))
        })
    })
    .await?;
    told(&api, &permit, "rotated", &key).await?;
    Ok(with_secret(StatusCode::OK, &key, &token))
}

/// Revoke a key
///
/// The key and its links end at once. It stays in the list. Needs the scope `admin`.
#[utoipa::path(
    delete,
    path = "/v1/keys/{key_id}",
    tag = "access",
    operation_id = "revokeKey",
    params(("key_id" = String, Path, description = "Id of the key.", example = "abcdefgh")),
    responses(
        (status = 200, description = "The revoked key.", body = KeyJson),
        (status = 404, description = "No key has this id.", body = ProblemBody<'static>, content_type = "application/problem+json"),
        Refusals,
    ),
)]
pub(crate) async fn revoke(
    State(api): State<Arc<Api>>,
    permit: Permit,
    _: AcceptsJson,
    InPath(KeyId(id)): InPath<KeyId>,
    _: NoQuery,
) -> Result<Response, Problem> {
    let file = api.keyring.file().clone();
    let key = blocking(move || {
        file.change(|keys| {
            let mut keys = keys.iter_mut();
            let key = keys.find(|key| key.id == id).ok_or_else(not_found)?;
            key.revoked_at.get_or_insert(Utc::now());
            Ok::<_, Problem>(key.clone())
        })
    })
    .await?;
    told(&api, &permit, "revoked", &key).await?;
    Ok(private_json(key_json(&key, Utc::now())))
}

/// The id of a key in a path.
pub(crate) struct KeyId(String);

impl PathParameter for KeyId {
    fn read(segments: Option<&str>) -> Result<Self, Problem> {
        Ok(Self(segments.ok_or_else(not_found)?.to_owned()))
    }
}

impl KeyToMake {
    pub(crate) fn read(self) -> Result<NewKey, Problem> {
        let mut errors = Vec::new();
        let limits = Limits {
            guilds: ids("guilds", &self.guilds, &mut errors),
            channels: ids("channels", &self.channels, &mut errors),
        };
        if !errors.is_empty() {
            return Err(Problem::parameters(errors));
        }
        Ok(NewKey {
            name: self.name,
            scopes: self.scopes,
            names: self.names,
            limits,
            expires_at: self.expires_at,
        })
    }
}

fn ids<T: TryFrom<i64> + std::str::FromStr + Ord>(
    field: &str,
    texts: &[String],
    errors: &mut Vec<FieldError>,
) -> BTreeSet<T> {
    let mut ids = BTreeSet::new();
    for (at, text) in texts.iter().enumerate() {
        match read_id(text) {
            Ok(id) => {
                ids.insert(id);
            }
            Err(reason) => errors.push(FieldError {
                field: format!("{field}[{at}]"),
                reason,
                at: None,
            }),
        }
    }
    ids
}

async fn changed(
    api: &Api,
    permit: &Permit,
    what: &str,
    change: impl FnOnce(&mut Vec<Key>) -> Result<(), Problem> + Send + 'static,
    key: &Key,
) -> Result<(), Problem> {
    let file = api.keyring.file().clone();
    blocking(move || file.change(change)).await?;
    told(api, permit, what, key).await
}

/// Lets the service know the changed file at once, and the audit log what was changed.
async fn told(api: &Api, permit: &Permit, what: &str, key: &Key) -> Result<(), Problem> {
    api.audit.record(Entry::of_key(
        Some(actor(permit)),
        KeyChange {
            what: what.to_owned(),
            key_id: key.id.clone(),
            key_name: key.name.clone(),
            detail: Some(key.summary()),
        },
    ));
    let keyring = api.keyring.clone();
    blocking(move || Ok(keyring.read()?)).await
}

fn with_secret(status: StatusCode, key: &Key, token: &Token) -> Response {
    let body = KeyWithSecret {
        api_key: token.expose().to_owned(),
        key: key_json(key, Utc::now()),
    };
    unkept_json(status, body)
}

fn key_json(key: &Key, now: DateTime<Utc>) -> KeyJson {
    let replaced = key.secrets.iter().filter_map(|secret| secret.expires_at);
    KeyJson {
        id: key.id.clone(),
        name: key.name.clone(),
        scopes: key.scopes.clone(),
        names: key.names,
        guilds: key.guilds.iter().map(|id| snowflake(id.as_i64())).collect(),
        channels: key
            .channels
            .iter()
            .map(|id| snowflake(id.as_i64()))
            .collect(),
        state: key.state(now).into(),
        created_at: Time(key.created_at),
        expires_at: key.expires_at.map(Time),
        revoked_at: key.revoked_at.map(Time),
        replaced_secret_until: replaced.filter(|end| *end > now).max().map(Time),
    }
}

fn not_found() -> Problem {
    Problem::new(
        Code::KeyNotFound,
        "No key that can be changed has this id. GET /v1/keys lists the keys.",
    )
}

fn not_made(error: KeyError) -> Problem {
    match error {
        KeyError::Invalid { field, reason } => Problem::parameter(field, reason),
        KeyError::Random(error) => Problem::internal(error.to_string()),
    }
}

impl From<KeyFileError> for Problem {
    fn from(error: KeyFileError) -> Self {
        Self::internal(error.to_string())
    }
}
