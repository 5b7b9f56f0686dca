//! The routes about the service itself.

use axum::http::Method;
use guildlake::status::{
    BackfillState, BackfillStatus, GatewayState, GatewayStatus, GuildsStatus, PassStatus,
    RecordState, SearchState, SnapshotState, Status,
};
use serde_json::Value;

use guildlake::report::Library;
use testkit::lake::{KEY, Lake, MESSAGES, QUERIES};

#[tokio::test]
async fn health_tells_the_present_state() {
    let lake = Lake::new();
    let health = lake.get("/health").await.json();
    assert_eq!(health["status"], "ok");
    assert_eq!(health["version"], env!("CARGO_PKG_VERSION"));
    assert!(health["uptime_seconds"].is_u64());
    assert_eq!(health["gateway"]["state"], "off");

    lake.status.send_modify(|status: &mut Status| {
        status.revision = 7;
        status.gateway.state = GatewayState::Live;
    });
    let health = lake.get("/health").await;
    assert_eq!(health.json()["revision"], 7);
    assert_eq!(health.json()["gateway"]["state"], "live");
    assert_eq!(health.header("cache-control"), Some("no-store"));
}

/// Each thing that `/health` lists and that is not as it should be is named, and all is not `ok`;
/// where nothing is recorded meanwhile `/ready` says no.
#[tokio::test]
async fn health_is_ok_only_where_all_that_it_lists_is() {
    type Change = fn(&mut Status);
    let cases: [(&str, bool, Change); 12] = [
        ("disk_full", true, |it| it.record = RecordState::DiskFull),
        ("gateway_connecting", true, |it| {
            it.gateway.state = GatewayState::Connecting;
        }),
        ("gateway_unstable", false, |it| it.gateway.attempts = 2),
        ("bot_not_in_guild", false, |it| {
            it.gateway.guilds.without_the_bot = 1;
        }),
        ("bot_not_in_guild", true, |it| {
            it.gateway.guilds.without_the_bot = 2;
        }),
        ("guild_away", true, |it| it.gateway.guilds.away = 2),
        ("no_channels", true, |it| {
            it.backfill.last_pass = Some(PassStatus::default());
        }),
        ("channels_unreadable", false, |it| {
            it.backfill.last_pass = Some(PassStatus {
                channels: 9,
                unreadable: 8,
            });
        }),
        ("channels_unreadable", true, |it| {
            it.backfill.last_pass = Some(PassStatus {
                channels: 9,
                unreadable: 9,
            });
        }),
        ("history_incomplete", false, |it| {
            it.backfill.state = BackfillState::Incomplete;
        }),
        ("snapshot_failed", false, |it| {
            it.snapshot.state = SnapshotState::Failed;
        }),
        ("search_failed", false, |it| {
            it.search.state = SearchState::Failed;
        }),
    ];
    let lake = Lake::new();
    let well = Status {
        gateway: GatewayStatus {
            state: GatewayState::Live,
            attempts: 1,
            guilds: GuildsStatus {
                total: 2,
                ..GuildsStatus::default()
            },
            ..GatewayStatus::default()
        },
        backfill: BackfillStatus {
            state: BackfillState::Complete,
            last_pass: Some(PassStatus {
                channels: 9,
                unreadable: 0,
            }),
            ..BackfillStatus::default()
        },
        ..Status::default()
    };
    for (code, stops_recording, change) in cases {
        lake.status.send_replace(well.clone());
        let health = lake.get("/health").await.json();
        assert_eq!(health["status"], "ok");
        assert_eq!(health["problems"], serde_json::json!([]));
        assert_eq!(lake.ask(Method::GET, "/ready", &[]).await.status, 200);

        lake.status.send_modify(change);
        let answer = lake.get("/health").await;
        assert_eq!(answer.status, 200, "it answers");
        let health = answer.json();
        assert_eq!(health["status"], "degraded", "{code}");
        assert_eq!(health["problems"].as_array().unwrap().len(), 1, "{code}");
        assert_eq!(health["problems"][0]["code"], code);
        let detail = health["problems"][0]["detail"].as_str().unwrap();
        assert!(detail.ends_with('.'), "{detail}");
        let ready = lake.ask(Method::GET, "/ready", &[]).await;
        if stops_recording {
            let problem = ready.is_problem(503, "not_ready");
            assert_eq!(problem["detail"], detail);
        } else {
            assert_eq!(ready.status, 200, "{code}");
        }
    }
}

/// `/health` told anybody how many messages, channels and guilds there are.
#[tokio::test]
async fn strangers_see_whether_it_works_and_not_what_it_holds() {
    let lake = Lake::new();
    lake.status.send_modify(|status: &mut Status| {
        status.gateway.state = GatewayState::Connecting;
        status.revision = 7;
    });
    for headers in [&[][..], &[("x-api-key", "a wrong key")]] {
        let answer = lake.ask(Method::GET, "/health", headers).await;
        let mut health = answer.json();
        assert!(health["uptime_seconds"].take().is_u64());
        assert_eq!(
            health,
            serde_json::json!({
                "status": "degraded", "ready": false, "version": env!("CARGO_PKG_VERSION"), "uptime_seconds": null
            })
        );
    }
    let full = lake.get("/health").await.json();
    assert_eq!(
        (&full["ready"], &full["revision"]),
        (&false.into(), &7.into())
    );
    assert_eq!(full["problems"][0]["code"], "gateway_connecting");
}

/// The operator's own reports tell what he looks for.
#[tokio::test]
async fn strangers_see_only_the_built_in_reports() {
    let lake = Lake::new();
    let own = lake.folder.path().join(QUERIES).join("leavers.sql");
    let report = include_str!("../../../queries/activity.sql");
    std::fs::write(&own, report).unwrap();
    let paths = async |key: bool| {
        let answer = if key {
            lake.get("/openapi.json").await
        } else {
            lake.ask(Method::GET, "/openapi.json", &[]).await
        };
        let tag = answer.header("etag").unwrap().to_owned();
        let paths = answer.json()["paths"].as_object().unwrap().clone();
        assert!(paths.contains_key("/v1/reports/activity"));
        (paths.contains_key("/v1/reports/leavers"), tag)
    };
    let (is_there, anonymous) = paths(false).await;
    assert!(!is_there);
    let (is_there, tag) = paths(true).await;
    assert!(is_there);
    assert_ne!(tag, anonymous);
    let known = [("x-api-key", KEY), ("if-none-match", tag.as_str())];
    let again = lake.ask(Method::GET, "/openapi.json", &known).await;
    assert_eq!((again.status.as_u16(), again.body.len()), (304, 0));
    // A report that goes is gone from the next description.
    std::fs::remove_file(own).unwrap();
    assert!(!paths(true).await.0);
    let changed = lake.ask(Method::GET, "/openapi.json", &known).await;
    assert_eq!(changed.status, 200);
}

/// Compressing the script for every request was the work with which a stranger could stop everybody else.
#[tokio::test]
async fn files_of_the_docs_are_compressed_once_and_need_not_be_loaded_again() {
    let lake = Lake::new();
    for (path, magic) in [
        ("/docs/swagger-ui-bundle.js", &[0x1f, 0x8b][..]),
        ("/docs/swagger-ui.css", &[0x1f, 0x8b]),
        ("/docs", &[0x1f, 0x8b]),
        ("/openapi.json", &[0x1f, 0x8b]),
    ] {
        let plain = lake.ask(Method::GET, path, &[]).await;
        let mut tags = vec![plain.header("etag").unwrap().to_owned()];
        assert!(
            plain.header("vary").unwrap().contains("accept-encoding"),
            "{path}"
        );
        for encoding in ["gzip", "br"] {
            let accept = [("accept-encoding", encoding)];
            let small = lake.ask(Method::GET, path, &accept).await;
            assert_eq!(small.header("content-encoding"), Some(encoding), "{path}");
            assert!(small.body.len() < plain.body.len() / 2, "{path}");
            assert!(
                encoding != "gzip" || small.body.starts_with(magic),
                "{path}"
            );
            let again = lake.ask(Method::GET, path, &accept).await;
            assert!(again.body == small.body, "{path}");
            let tag = small.header("etag").unwrap().to_owned();
            let known = [
                ("accept-encoding", encoding),
                ("if-none-match", tag.as_str()),
            ];
            let known = lake.ask(Method::GET, path, &known).await;
            assert_eq!(
                (known.status.as_u16(), known.body.len()),
                (304, 0),
                "{path}"
            );
            tags.push(tag);
        }
        tags.dedup();
        assert_eq!(tags.len(), 3, "each form has its own tag");
    }
}

#[tokio::test]
async fn the_index_is_html_for_browsers_and_json_for_the_rest() {
    let lake = Lake::new();
    let browser = [("accept", "text/html,application/xhtml+xml,*/*;q=0.8")];
    let page = lake.ask(Method::GET, "/", &browser).await;
    assert_eq!(
        page.header("content-type"),
        Some("text/html; charset=utf-8")
    );
    for link in ["docs", "openapi.json", "health"] {
        assert!(page.text().contains(&format!(r#"href="{link}""#)));
    }
    assert_nothing_from_elsewhere(page.text());
    let index = lake.ask(Method::GET, "/", &[]).await.json();
    for link in ["docs", "openapi", "health"] {
        let path = format!("/{}", index[link].as_str().unwrap());
        assert_eq!(lake.ask(Method::GET, &path, &[]).await.status, 200);
    }
    let image = lake.ask(Method::GET, "/", &[("accept", "image/png")]).await;
    image.is_problem(406, "not_acceptable");
}

#[tokio::test]
async fn the_docs_need_nothing_from_elsewhere() {
    let lake = Lake::new();
    let docs = lake.ask(Method::GET, "/docs", &[]).await;
    assert_eq!(
        docs.header("content-type"),
        Some("text/html; charset=utf-8")
    );
    assert_nothing_from_elsewhere(docs.text());
    let mut files = 0;
    for part in docs
        .text()
        .split('"')
        .filter(|part| part.starts_with("docs/"))
    {
        let file = lake.ask(Method::GET, &format!("/{part}"), &[]).await;
        assert_eq!(file.status, 200, "{part}");
        assert!(!file.body.is_empty());
        files += 1;
    }
    assert_eq!(files, 4);
    let script = lake.ask(Method::GET, "/docs/start.js", &[]).await;
    assert!(script.text().contains("dataset.url"));
    assert!(docs.text().contains(r#"data-url="openapi.json""#));
    let none = lake.ask(Method::GET, "/docs/index.html", &[]).await;
    none.is_problem(404, "route_not_found");

    // Every problem's type leads to its line.
    let problem = lake.get(&format!("{MESSAGES}&x=1")).await.problem();
    let anchor = problem["type"].as_str().unwrap();
    let id = anchor.strip_prefix("/docs#").unwrap();
    assert!(docs.text().contains(&format!(r#"id="{id}""#)));
}

#[tokio::test]
async fn the_description_is_the_one_of_the_command() {
    let lake = Lake::new();
    let served = lake.ask(Method::GET, "/openapi.json", &[]).await;
    assert_eq!(
        served.text(),
        guildlake::api::openapi_json(&Library::default()).unwrap()
    );
    let document = served.json();
    assert_eq!(document["openapi"], "3.1.0");
    let schemes = document["components"]["securitySchemes"]
        .as_object()
        .unwrap();
    assert_eq!(
        schemes.keys().collect::<Vec<_>>(),
        ["api_key", "basic", "bearer"]
    );
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            assert!(operation["operationId"].is_string(), "{method} {path}");
            assert!(operation["tags"].is_array(), "{method} {path}");
            let security = operation["security"].as_array();
            let is_open = security.is_some_and(|ways| ways.contains(&serde_json::json!({})));
            assert_eq!(is_open, !path.starts_with("/v1"), "{method} {path}");
            for (status, response) in operation["responses"].as_object().unwrap() {
                assert!(
                    response["headers"]["x-request-id"].is_object(),
                    "{method} {path} {status}"
                );
                let problem = &response["content"]["application/problem+json"];
                assert_eq!(
                    *problem != Value::Null,
                    status.as_str() >= "400",
                    "{method} {path} {status}"
                );
            }
        }
    }
}

fn assert_nothing_from_elsewhere(page: &str) {
    for attribute in ["src=\"", "href=\""] {
        for part in page.split(attribute).skip(1) {
            let target = part.split('"').next().unwrap();
            assert!(!target.contains("//"), "{target}");
        }
    }
}

#[tokio::test]
async fn the_documentation_is_there_with_a_slash_too() {
    let lake = Lake::new();
    for page in ["/docs", "/docs/"] {
        let answer = lake.ask(Method::GET, page, &[]).await;
        assert_eq!(answer.status, 200, "{page}");
        let base = url::Url::parse("http://lake").unwrap().join(page).unwrap();
        // Everything that the page loads or leads to is there.
        let text = answer.text();
        let quoted = text.split(['"']).skip(1).step_by(2);
        let endings = [".css", ".js", ".json", ".png"];
        let links = quoted.filter(|it| endings.iter().any(|ending| it.ends_with(ending)));
        let mut seen = 0;
        for link in links {
            let path = base.join(link).unwrap().path().to_owned();
            let found = lake.ask(Method::GET, &path, &[]).await;
            assert_eq!(found.status, 200, "{page}: {link} is {path}");
            seen += 1;
        }
        assert_eq!(seen, 6, "{page}");
    }
    let answer = lake.get("/docs/?x=1").await;
    assert!(answer.bad_fields().contains_key("x"));
}
