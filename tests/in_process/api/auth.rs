//! The key, and where it can be.

use axum::http::Method;
use headers::HeaderMapExt;
use headers::authorization::Authorization;

use testkit::lake::{Answer, KEY, Lake, MESSAGES, minute};

fn basic(user: &str, password: &str) -> String {
    let mut headers = axum::http::HeaderMap::new();
    headers.typed_insert(Authorization::basic(user, password));
    headers["authorization"].to_str().unwrap().to_owned()
}

async fn with(lake: &Lake, headers: &[(&str, &str)]) -> Answer {
    lake.ask(Method::GET, MESSAGES, headers).await
}

#[tokio::test]
async fn three_headers_can_carry_the_key() {
    let lake = Lake::new();
    let bearer = format!("Bearer {KEY}");
    let lower = format!("bearer {KEY}");
    for headers in [
        &[("x-api-key", KEY)][..],
        &[("authorization", &bearer)],
        &[("authorization", &lower)],
        &[("authorization", &basic("anyone", KEY))],
        &[("authorization", &basic("", KEY))],
        // One right one is enough.
        &[("x-api-key", KEY), ("authorization", "Basic bm8=")],
        &[("x-api-key", "wrong"), ("authorization", &bearer)],
        &[("x-api-key", "wrong"), ("x-api-key", KEY)],
        &[
            ("authorization", "Bearer wrong"),
            ("authorization", &bearer),
        ],
    ] {
        assert_eq!(with(&lake, headers).await.status, 200, "{headers:?}");
    }
}

#[tokio::test]
async fn nothing_else_does() {
    let lake = Lake::new();
    let user = basic(KEY, "");
    let longer = format!("{KEY}x");
    let bare = KEY.to_owned();
    let scheme = format!("Token {KEY}");
    for headers in [
        &[][..],
        &[("x-api-key", "")],
        &[("x-api-key", &KEY[1..])],
        &[("x-api-key", &longer)],
        &[("x-api-key", "\u{e9}")],
        &[("authorization", &bare)],
        &[("authorization", &scheme)],
        &[("authorization", "Bearer ")],
        &[("authorization", "Basic not base64!")],
        &[("authorization", &user)],
        &[("cookie", &bare)],
    ] {
        let answer = with(&lake, headers).await;
        let problem = answer.is_problem(401, "unauthorized");
        assert!(!problem.to_string().contains(KEY));
        let challenges: Vec<_> = answer.headers.get_all("www-authenticate").iter().collect();
        assert!(challenges[0].to_str().unwrap().starts_with("Basic realm="));
        assert!(challenges[1].to_str().unwrap().starts_with("Bearer realm="));
    }
    let in_url = format!("{MESSAGES}&api_key={KEY}");
    let answer = lake.ask(Method::GET, &in_url, &[]).await;
    answer.is_problem(401, "unauthorized");
}

#[tokio::test]
async fn without_it_nothing_is_learnt_of_what_is_under_v1() {
    let mut lake = Lake::new();
    let id = lake.add_minutes(1)[0];
    let known = format!("/v1/messages/{id}");
    let unknown = format!("/v1/messages/{}", minute(9));
    for path in [
        &known,
        &unknown,
        "/v1",
        "/v1/",
        "/v1/nothing",
        "/v1/messages/",
        "/v1/messages?limit=0",
        "/v1/messages.json",
        "/v1/messages/abc",
        "/v1//messages",
    ] {
        for method in [Method::GET, Method::HEAD, Method::POST, Method::DELETE] {
            let answer = lake.ask(method.clone(), path, &[]).await;
            assert_eq!(answer.status, 401, "{method} {path}");
            assert!(answer.headers.contains_key("www-authenticate"));
        }
    }
    // With it, what isn't there isn't there.
    lake.get("/v1/nothing")
        .await
        .is_problem(404, "route_not_found");
    lake.get("/v1").await.is_problem(404, "route_not_found");
}

#[tokio::test]
async fn the_rest_is_open() {
    let lake = Lake::new();
    for path in ["/", "/health", "/docs", "/openapi.json"] {
        assert_eq!(lake.ask(Method::GET, path, &[]).await.status, 200, "{path}");
        let wrong = [("x-api-key", "wrong")];
        assert_eq!(lake.ask(Method::GET, path, &wrong).await.status, 200);
    }
    let answer = lake.ask(Method::GET, "/nothing", &[]).await;
    answer.is_problem(404, "route_not_found");
}
