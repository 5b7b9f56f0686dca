//! `Host`, requests that other sites' pages make a browser send, and pages that may read answers.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use guildlake::api::{Origins, ServeSettings, TrustedProxies};
use testkit::lake::{KEY, Lake, MESSAGES, Served};

/// The head, in lower case, and the body of the answer.
async fn ask(served: &Served, line: &str, headers: &str) -> (String, String) {
    let mut stream = TcpStream::connect(served.address).await.unwrap();
    let request = format!("{line}\r\nConnection: close\r\n{headers}\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (format!("{}\r\n", head.to_lowercase()), body.to_owned())
}

fn status(head: &str) -> u16 {
    head.split(' ').nth(1).unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_request_has_exactly_one_valid_host() {
    let lake = Lake::new();
    let served = Served::new(&lake).await;
    for (line, headers, expected) in [
        ("GET /health HTTP/1.1", "", 400),
        ("GET /health HTTP/1.1", "Host: a\r\nHost: a\r\n", 400),
        ("GET /health HTTP/1.1", "Host: a\r\nHost: b\r\n", 400),
        ("GET /health HTTP/1.1", "Host: a/b\r\n", 400),
        ("GET /health HTTP/1.1", "Host: me@a\r\n", 400),
        ("GET http://a/health HTTP/1.1", "", 400),
        ("GET /health HTTP/1.0", "Host: a\r\nHost: b\r\n", 400),
        ("GET /health HTTP/1.0", "", 200),
        ("GET /health HTTP/1.1", "Host:\r\n", 200),
        ("GET /health HTTP/1.1", "Host: a:8000\r\n", 200),
        ("GET http://a/health HTTP/1.1", "Host: a\r\n", 200),
    ] {
        let (head, body) = ask(&served, line, headers).await;
        assert_eq!(status(&head), expected, "{line} {headers}");
        if expected == 400 {
            assert!(
                body.contains(r#""code":"bad_request""#) && body.contains("Host"),
                "{body}"
            );
            assert!(head.contains("x-request-id: "), "{head}");
        }
        assert!(
            head.contains("cross-origin-resource-policy: same-origin\r\n"),
            "{head}"
        );
    }
    served.stop().await;
}

/// A page that resolves its own name to 127.0.0.1 is of the same origin for the browser; only the name tells.
#[tokio::test]
async fn on_loopback_a_name_from_elsewhere_is_refused_and_the_answer_says_what_to_do() {
    let lake = Lake::new();
    let origins = |hosts: &[&str]| Origins {
        hosts: hosts.iter().map(|&host| host.to_owned()).collect(),
        is_on_loopback: true,
        ..Origins::default()
    };
    let get = async |served: &Served, path: &str, host: &str| {
        let (line, host) = (format!("GET {path} HTTP/1.1"), format!("Host: {host}\r\n"));
        let (head, body) = ask(served, &line, &host).await;
        (status(&head), body)
    };
    let plain = Served::with(lake.router_with(origins(&[])), ServeSettings::default()).await;
    assert_eq!(get(&plain, "/", "localhost:8000").await.0, 200);
    assert_eq!(get(&plain, "/", "[::1]:8000").await.0, 200);
    let (code, body) = get(&plain, "/", "evil.example:8000").await;
    assert_eq!(code, 421);
    for part in ["unknown_host", "PUBLIC_HOSTS", "TRUSTED_PROXIES"] {
        assert!(body.contains(part), "{body}");
    }
    // The request line decides, where it names a host.
    let forged = ask(
        &plain,
        "GET http://evil.example/ HTTP/1.1",
        "Host: localhost\r\n",
    )
    .await;
    assert_eq!(status(&forged.0), 421);
    // Monitoring asks by any name.
    assert_eq!(get(&plain, "/health", "10.0.0.7").await.0, 200);
    assert_eq!(get(&plain, "/ready", "monitor.example").await.0, 200);
    plain.stop().await;

    let named = lake.router_with(origins(&["reports.example.org"]));
    let named = Served::with(named, ServeSettings::default()).await;
    assert_eq!(get(&named, "/", "Reports.example.org").await.0, 200);
    assert_eq!(get(&named, "/", "localhost").await.0, 200);
    assert_eq!(get(&named, "/", "evil.example").await.0, 421);
    named.stop().await;

    let behind_a_proxy = ServeSettings {
        trusted_proxies: TrustedProxies::new(["127.0.0.1/32".parse().unwrap()]),
        ..ServeSettings::default()
    };
    let proxied = Served::with(lake.router_with(origins(&[])), behind_a_proxy).await;
    assert_eq!(get(&proxied, "/", "reports.example.org").await.0, 200);
    proxied.stop().await;
}

/// A browser sends the credentials of HTTP Basic that it has stored with whatever any page asks for.
#[tokio::test]
async fn a_page_of_another_site_changes_nothing() {
    let lake = Lake::new();
    let origins = Origins {
        cors: vec!["https://dashboard.example.org".to_owned()],
        ..Origins::default()
    };
    let served = Served::with(lake.router_with(origins), ServeSettings::default()).await;
    // A request that is let through finds that the route takes no POST.
    let post = async |headers: &str| {
        let headers =
            format!("Host: lake.example\r\nx-api-key: {KEY}\r\nContent-Length: 0\r\n{headers}");
        ask(&served, "POST /v1/messages HTTP/1.1", &headers).await
    };
    for headers in [
        "Sec-Fetch-Site: cross-site\r\n",
        "Sec-Fetch-Site: same-site\r\n",
        "Sec-Fetch-Site: cross-site\r\nOrigin: https://evil.example\r\n",
        "Origin: https://evil.example\r\n",
        "Origin: null\r\n",
        "Origin: http://lake.example:8000\r\n",
    ] {
        let (head, body) = post(headers).await;
        assert_eq!(status(&head), 403, "{headers}");
        assert!(body.contains(r#""code":"cross_site""#), "{body}");
        assert!(body.contains("CORS_ORIGINS"), "{body}");
    }
    for headers in [
        "",
        "Sec-Fetch-Site: same-origin\r\n",
        "Sec-Fetch-Site: same-origin\r\nOrigin: https://lake.example\r\n",
        "Sec-Fetch-Site: none\r\n",
        "Origin: http://lake.example\r\n",
        "Sec-Fetch-Site: cross-site\r\nOrigin: https://dashboard.example.org\r\n",
    ] {
        let (head, _) = post(headers).await;
        assert_eq!(status(&head), 405, "{headers}");
    }
    let headers = format!("Host: a\r\nx-api-key: {KEY}\r\nSec-Fetch-Site: cross-site\r\n");
    let (head, _) = ask(&served, &format!("GET {MESSAGES} HTTP/1.1"), &headers).await;
    assert_eq!(status(&head), 200, "reading changes nothing");
    served.stop().await;
}

#[tokio::test]
async fn only_pages_of_the_named_origins_read_answers() {
    let lake = Lake::new();
    let page = "https://dashboard.example.org";
    let origins = Origins {
        cors: vec![page.to_owned()],
        ..Origins::default()
    };
    let served = Served::with(lake.router_with(origins), ServeSettings::default()).await;
    let preflight = async |served: &Served, origin: &str| {
        let headers = format!(
            "Host: a\r\nOrigin: {origin}\r\nAccess-Control-Request-Method: GET\r\n\
             Access-Control-Request-Headers: x-api-key,traceparent\r\n"
        );
        ask(served, "OPTIONS /v1/messages HTTP/1.1", &headers)
            .await
            .0
    };
    let allowed = "access-control-allow-origin: https://dashboard.example.org\r\n";
    let head = preflight(&served, page).await;
    assert_eq!(status(&head), 200, "{head}");
    assert!(head.contains(allowed), "{head}");
    for name in ["x-api-key", "authorization", "traceparent", "if-none-match"] {
        let line = head
            .lines()
            .find(|line| line.starts_with("access-control-allow-headers"));
        assert!(line.unwrap().contains(name), "{head}");
    }
    assert!(!head.contains("access-control-allow-credentials"), "{head}");
    assert!(
        !preflight(&served, "https://evil.example")
            .await
            .contains("access-control-allow-origin")
    );

    // An answer, and an error.
    for (key, expected) in [(KEY, 200), ("wrong", 401)] {
        let headers = format!("Host: a\r\nOrigin: {page}\r\nx-api-key: {key}\r\n");
        let (head, _) = ask(&served, &format!("GET {MESSAGES} HTTP/1.1"), &headers).await;
        assert_eq!(status(&head), expected);
        assert!(head.contains(allowed), "{head}");
        let line = head
            .lines()
            .find(|line| line.starts_with("access-control-expose-headers"));
        for name in [
            "link",
            "etag",
            "x-request-id",
            "retry-after",
            "ratelimit",
            "ratelimit-policy",
            "guildlake-revision",
        ] {
            assert!(line.unwrap().contains(name), "{name}: {head}");
        }
    }
    served.stop().await;

    let closed = Served::new(&lake).await;
    let head = preflight(&closed, page).await;
    assert_eq!(status(&head), 401, "{head}");
    assert!(!head.contains("access-control"), "{head}");
    closed.stop().await;
}
