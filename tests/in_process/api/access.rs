//! What each key opens, and what it never learns: scopes, limits to guilds and channels, hidden columns, links.

use std::collections::BTreeSet;

use axum::http::Method;
use chrono::{TimeDelta, Utc};
use guildlake::guild::{Access, AccessMark, Channel, Covered, Limits, SessionMark};
use guildlake::keys::{NewKey, Scope};
use guildlake::message::{ChannelId, GuildId, IdRange, Message, Source, snowflake_at};
use guildlake::store::Batch;
use serde_json::{Value, json};

use testkit::lake::{Answer, CHANNEL, GUILD, KEY, Lake, minute};
use testkit::payload::{self, observed};

const CATEGORY: i64 = CHANNEL + 1;
const INSIDE: i64 = CHANNEL + 2;
const THREAD: i64 = CHANNEL + 3;
const HIDDEN: i64 = CHANNEL + 4;
const OTHER_GUILD: i64 = GUILD + 1;
const ELSEWHERE: i64 = CHANNEL + 5;
/// A guild and a channel that do not exist.
const NO_GUILD: i64 = GUILD + 2;
const NO_CHANNEL: i64 = CHANNEL + 6;

const FORMATS: [&str; 4] = ["ndjson", "csv", "arrow", "parquet"];

fn channel(id: i64, guild: i64, parent: Option<i64>, channel_type: u8, name: &str) -> Channel {
    Channel {
        id: ChannelId::try_from(id).unwrap(),
        guild_id: GuildId::try_from(guild).unwrap(),
        parent_id: parent.map(|id| ChannelId::try_from(id).unwrap()),
        channel_type,
        name: name.to_owned(),
    }
}

/// Two guilds: one with a category, a channel and a thread in it, and a channel beside it; each with messages.
async fn community() -> Lake {
    let mut lake = Lake::new();
    let message = |guild: i64, channel: i64, n: i64, text: &str| {
        let payload = payload::message(minute(n), channel, 1_000 + n, text).to_string();
        let guild = GuildId::try_from(guild).unwrap();
        Message::read(guild, Source::Rest, observed(), &payload).unwrap()
    };
    lake.commit(&Batch {
        channels: vec![
            channel(CATEGORY, GUILD, None, 4, "category"),
            channel(INSIDE, GUILD, Some(CATEGORY), 0, "inside"),
            channel(THREAD, GUILD, Some(INSIDE), 11, "thread"),
            channel(HIDDEN, GUILD, None, 0, "hidden"),
            channel(ELSEWHERE, OTHER_GUILD, None, 0, "elsewhere"),
        ],
        messages: vec![
            message(GUILD, INSIDE, 1, "apple inside"),
            message(GUILD, INSIDE, 2, "pear inside"),
            message(GUILD, THREAD, 3, "apple in the thread"),
            message(GUILD, HIDDEN, 4, "apple hidden secretword"),
            message(GUILD, HIDDEN, 5, "plum hidden"),
            message(OTHER_GUILD, ELSEWHERE, 6, "apple elsewhere otherword"),
        ],
        ..Batch::default()
    });
    lake.index().await;
    lake.snapshot().await;
    lake
}

fn key_with(scopes: &[Scope], guilds: &[i64], channels: &[i64]) -> NewKey {
    NewKey {
        name: "test".to_owned(),
        scopes: scopes.iter().copied().collect(),
        names: true,
        limits: Limits {
            guilds: guilds.iter().map(|id| (*id).try_into().unwrap()).collect(),
            channels: channels
                .iter()
                .map(|id| (*id).try_into().unwrap())
                .collect(),
        },
        expires_at: None,
    }
}

const EVERY_READING_SCOPE: &[Scope] = &[
    Scope::Messages,
    Scope::Content,
    Scope::Search,
    Scope::Export,
    Scope::Reports,
];

async fn get(lake: &Lake, key: &str, path: &str) -> Answer {
    lake.ask(Method::GET, path, &[("x-api-key", key)]).await
}

/// Every route under `/v1`, with the scopes that it needs; written down here again, so that a change of the table in
/// the source needs one here.
fn routes() -> Vec<(Method, String, &'static [Scope])> {
    use Scope::{Admin, Content, Export, Messages, Reports, Search};
    let place = format!("guild_id={GUILD}&channel_id={INSIDE}");
    let mut routes = vec![
        (
            Method::GET,
            format!("/v1/messages?{place}"),
            &[Messages][..],
        ),
        (
            Method::GET,
            format!("/v1/messages.json?{place}"),
            &[Messages],
        ),
        (
            Method::GET,
            format!("/v1/messages/{}?include_raw=false", minute(1)),
            &[Messages],
        ),
        (
            Method::GET,
            format!("/v1/messages/{}/versions", minute(1)),
            &[Messages, Content],
        ),
        (Method::GET, "/v1/changes?since=0".to_owned(), &[Messages]),
        (Method::GET, format!("/v1/coverage?guild_id={GUILD}"), &[]),
        (Method::GET, "/v1/search?q=has:link".to_owned(), &[Search]),
        (
            Method::GET,
            "/v1/search.json?q=has:link".to_owned(),
            &[Search],
        ),
        (
            Method::GET,
            "/v1/search/suggest?filter=in&text=in".to_owned(),
            &[Search],
        ),
        (Method::GET, "/v1/reports".to_owned(), &[Reports]),
        (
            Method::GET,
            format!("/v1/reports/activity?guild_id={GUILD}"),
            &[Reports],
        ),
        (
            Method::GET,
            format!("/v1/reports/activity.csv?guild_id={GUILD}"),
            &[Reports],
        ),
        (Method::GET, "/v1/snapshots".to_owned(), &[Export, Content]),
        (Method::POST, "/v1/snapshots".to_owned(), &[Export, Content]),
        (
            Method::GET,
            "/v1/snapshots/latest/manifest.json".to_owned(),
            &[Export, Content],
        ),
        (
            Method::GET,
            format!("/v1/snapshots/latest/messages/guild_id={GUILD}/month=2025-01.parquet"),
            &[Export, Content],
        ),
        (
            Method::GET,
            "/v1/snapshots/files/manifests/none.json".to_owned(),
            &[Export, Content],
        ),
        (
            Method::GET,
            "/v1/snapshots/files/messages/a/b/none.parquet".to_owned(),
            &[Export, Content],
        ),
        (Method::GET, "/v1/keys".to_owned(), &[Admin]),
        (Method::POST, "/v1/keys".to_owned(), &[Admin]),
        (
            Method::POST,
            "/v1/keys/abcdefgh/rotate".to_owned(),
            &[Admin],
        ),
        (Method::DELETE, "/v1/keys/abcdefgh".to_owned(), &[Admin]),
        (Method::GET, "/v1/audit".to_owned(), &[Admin]),
        (Method::POST, "/v1/links".to_owned(), &[]),
    ];
    for format in FORMATS {
        routes.push((
            Method::GET,
            format!("/v1/messages.{format}?guild_id={GUILD}"),
            &[Export],
        ));
        routes.push((
            Method::GET,
            format!("/v1/search.{format}?q=has:link"),
            &[Search, Export],
        ));
    }
    routes
}

#[tokio::test]
async fn a_route_opens_with_its_scopes_and_with_no_fewer() {
    let lake = community().await;
    let all: BTreeSet<Scope> = EVERY_READING_SCOPE
        .iter()
        .copied()
        .chain([Scope::Admin])
        .collect();
    let (whole, _) = lake.key(key_with(&all.iter().copied().collect::<Vec<_>>(), &[], &[]));
    for (method, path, needs) in routes() {
        let with = |key: String| {
            let (lake, method, path) = (&lake, method.clone(), path.clone());
            async move { lake.ask(method, &path, &[("x-api-key", &key)]).await }
        };
        let answer = with(whole.clone()).await;
        assert!(![401, 403].contains(&answer.status.as_u16()), "{path}");
        // Each scope that it needs is needed. A key of content alone can't be made.
        for lacking in needs {
            let mut scopes = all.clone();
            scopes.remove(lacking);
            let scopes: Vec<_> = scopes.into_iter().collect();
            let (key, _) = lake.key(key_with(&scopes, &[], &[]));
            let answer = with(key).await;
            let problem = answer.problem();
            assert_eq!(answer.status, 403, "{method} {path} without {lacking:?}");
            let told = [json!("scope_missing"), json!("key_limited")];
            assert!(told.contains(&problem["code"]), "{problem}");
        }
        // And they are enough; a route without a scope opens for any key.
        let mut enough: Vec<Scope> = needs.to_vec();
        if enough.is_empty() {
            enough.push(Scope::Reports);
        }
        let (key, _) = lake.key(key_with(&enough, &[], &[]));
        let answer = with(key).await;
        assert!(
            ![401, 403].contains(&answer.status.as_u16()),
            "{path}: {}",
            answer.status
        );
    }
}

#[tokio::test]
async fn the_table_above_has_every_route_of_the_description() {
    let document: Value = serde_json::from_str(
        &guildlake::api::openapi_json(&guildlake::report::Library::default()).unwrap(),
    )
    .unwrap();
    let known: Vec<(Method, Vec<String>)> = routes()
        .into_iter()
        .map(|(method, path, _)| {
            let path = path.split('?').next().unwrap();
            (method, path.split('/').map(str::to_owned).collect())
        })
        .collect();
    for (path, item) in document["paths"].as_object().unwrap() {
        if !path.starts_with("/v1") || path.starts_with("/v1/reports/") {
            continue;
        }
        for method in item.as_object().unwrap().keys() {
            let parts: Vec<_> = path.split('/').collect();
            let matches = |known: &(Method, Vec<String>)| {
                let is_alike =
                    |(part, known): (&&str, &String)| part.starts_with('{') || part == known;
                known.0.as_str().eq_ignore_ascii_case(method)
                    && known.1.len() == parts.len()
                    && parts.iter().zip(&known.1).all(is_alike)
            };
            assert!(known.iter().any(matches), "{method} {path}");
        }
    }
}

#[tokio::test]
async fn a_format_that_accept_selects_needs_the_scope_of_downloads() {
    let lake = community().await;
    let (key, _) = lake.key(key_with(&[Scope::Messages, Scope::Search], &[], &[]));
    for path in [
        format!("/v1/messages?guild_id={GUILD}"),
        "/v1/search?q=has:link".to_owned(),
    ] {
        let headers = [("x-api-key", key.as_str()), ("accept", "text/csv")];
        let answer = lake.ask(Method::GET, &path, &headers).await;
        answer.is_problem(403, "scope_missing");
    }
}

/// The answer without what differs from request to request, and with ids of things that are hidden or do not exist
/// replaced by a name.
fn comparable(answer: &Answer, ids: &[i64]) -> (u16, Vec<(String, String)>, String) {
    let mut body = String::from_utf8_lossy(&answer.body).into_owned();
    let mut headers: Vec<_> = answer
        .headers
        .iter()
        .filter(|(name, _)| *name != "x-request-id")
        .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
        .collect();
    if let Some(id) = answer.header("x-request-id") {
        body = body.replace(id, "REQUEST");
    }
    for id in ids {
        body = body.replace(&id.to_string(), "ID");
        for (_, value) in &mut headers {
            *value = value.replace(&id.to_string(), "ID");
        }
    }
    headers.sort();
    (answer.status.as_u16(), headers, body)
}

#[tokio::test]
async fn what_is_out_of_reach_answers_like_what_does_not_exist() {
    let lake = community().await;
    let (by_channel, _) = lake.key(key_with(EVERY_READING_SCOPE, &[], &[CATEGORY]));
    let (by_guild, _) = lake.key(key_with(EVERY_READING_SCOPE, &[OTHER_GUILD], &[]));
    let (by_both, _) = lake.key(key_with(EVERY_READING_SCOPE, &[GUILD], &[CATEGORY]));
    let no_message = minute(99);
    // Of each key: guilds, channels and messages that it may not see.
    for (key, guild, channel, message) in [
        (&by_channel, OTHER_GUILD, HIDDEN, minute(4)),
        (&by_channel, OTHER_GUILD, ELSEWHERE, minute(6)),
        (&by_guild, GUILD, INSIDE, minute(1)),
        (&by_both, OTHER_GUILD, HIDDEN, minute(5)),
    ] {
        let mut pairs: Vec<(String, i64, i64)> = Vec::new();
        let mut add = |path: &str, hidden: i64, missing: i64| {
            pairs.push((path.to_owned(), hidden, missing));
        };
        add("/v1/messages/{}", message, no_message);
        add("/v1/messages/{}/versions", message, no_message);
        for of_channel in [
            &format!("/v1/messages?guild_id={GUILD}&channel_id={{}}"),
            &format!("/v1/messages.json?guild_id={GUILD}&channel_id={{}}&include_raw=true"),
            &format!(
                "/v1/messages.csv?guild_id={GUILD}&channel_id={{}}&columns=message_id,raw_json"
            ),
            &format!("/v1/coverage?guild_id={GUILD}&channel_id={{}}"),
            &format!("/v1/reports/activity?guild_id={GUILD}&channel_id={{}}"),
            "/v1/changes?since=0&channel_id={}",
            "/v1/search?channel_id={}&facets=channel,author,day",
            "/v1/search?q=in:{} apple&facets=channel,author,day",
        ] {
            add(&of_channel.replace(' ', "%20"), channel, NO_CHANNEL);
        }
        for of_guild in [
            &format!("/v1/messages?guild_id={{}}&channel_id={channel}"),
            "/v1/messages.ndjson?guild_id={}",
            "/v1/messages.csv?guild_id={}",
            "/v1/coverage?guild_id={}",
            "/v1/changes?since=0&guild_id={}",
            "/v1/search?q=apple&guild_id={}&facets=channel,author,day",
            "/v1/search.ndjson?q=apple&guild_id={}",
            "/v1/search/suggest?filter=in&text=e&guild_id={}",
            "/v1/search/suggest?filter=from&text=a&guild_id={}",
            "/v1/reports/activity?guild_id={}",
            "/v1/reports/channels.csv?guild_id={}",
            "/v1/reports/authors.ndjson?guild_id={}",
        ] {
            add(of_guild, guild, NO_GUILD);
        }
        for (path, hidden, missing) in pairs {
            let ids = [hidden, missing];
            let hidden = get(&lake, key, &path.replace("{}", &hidden.to_string())).await;
            let missing = get(&lake, key, &path.replace("{}", &missing.to_string())).await;
            let (hidden, missing) = (comparable(&hidden, &ids), comparable(&missing, &ids));
            assert_eq!(hidden, missing, "{path}");
            assert!(
                !hidden.2.contains("secretword") && !hidden.2.contains("otherword"),
                "{path}"
            );
        }
    }
}

#[tokio::test]
async fn a_limited_key_sees_its_channels_and_nothing_of_the_others() {
    let lake = community().await;
    let (key, _) = lake.key(key_with(EVERY_READING_SCOPE, &[], &[CATEGORY]));
    let (other, _) = lake.key(key_with(EVERY_READING_SCOPE, &[OTHER_GUILD], &[]));
    let ids = |answer: &Answer| {
        let mut ids: Vec<i64> = answer
            .text()
            .lines()
            .map(|line| {
                let row: Value = serde_json::from_str(line).unwrap();
                row["message_id"].as_str().unwrap().parse().unwrap()
            })
            .collect();
        ids.sort_unstable();
        ids
    };
    let whole = format!("/v1/messages.ndjson?guild_id={GUILD}");
    assert_eq!(
        ids(&get(&lake, &key, &whole).await),
        [minute(1), minute(2), minute(3)]
    );
    let changes = get(&lake, &key, "/v1/changes?since=0").await.json();
    assert_eq!(changes["data"].as_array().unwrap().len(), 3);
    let changes = get(&lake, &other, "/v1/changes?since=0").await.json();
    assert_eq!(changes["data"].as_array().unwrap().len(), 1);
    let found = get(&lake, &key, "/v1/search?q=apple&facets=channel,author,day")
        .await
        .json();
    assert_eq!(found["total"], 2);
    assert_eq!(found["facets"]["channel"].as_array().unwrap().len(), 2);
    let none = get(&lake, &key, "/v1/search?q=secretword").await.json();
    assert_eq!(none["total"], 0);
    let coverage = get(&lake, &key, &format!("/v1/coverage?guild_id={GUILD}"))
        .await
        .json();
    let channels: Vec<_> = coverage["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| &it["name"])
        .collect();
    assert_eq!(channels, [&json!("inside"), &json!("thread")]);
    assert_eq!(coverage["coverage"]["channels"], 2);
    let report = get(
        &lake,
        &key,
        &format!("/v1/reports/channels?guild_id={GUILD}"),
    )
    .await
    .json();
    assert!(!report.to_string().contains("hidden"), "{report}");
    let suggested = get(&lake, &key, "/v1/search/suggest?filter=in&text=h")
        .await
        .json();
    assert!(!suggested.to_string().contains("hidden"), "{suggested}");
    // What can't be cut is refused, and does not tell what it contains.
    for path in [
        "/v1/snapshots",
        "/v1/snapshots/latest/manifest.json",
        "/v1/snapshots/files/a/b",
    ] {
        get(&lake, &key, path).await.is_problem(403, "key_limited");
    }
}

#[tokio::test]
async fn a_key_without_content_never_gets_it() {
    let lake = community().await;
    let scopes = [
        Scope::Messages,
        Scope::Search,
        Scope::Export,
        Scope::Reports,
    ];
    let (key, _) = lake.key(key_with(&scopes, &[], &[]));
    let place = format!("guild_id={GUILD}&channel_id={INSIDE}");
    let page = get(&lake, &key, &format!("/v1/messages?{place}"))
        .await
        .json();
    assert_eq!(page["data"][0]["content"], Value::Null);
    assert_eq!(page["data"][0]["author_name"], "ada");
    let one = get(&lake, &key, &format!("/v1/messages/{}", minute(1)))
        .await
        .json();
    assert_eq!(one["content"], Value::Null);
    assert!(one.get("raw_json").is_none());
    for path in [
        "/v1/changes?since=0".to_owned(),
        "/v1/search?q=in:inside".to_owned(),
        "/v1/search.ndjson?q=in:inside".to_owned(),
        "/v1/search.csv?q=in:inside".to_owned(),
        "/v1/search.arrow?q=in:inside".to_owned(),
        format!("/v1/messages.ndjson?guild_id={GUILD}"),
        format!("/v1/messages.csv?guild_id={GUILD}"),
        format!("/v1/messages.arrow?guild_id={GUILD}"),
        format!("/v1/messages.parquet?guild_id={GUILD}&compression=snappy"),
    ] {
        let answer = get(&lake, &key, &path).await;
        assert_eq!(
            answer.status,
            200,
            "{path}: {}",
            String::from_utf8_lossy(&answer.body)
        );
        let body = String::from_utf8_lossy(&answer.body).into_owned();
        assert!(
            !body.contains("apple") && !body.contains("pear inside"),
            "{path}"
        );
    }
    // Asking for it is an error that says why; so is matching on it.
    for path in [
        format!("/v1/messages?{place}&include_raw=true"),
        format!("/v1/messages/{}?include_raw=true", minute(1)),
        format!("/v1/messages/{}/versions", minute(1)),
        format!("/v1/messages.csv?guild_id={GUILD}&columns=raw_json"),
        "/v1/changes?since=0&include_raw=true".to_owned(),
        "/v1/search?q=apple".to_owned(),
        "/v1/search?q=-apple".to_owned(),
        "/v1/search?q=in:inside%20(has:link%20OR%20apple)".to_owned(),
        "/v1/search.csv?q=%22apple%20inside%22".to_owned(),
    ] {
        get(&lake, &key, &path)
            .await
            .is_problem(403, "scope_missing");
    }
}

#[tokio::test]
async fn a_key_without_names_never_gets_them() {
    let lake = community().await;
    let (key, _) = lake.key(NewKey {
        names: false,
        ..key_with(EVERY_READING_SCOPE, &[], &[])
    });
    for path in [
        format!("/v1/messages?guild_id={GUILD}&channel_id={INSIDE}"),
        format!("/v1/messages/{}", minute(1)),
        "/v1/changes?since=0".to_owned(),
        "/v1/search?q=apple&facets=author".to_owned(),
        "/v1/search.ndjson?q=apple".to_owned(),
        format!("/v1/messages.csv?guild_id={GUILD}"),
        format!("/v1/reports/authors?guild_id={GUILD}"),
    ] {
        let answer = get(&lake, &key, &path).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        assert!(
            !answer.text().contains("\"ada\"") && !answer.text().contains(",ada,"),
            "{path}"
        );
    }
    for path in [
        format!("/v1/messages/{}?include_raw=true", minute(1)),
        "/v1/search?q=from:ada".to_owned(),
        "/v1/search?q=-mentions:ada".to_owned(),
        "/v1/search/suggest?filter=from&text=a".to_owned(),
        "/v1/snapshots".to_owned(),
    ] {
        get(&lake, &key, &path).await.is_problem(403, "key_limited");
    }
}

#[tokio::test]
async fn every_carrier_carries_every_key() {
    use headers::HeaderMapExt;
    use headers::authorization::Authorization;
    let lake = community().await;
    let (key, _) = lake.key(key_with(&[Scope::Messages], &[], &[]));
    let bearer = format!("Bearer {key}");
    let mut headers = axum::http::HeaderMap::new();
    headers.typed_insert(Authorization::basic("anyone", &key));
    let basic = headers["authorization"].to_str().unwrap().to_owned();
    let path = format!("/v1/messages?guild_id={GUILD}&channel_id={INSIDE}");
    for header in [
        ("x-api-key", key.as_str()),
        ("authorization", &bearer),
        ("authorization", &basic),
    ] {
        assert_eq!(lake.ask(Method::GET, &path, &[header]).await.status, 200);
    }
    for wrong in [
        &key[..key.len() - 1],
        &format!("{key}A"),
        &key.replace("glk_", "glk-"),
        "glk_abcdefgh_x",
    ] {
        get(&lake, wrong, &path)
            .await
            .is_problem(401, "unauthorized");
    }
}

#[tokio::test]
async fn keys_are_made_rotated_and_revoked_over_http() {
    let lake = community().await;
    let wanted =
        json!({"name": "dashboard", "scopes": ["messages"], "guilds": [GUILD.to_string()]});
    let made = lake.post(KEY, Method::POST, "/v1/keys", &wanted).await;
    assert_eq!(made.status, 201, "{}", made.text());
    let made: Value = serde_json::from_str(made.text()).unwrap();
    let first = made["api_key"].as_str().unwrap().to_owned();
    let id = made["key"]["id"].as_str().unwrap().to_owned();
    let path = "/v1/changes?since=0";
    assert_eq!(get(&lake, &first, path).await.status, 200);

    let rotated = lake
        .post(
            KEY,
            Method::POST,
            &format!("/v1/keys/{id}/rotate"),
            &json!({}),
        )
        .await;
    let second = rotated.json()["api_key"].as_str().unwrap().to_owned();
    assert_eq!(
        get(&lake, &first, path).await.status,
        200,
        "both are valid meanwhile"
    );
    assert_eq!(get(&lake, &second, path).await.status, 200);
    let now = json!({"overlap_seconds": 0});
    let rotated = lake
        .post(KEY, Method::POST, &format!("/v1/keys/{id}/rotate"), &now)
        .await;
    let third = rotated.json()["api_key"].as_str().unwrap().to_owned();
    assert_eq!(get(&lake, &first, path).await.status, 401);
    assert_eq!(get(&lake, &second, path).await.status, 401);
    assert_eq!(get(&lake, &third, path).await.status, 200);

    let listed = lake.get("/v1/keys").await;
    assert_eq!(listed.json()["data"][0]["state"], "active");
    for secret in [&first, &second, &third] {
        assert!(!listed.text().contains(secret.as_str()));
        assert!(
            !std::fs::read_to_string(lake.folder.path().join("keys.json"))
                .unwrap()
                .contains(secret.as_str())
        );
    }
    let headers = [("x-api-key", KEY)];
    let revoked = lake
        .ask(Method::DELETE, &format!("/v1/keys/{id}"), &headers)
        .await;
    assert_eq!(revoked.json()["state"], "revoked");
    get(&lake, &third, path)
        .await
        .is_problem(401, "unauthorized");
    let again = lake
        .post(
            KEY,
            Method::POST,
            &format!("/v1/keys/{id}/rotate"),
            &json!({}),
        )
        .await;
    again.is_problem(404, "key_not_found");

    for (body, field) in [
        (json!({"name": "", "scopes": ["messages"]}), "name"),
        (json!({"name": "x", "scopes": []}), "scopes"),
        (json!({"name": "x", "scopes": ["content"]}), "scopes"),
        (json!({"name": "x", "scopes": ["all"]}), "scopes[0]"),
        (
            json!({"name": "x", "scopes": ["messages"], "guilds": ["abc"]}),
            "guilds[0]",
        ),
        (
            json!({"name": "x", "scopes": ["messages"], "expires_at": "2020-01-01T00:00:00Z"}),
            "expires_at",
        ),
        // Years that no answer can show, and a second that Discord's clock does not have.
        (
            json!({"name": "x", "scopes": ["messages"], "expires_at": "+10000-01-01T00:00:00Z"}),
            "expires_at",
        ),
        (
            json!({"name": "x", "scopes": ["messages"], "expires_at": "2099-12-31T23:59:60Z"}),
            "expires_at",
        ),
        (
            json!({"name": "x", "scopes": ["messages"], "scope": []}),
            "scope",
        ),
        // Its name is empty, but what is told has one.
        (json!({"name": "x", "scopes": ["messages"], "": []}), "body"),
    ] {
        let answer = lake.post(KEY, Method::POST, "/v1/keys", &body).await;
        let problem = answer.is_problem(400, "invalid_parameter");
        assert_eq!(problem["errors"][0]["field"], field, "{problem}");
    }
    // JSON does not tell whole numbers from others.
    let target = format!("/v1/messages.csv?guild_id={GUILD}");
    for (seconds, status) in [
        ("60", 201),
        ("60.0", 201),
        ("6e1", 201),
        ("60.5", 400),
        ("-1", 400),
        ("\"60\"", 400),
    ] {
        let seconds: Value = serde_json::from_str(seconds).unwrap();
        let body = json!({"target": target, "expires_in_seconds": seconds});
        let answer = lake.post(KEY, Method::POST, "/v1/links", &body).await;
        assert_eq!(answer.status, status, "{seconds}");
    }
    let form = [("x-api-key", KEY), ("content-type", "text/plain")];
    let answer = lake.ask(Method::POST, "/v1/keys", &form).await;
    answer.is_problem(415, "unsupported_media_type");
}

#[tokio::test]
async fn a_key_expires_and_another_process_can_change_it() {
    let lake = community().await;
    let (key, id) = lake.key(NewKey {
        expires_at: Some(Utc::now() + TimeDelta::hours(1)),
        ..key_with(&[Scope::Messages], &[], &[])
    });
    let path = "/v1/changes?since=0";
    assert_eq!(get(&lake, &key, path).await.status, 200);
    lake.change_keys(|keys| {
        let key = keys.iter_mut().find(|key| key.id == id).unwrap();
        key.expires_at = Some(Utc::now());
    });
    get(&lake, &key, path).await.is_problem(401, "unauthorized");
}

#[tokio::test]
async fn a_link_opens_one_thing_until_it_ends() {
    let lake = community().await;
    let (key, id) = lake.key(key_with(EVERY_READING_SCOPE, &[], &[CATEGORY]));
    let target = format!("/v1/messages.csv?guild_id={GUILD}");
    let signed = lake
        .post(&key, Method::POST, "/v1/links", &json!({"target": target}))
        .await;
    assert_eq!(signed.status, 201, "{}", signed.text());
    let signed: Value = serde_json::from_str(signed.text()).unwrap();
    let link = signed["href"]
        .as_str()
        .unwrap()
        .strip_prefix("..")
        .unwrap()
        .to_owned();
    assert!(link.ends_with("/messages.csv"), "{link}");
    let open = |path: String| {
        let lake = &lake;
        async move { lake.ask(Method::GET, &path, &[]).await }
    };
    let direct = get(&lake, &key, &target).await;
    let by_link = open(link.clone()).await;
    assert_eq!(by_link.status, 200, "{}", by_link.text());
    assert_eq!(by_link.body, direct.body);
    // Not another form, not with parameters, not when changed, not to write.
    for wrong in [
        format!("{link}?raw=true"),
        link.replace("/dl/", "/dl/1"),
        link.replace("/dl/", "/dl//"),
        format!("/dl/{}", link.rsplit('/').next().unwrap()),
        "/dl/a.b.c.d/messages.csv".to_owned(),
    ] {
        let answer = open(wrong.clone()).await;
        assert_eq!(answer.status, 404, "{wrong}");
    }
    let posted = lake.ask(Method::POST, &link, &[]).await;
    assert_eq!(posted.status, 405);
    // Only what has a form, and only what the key may read.
    for target in [
        "/v1/keys",
        "/v1/audit",
        "/v1/messages?guild_id=1",
        "/health",
        "/v1/../v1/keys.json",
        "//example.org/v1/messages.csv",
        "https://example.org/v1/messages.csv",
        "/v1/keys.csv",
        "/v1/messages.csv.csv",
        "/v1/messages.x/y.csv",
        "/v1/reports/a/b.csv",
        "",
    ] {
        let answer = lake
            .post(&key, Method::POST, "/v1/links", &json!({"target": target}))
            .await;
        answer.is_problem(400, "invalid_parameter");
    }
    let snapshot = json!({"target": "/v1/snapshots/files/messages/a.parquet"});
    lake.post(&key, Method::POST, "/v1/links", &snapshot)
        .await
        .is_problem(403, "key_limited");
    let (lesser, _) = lake.key(key_with(&[Scope::Messages], &[], &[]));
    let asked = json!({"target": target});
    lake.post(&lesser, Method::POST, "/v1/links", &asked)
        .await
        .is_problem(403, "scope_missing");
    // It ends with its key.
    lake.change_keys(|keys| {
        let key = keys.iter_mut().find(|key| key.id == id).unwrap();
        key.revoked_at = Some(Utc::now());
    });
    open(link).await.is_problem(404, "link_not_valid");
}

#[tokio::test]
async fn the_audit_log_tells_who_read_what_and_no_content() {
    let lake = community().await;
    let (key, id) = lake.key(key_with(EVERY_READING_SCOPE, &[], &[]));
    get(
        &lake,
        &key,
        &format!("/v1/messages?guild_id={GUILD}&channel_id={INSIDE}"),
    )
    .await;
    get(&lake, &key, "/v1/search?q=secretword").await;
    get(&lake, &key, &format!("/v1/messages.csv?guild_id={GUILD}")).await;
    get(&lake, &key, &format!("/v1/messages/{}", minute(6))).await;
    get(&lake, &key, "/v1/keys")
        .await
        .is_problem(403, "scope_missing");
    // Entries are written behind the answers.
    let path = format!("/v1/audit?key_id={id}");
    let entries = loop {
        let page = lake.get(&path).await.json();
        let entries = page["data"].as_array().unwrap().clone();
        if entries.len() == 5 {
            break entries;
        }
        tokio::task::yield_now().await;
    };
    let told: Vec<_> = entries
        .iter()
        .rev()
        .map(|it| {
            (
                it["path"].as_str().unwrap(),
                it["status"].as_u64().unwrap(),
                it["rows"].as_u64(),
            )
        })
        .collect();
    let one = format!("/v1/messages/{}", minute(6));
    assert_eq!(
        told,
        [
            ("/v1/messages", 200, Some(2)),
            ("/v1/search", 200, Some(1)),
            ("/v1/messages.csv", 200, Some(5)),
            (one.as_str(), 200, Some(1)),
            ("/v1/keys", 403, None),
        ]
    );
    assert_eq!(entries[4]["guild_id"], GUILD.to_string());
    assert_eq!(entries[4]["channel_id"], INSIDE.to_string());
    assert_eq!(entries[1]["guild_id"], OTHER_GUILD.to_string());
    assert_eq!(entries[2]["complete"], true);
    assert!(entries[2]["bytes"].as_u64().unwrap() > 100);
    let text = serde_json::to_string(&entries).unwrap();
    for secret in ["secretword", "apple", key.as_str()] {
        assert!(!text.contains(secret));
    }
    lake.get("/v1/audit?cursor=x")
        .await
        .is_problem(400, "invalid_parameter");
}

/// Messages of five channels and a thread, with replies, reactions, edits and questions; only those of channels that
/// `keep` accepts.
fn busy(seed: u64, keep: impl Fn(i64) -> bool) -> Lake {
    use rand::rngs::StdRng;
    use rand::{RngExt, SeedableRng};
    let mut dice = StdRng::seed_from_u64(seed);
    let places = [
        (GUILD, INSIDE),
        (GUILD, THREAD),
        (GUILD, HIDDEN),
        (OTHER_GUILD, ELSEWHERE),
    ];
    let mut messages = Vec::new();
    let mut ids: Vec<(i64, i64)> = Vec::new();
    for n in 0..400 {
        let (guild, channel) = places[dice.random_range(0..places.len())];
        // A day has some of them.
        let id = minute(n * 37);
        let author = 1_000 + dice.random_range(0..12);
        let words = [
            "hello",
            "what is this?",
            "see https://example.org/a",
            "short",
            "a longer text of some words",
        ];
        let text = words[dice.random_range(0..words.len())];
        let mut payload = payload::message(id, channel, author, text);
        if dice.random_bool(0.3) && !ids.is_empty() {
            let (to, of) = ids[dice.random_range(0..ids.len())];
            payload["type"] = json!(19);
            payload["message_reference"] = json!({"message_id": to.to_string(), "channel_id": of.to_string(), "guild_id": guild.to_string()});
        }
        if dice.random_bool(0.2) {
            payload["reactions"] = json!([{"count": 2, "emoji": {"id": null, "name": "👍"}}]);
        }
        if dice.random_bool(0.1) {
            payload["type"] = json!(7);
        }
        ids.push((id, channel));
        if keep(channel) {
            let guild = GuildId::try_from(guild).unwrap();
            let observed = guildlake::message::Observed::asked(
                chrono::DateTime::from_timestamp_micros(1_940_000_000_000_000 + n).unwrap(),
            );
            messages
                .push(Message::read(guild, Source::Rest, observed, &payload.to_string()).unwrap());
        }
    }
    let channels = [
        channel(CATEGORY, GUILD, None, 4, "category"),
        channel(INSIDE, GUILD, Some(CATEGORY), 0, "inside"),
        channel(THREAD, GUILD, Some(INSIDE), 11, "thread"),
        channel(HIDDEN, GUILD, None, 0, "hidden"),
        channel(ELSEWHERE, OTHER_GUILD, None, 0, "elsewhere"),
    ];
    // How far each channel was read, and whether a session follows: what is said of one channel's end depends on others.
    let is_followed = dice.random_bool(0.5);
    let readable = channels.iter().filter(|it| it.channel_type != 4);
    let covered: Vec<_> = readable
        .map(|channel| {
            let low = minute(dice.random_range(0..2_000));
            let high = minute(dice.random_range(2_000..20_000));
            Covered {
                channel_id: channel.id,
                range: IdRange { low, high },
                session_id: None,
                asked_after: None,
                unreadable: Vec::new(),
            }
        })
        .collect();
    let began = testkit::lake::at("2025-01-08T00:00:00Z");
    let heard = testkit::lake::at("2025-01-09T00:00:00Z");
    let session = SessionMark {
        shard: 0,
        session_id: "one".to_owned(),
        resume_url: "ws://127.0.0.1".to_owned(),
        sequence: 1,
        live_low: snowflake_at(began),
        live_high: snowflake_at(heard),
        heard_at: heard,
        intents: 0,
    };
    let access = |channel_id| AccessMark {
        channel_id,
        access: Access::Readable,
        detail: None,
        since: testkit::lake::at("2025-01-01T00:00:00Z"),
    };
    let covered: Vec<_> = covered
        .into_iter()
        .filter(|it| keep(it.channel_id.as_i64()))
        .collect();
    let mut lake = Lake::new();
    lake.commit(&Batch {
        channels: channels
            .into_iter()
            .filter(|it| keep(it.id.as_i64()))
            .collect(),
        access: covered.iter().map(|it| access(it.channel_id)).collect(),
        covered,
        sessions: is_followed.then_some(session).into_iter().collect(),
        messages,
        ..Batch::default()
    });
    lake
}

#[tokio::test]
async fn each_report_of_a_limited_key_is_that_of_a_record_without_the_rest() {
    let seed = rand::random::<u64>();
    println!("seed {seed}");
    let whole = busy(seed, |_| true);
    for (guilds, channels) in [
        (&[][..], &[CATEGORY][..]),
        (&[], &[INSIDE]),
        (&[], &[THREAD, ELSEWHERE]),
        (&[GUILD], &[]),
        (&[OTHER_GUILD], &[]),
        (&[GUILD], &[HIDDEN, ELSEWHERE]),
    ] {
        let limits = key_with(&[Scope::Reports], guilds, channels).limits;
        let all = [
            channel(CATEGORY, GUILD, None, 4, ""),
            channel(INSIDE, GUILD, Some(CATEGORY), 0, ""),
            channel(THREAD, GUILD, Some(INSIDE), 11, ""),
            channel(HIDDEN, GUILD, None, 0, ""),
            channel(ELSEWHERE, OTHER_GUILD, None, 0, ""),
        ];
        let reach = limits.reach(&all);
        let seen: BTreeSet<i64> = all
            .iter()
            .filter(|it| reach.has(it.guild_id, it.id))
            .map(|it| it.id.as_i64())
            .collect();
        let part = busy(seed, |channel| seen.contains(&channel));
        let new = || key_with(EVERY_READING_SCOPE, guilds, channels);
        let ((key, _), (same, _)) = (whole.key(new()), part.key(new()));
        let reports = whole.get("/v1/reports").await.json();
        let reports = reports["data"].as_array().unwrap();
        assert!(reports.len() >= 18);
        for report in reports {
            let name = report["name"].as_str().unwrap();
            let has = |parameter: &str| {
                report["parameters"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .any(|it| it["name"] == parameter)
            };
            for guild in [GUILD, OTHER_GUILD] {
                let mut path = format!("/v1/reports/{name}?guild_id={guild}");
                if !has("guild_id") {
                    path = format!("/v1/reports/{name}");
                }
                if has("unit") {
                    path.push_str("&unit=day&time_zone=Europe/Paris");
                }
                // What one request keeps on the connection is none of the next one's.
                let everything = whole.get(&path).await;
                assert_eq!(everything.status, 200, "{path}: {}", everything.text());
                let limited = get(&whole, &key, &path).await;
                let expected = get(&part, &same, &path).await;
                assert_eq!(
                    limited.text(),
                    expected.text(),
                    "{path} {guilds:?} {channels:?}"
                );
                let again = whole.get(&path).await;
                assert_eq!(again.text(), everything.text(), "{path}");
            }
        }
        // The rest of what is said of a guild.
        for path in [
            format!("/v1/coverage?guild_id={GUILD}"),
            format!("/v1/coverage?guild_id={OTHER_GUILD}"),
            format!(
                "/v1/coverage?guild_id={GUILD}&from=2025-01-02T00:00:00Z&to=2025-03-01T00:00:00Z"
            ),
            format!("/v1/messages.ndjson?guild_id={GUILD}&columns=message_id,content"),
        ] {
            let limited = get(&whole, &key, &path).await;
            let expected = get(&part, &same, &path).await;
            assert_eq!(
                limited.text(),
                expected.text(),
                "{path} {guilds:?} {channels:?}"
            );
            assert_eq!(
                limited.header("guildlake-coverage"),
                expected.header("guildlake-coverage")
            );
        }
    }
}
