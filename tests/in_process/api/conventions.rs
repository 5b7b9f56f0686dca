//! What holds for every route.

use axum::http::{Method, StatusCode};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use testkit::lake::{KEY, Lake, MESSAGES, lasting, minute, payload};

#[tokio::test]
async fn head_answers_what_get_does_without_the_body() {
    let mut lake = Lake::new();
    lake.add_minutes(200);
    let message = format!("/v1/messages/{}", minute(1));
    for path in [
        MESSAGES,
        &format!("{MESSAGES}&limit=1"),
        &format!("{MESSAGES}&limit=0"),
        &message,
        "/v1/messages/1",
        "/v1/nothing",
        "/",
        "/health",
        "/docs",
        "/docs/swagger-ui.css",
        "/openapi.json",
        "/nothing",
    ] {
        for encoding in ["identity", "gzip", "br", "zstd"] {
            let headers = [
                ("x-api-key", KEY),
                ("accept-encoding", encoding),
                ("x-request-id", "the-same"),
            ];
            let get = lake.ask(Method::GET, path, &headers).await;
            let head = lake.ask(Method::HEAD, path, &headers).await;
            assert_eq!(head.status, get.status, "{path}");
            assert_eq!(
                lasting(&head.headers),
                lasting(&get.headers),
                "{path} {encoding}"
            );
            assert!(head.body.is_empty(), "{path}");
            if let Some(length) = get.header("content-length") {
                assert_eq!(length, get.body.len().to_string(), "{path}");
            }
        }
    }
    let download = MESSAGES.replace("messages?", "messages.csv?");
    let streamed = lake
        .ask(Method::HEAD, &download, &[("x-api-key", KEY)])
        .await;
    assert_eq!(streamed.status, StatusCode::OK);
    assert_eq!(streamed.header("content-length"), None);
}

#[tokio::test]
async fn a_method_that_is_not_there_is_answered_with_those_that_are() {
    let lake = Lake::new();
    for path in [
        MESSAGES,
        "/v1/messages/1",
        "/",
        "/health",
        "/docs",
        "/openapi.json",
    ] {
        for method in [
            "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "QUERY",
        ] {
            let method = Method::from_bytes(method.as_bytes()).unwrap();
            let answer = lake.ask(method, path, &[("x-api-key", KEY)]).await;
            answer.is_problem(405, "method_not_allowed");
            assert_eq!(answer.header("allow"), Some("GET,HEAD"));
        }
    }
}

#[tokio::test]
async fn what_is_too_long_is_refused() {
    let lake = Lake::new();
    let long = format!("{MESSAGES}&x={}", "1".repeat(8 * 1024));
    lake.get(&long).await.is_problem(414, "uri_too_long");
    // Before the key is looked at, and on every path.
    let path = format!("/{}", "a".repeat(9000));
    let answer = lake.ask(Method::GET, &path, &[]).await;
    answer.is_problem(414, "uri_too_long");
    let fits = format!("{MESSAGES}&x={}", "1".repeat(8000));
    lake.get(&fits).await.is_problem(400, "invalid_parameter");

    let headers = [("x-api-key", KEY), ("content-length", "70000")];
    let answer = lake.ask(Method::GET, MESSAGES, &headers).await;
    answer.is_problem(413, "body_too_large");
}

#[tokio::test]
async fn a_request_id_is_taken_over_or_made() {
    let lake = Lake::new();
    let longest = "a".repeat(64);
    for id in ["abc-DEF_123", &longest, "0"] {
        for path in ["/health", "/nothing", MESSAGES] {
            let answer = lake.ask(Method::GET, path, &[("x-request-id", id)]).await;
            assert_eq!(answer.header("x-request-id"), Some(id));
        }
    }
    let too_long = "a".repeat(65);
    for id in [&too_long, "", "a b", "a\"b", "{}", "\u{e9}"] {
        let answer = lake
            .ask(Method::GET, "/health", &[("x-request-id", id)])
            .await;
        let made = uuid::Uuid::parse_str(answer.header("x-request-id").unwrap()).unwrap();
        assert_eq!(made.get_version_num(), 7, "{id}");
    }
}

#[tokio::test]
async fn large_answers_are_compressed_and_small_ones_are_not() {
    let mut lake = Lake::new();
    lake.add_minutes(100);
    let big = minute(1000);
    lake.add([payload(big, &"a word and another ".repeat(200))]);
    let plain = lake.get(MESSAGES).await;
    let big = format!("/v1/messages/{big}");
    let plain_big = lake.get(&big).await;
    for encoding in ["gzip", "br", "zstd"] {
        for (path, plain) in [(MESSAGES, &plain), (&big, &plain_big)] {
            let headers = [("x-api-key", KEY), ("accept-encoding", encoding)];
            let packed = lake.ask(Method::GET, path, &headers).await;
            assert_eq!(packed.header("content-encoding"), Some(encoding), "{path}");
            assert!(packed.body.len() < plain.body.len() / 4);
            let vary = packed.headers.get_all("vary");
            assert!(
                vary.iter()
                    .any(|value| value.to_str().unwrap().contains("accept-encoding"))
            );
        }
        for path in ["/health", "/v1/nothing"] {
            let headers = [("x-api-key", KEY), ("accept-encoding", encoding)];
            let small = lake.ask(Method::GET, path, &headers).await;
            assert_eq!(small.header("content-encoding"), None, "{path}");
        }
    }
    let none = [
        ("x-api-key", KEY),
        ("accept-encoding", "identity;q=0, deflate"),
    ];
    let answer = lake.ask(Method::GET, MESSAGES, &none).await;
    answer.is_problem(406, "not_acceptable");
}

#[tokio::test]
async fn every_answer_keeps_browsers_safe() {
    let lake = Lake::new();
    for path in [
        "/",
        "/health",
        "/docs",
        "/openapi.json",
        "/v1/nothing",
        MESSAGES,
    ] {
        let answer = lake.get(path).await;
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(answer.header("referrer-policy"), Some("no-referrer"));
        let policy = answer.header("content-security-policy").unwrap();
        assert!(policy.starts_with("default-src 'none'"), "{path}: {policy}");
        assert!(policy.contains("frame-ancestors 'none'"), "{path}");
        assert!(!answer.headers.contains_key("access-control-allow-origin"));
    }
}

/// A segment of a path that is not UTF-8 names nothing: the answer is the one for another name that nothing has.
#[tokio::test]
async fn a_path_that_is_no_text_is_answered_like_another_wrong_name() {
    let lake = Lake::new();
    for (path, status, code) in [
        ("/v1/messages/%FF", 400, "invalid_parameter"),
        ("/v1/messages/%FF/versions", 400, "invalid_parameter"),
        ("/v1/reports/%FF", 404, "report_not_found"),
        ("/v1/reports/%FF.csv", 404, "report_not_found"),
        ("/v1/snapshots/latest/%FF", 404, "file_not_found"),
        ("/v1/snapshots/latest/messages/%FF/x", 404, "file_not_found"),
        ("/v1/snapshots/files/messages/%FF", 404, "file_not_found"),
        (
            "/v1/snapshots/files/messages/x/y/%FF",
            404,
            "file_not_found",
        ),
        ("/docs/%FF", 404, "route_not_found"),
        ("/%FF", 404, "route_not_found"),
        ("/v1/%FF", 404, "route_not_found"),
    ] {
        lake.get(path).await.is_problem(status, code);
    }
    let description = lake.get("/openapi.json").await.json();
    let paths = description["paths"].as_object().unwrap();
    for path in paths.keys().filter(|path| path.contains('{')) {
        let parts = path.split('/');
        let parts = parts.map(|part| if part.starts_with('{') { "%FF" } else { part });
        let path = parts.collect::<Vec<_>>().join("/");
        let problem = lake.get(&path).await.problem();
        assert_ne!(problem["code"], "bad_request", "{path}: {problem}");
    }
}

#[test]
fn whatever_is_asked_is_answered_in_one_of_two_forms() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let mut lake = Lake::new();
    lake.add_minutes(3);
    let config = Config {
        cases: 300,
        failure_persistence: None,
        ..Config::default()
    };
    let path = prop::sample::select(vec![
        "/",
        "/v1",
        "/v1/",
        "/v1/messages",
        "/v1/messages/",
        "/v1/messages/1",
        "/health",
        "/docs",
        "/docs/",
        "/docs/x",
        "/openapi.json",
        "/v1/%6Dessages",
        "/%00",
        "//",
        "/v1/messages/%FF",
    ]);
    let method = prop::sample::select(vec!["GET", "HEAD", "POST", "DELETE", "OPTIONS", "BREW"]);
    let query = "(\\?[a-z_]{0,10}=?[!-~&&[^\"#<>`{}|\\\\^]]{0,20})?";
    let accept = prop::sample::select(vec![
        "*/*",
        "text/html",
        "application/json",
        "text/csv",
        ";;",
    ]);
    TestRunner::new(config)
        .run(
            &(path, method, query, accept, any::<bool>()),
            |(path, method, query, accept, key)| {
                let method = Method::from_bytes(method.as_bytes()).unwrap();
                let mut headers = vec![("accept", accept)];
                headers.extend(key.then_some(("x-api-key", KEY)));
                let url = format!("{path}{query}");
                let answer = runtime.block_on(lake.ask(method.clone(), &url, &headers));
                prop_assert!(answer.status < StatusCode::INTERNAL_SERVER_ERROR);
                prop_assert!(answer.header("x-request-id").is_some());
                if method != Method::HEAD && answer.status != StatusCode::OK {
                    answer.problem();
                }
                Ok(())
            },
        )
        .unwrap();
}
