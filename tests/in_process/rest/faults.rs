//! Bad answers and no answers: tried again, but not for ever; refusals are taken at their word.

use std::net::Ipv4Addr;
use std::time::Duration;

use guildlake::discord::rest::{ArchivedKind, Fault, HistoryCursor, RestError, RestSettings};
use guildlake::guild::Access;
use guildlake::message::{ChannelId, MessageId};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use url::Url;

use super::fake::{Fake, answer, client, me, quick};

const HTML: &str = "<!DOCTYPE html><html><body>502 Bad Gateway</body></html>";

/// Answers that are nobody's decision.
const FAULTY: [(u16, &str); 12] = [
    (500, HTML),
    (502, ""),
    (503, HTML),
    (504, HTML),
    (599, r#"{"message":"x","code":0}"#),
    (408, r#"{"message":"x","code":0}"#),
    (200, HTML),
    (200, ""),
    (200, r#"{"id":"42","usern"#),
    (204, ""),
    (403, "<html>blocked by a proxy</html>"),
    (404, "404 page not found"),
];

#[tokio::test]
async fn a_faulty_answer_is_asked_again() {
    for (status, body) in FAULTY {
        let fake = Fake::start(move |n, _| {
            if n < 3 {
                answer(status, &[], body)
            } else {
                me()
            }
        })
        .await;
        let rest = client(&fake.url, quick());
        let me = rest
            .me()
            .await
            .unwrap_or_else(|error| panic!("{status} {body}: {error}"));
        assert_eq!(me.username, "lake");
        let stats = rest.status();
        assert_eq!(
            (stats.requests, stats.faults, stats.retries),
            (4, 3, 3),
            "{status}"
        );
    }
}

#[tokio::test]
async fn faults_that_go_on_are_for_later() {
    for (status, body) in FAULTY {
        let fake = Fake::start(move |_, _| answer(status, &[], body)).await;
        let rest = client(&fake.url, quick());
        let Err(error @ RestError::Unavailable { attempts: 4, .. }) = rest.me().await else {
            panic!("{status} {body}");
        };
        assert!(error.is_transient());
        assert_eq!(error.access(), None);
        let asked = format!("GET {}api/v10/users/@me", fake.url);
        assert!(error.to_string().contains(&asked), "{error}");
        assert_eq!(fake.count(), 4, "{status} {body}");
        let RestError::Unavailable { last, .. } = error else {
            unreachable!()
        };
        match status {
            200 | 204 => assert!(matches!(last, Fault::Body(_)), "{last:?}"),
            _ => assert_eq!(last, Fault::Status(status)),
        }
    }
}

#[tokio::test]
async fn patience_ends_by_time_too() {
    let fake = Fake::start(|_, _| answer(502, &[], HTML)).await;
    let settings = RestSettings {
        attempts: 1_000,
        give_up_after: Duration::from_millis(500),
        ..quick()
    };
    let error = client(&fake.url, settings).me().await.unwrap_err();
    assert!(
        matches!(
            error,
            RestError::Unavailable {
                attempts: 2..400,
                ..
            }
        ),
        "{error:?}"
    );
}

#[tokio::test]
async fn the_time_that_a_503_names_is_kept() {
    let fake = Fake::start(|n, _| match n {
        0 => answer(503, &[("retry-after", "0.1")], HTML),
        _ => me(),
    })
    .await;
    client(&fake.url, quick()).me().await.unwrap();
    let seen = fake.seen();
    assert!(seen[1].at - seen[0].at >= Duration::from_millis(100));
}

#[tokio::test]
async fn refusals_are_not_asked_again() {
    let refusals = [
        (401, 0, None),
        (403, 50_001, Some(Access::Forbidden)),
        (403, 50_013, Some(Access::Forbidden)),
        (403, 40_001, None),
        (404, 10_003, Some(Access::Missing)),
        (404, 0, None),
        (400, 50_035, None),
        (405, 0, None),
    ];
    for (status, code, access) in refusals {
        let body = format!(r#"{{"message":"This is why\nnot","code":{code}}}"#);
        let fake = Fake::start(move |_, _| answer(status, &[], &body)).await;
        let rest = client(&fake.url, quick());
        let error = rest.me().await.unwrap_err();
        let is_expected = match &error {
            RestError::Unauthorized { .. } => status == 401,
            RestError::Forbidden { code: said, .. } => (status, code) == (403, *said),
            RestError::NotFound { code: said, .. } => (status, code) == (404, *said),
            RestError::Rejected {
                status: 400 | 405,
                code: said,
                ..
            } => code == *said,
            _ => false,
        };
        assert!(is_expected, "{status} {code}: {error:?}");
        assert_eq!(error.access(), access);
        assert!(!error.is_transient());
        assert_eq!(fake.count(), 1);
        assert_eq!(
            rest.status().invalid_recent,
            u64::from(matches!(status, 401 | 403))
        );
        // Whoever reads it knows what was asked of whom, and what was said to it.
        let line = error.to_string();
        let asked = format!("GET {}api/v10/users/@me", fake.url);
        for part in [&*asked, &status.to_string(), "This is why not"] {
            assert!(line.contains(part), "{part} is not in: {line}");
        }
        assert!(!line.contains('\n'), "{line}");
    }
}

/// What a server sends before it ends the connection (`None`: it never does), and what that is.
type Case = (Option<&'static str>, fn(&Fault) -> bool);

#[tokio::test]
async fn no_answer_is_a_fault() {
    // Refused: nobody listens.
    let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = free.local_addr().unwrap();
    drop(free);
    let url = Url::parse(&format!("http://{address}")).unwrap();
    let error = client(&url, quick()).me().await.unwrap_err();
    assert!(
        matches!(
            &error,
            RestError::Unavailable {
                attempts: 4,
                last: Fault::Connection(_),
                ..
            }
        ),
        "{error:?}"
    );

    let silence = None;
    let cases: [Case; 5] = [
        (silence, |fault| *fault == Fault::Timeout),
        (Some(""), |fault| matches!(fault, Fault::Connection(_))),
        (Some("SSH-2.0-nothing\r\n"), |fault| {
            matches!(fault, Fault::Connection(_))
        }),
        (
            Some("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"id\":"),
            |fault| matches!(fault, Fault::Connection(_)),
        ),
        (
            Some("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n{\"id\":\"42\"}"),
            |fault| matches!(fault, Fault::Body(_)),
        ),
    ];
    for (bytes, expected) in cases {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let url = Url::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
        let server = tokio::spawn(async move {
            let mut held = Vec::new();
            while let Ok((mut stream, _)) = listener.accept().await {
                let _ = stream.read(&mut [0; 4096]).await;
                match bytes {
                    Some(bytes) => stream.write_all(bytes.as_bytes()).await.unwrap(),
                    None => held.push(stream),
                }
            }
        });
        let settings = RestSettings {
            attempts: 2,
            request_timeout: match bytes {
                Some(_) => quick().request_timeout,
                None => Duration::from_millis(150),
            },
            ..quick()
        };
        let error = client(&url, settings).me().await.unwrap_err();
        let RestError::Unavailable {
            attempts: 2, last, ..
        } = error
        else {
            panic!("{bytes:?}: {error:?}");
        };
        assert!(expected(&last), "{bytes:?}: {last:?}");
        server.abort();
    }
}

#[tokio::test]
async fn a_message_that_is_gone_is_no_error() {
    let fake = Fake::start(|_, target| match target {
        "/api/v10/channels/1/messages/2" => answer(404, &[], r#"{"message":"x","code":10008}"#),
        "/api/v10/channels/1/messages/3" => answer(200, &[], " {\"id\": \"3\", \"x\":1.0} \n"),
        _ => answer(404, &[], r#"{"message":"x","code":10003}"#),
    })
    .await;
    let rest = client(&fake.url, quick());
    let message = async |channel: i64, id: i64| {
        let id = MessageId::try_from(id).unwrap();
        let found = rest.message(channel.try_into().unwrap(), id).await;
        found.map(|found| found.map(|(raw, _)| raw))
    };
    assert_eq!(message(1, 2).await, Ok(None));
    assert_eq!(
        message(1, 3).await,
        Ok(Some(r#"{"id": "3", "x":1.0}"#.into()))
    );
    let error = message(2, 3).await.unwrap_err();
    assert!(
        matches!(error, RestError::NotFound { code: 10_003, .. }),
        "{error:?}"
    );
}

#[tokio::test]
async fn addresses_are_discords() {
    let fake = Fake::start(|_, target| match target {
        _ if target.contains("/messages") => answer(200, &[], "[]"),
        _ => answer(200, &[], r#"{"threads":[],"members":[],"has_more":true}"#),
    })
    .await;
    let mut base = fake.url.clone();
    base.set_path("/prefix/");
    let rest = client(&base, quick());
    let channel = ChannelId::try_from(7_i64).unwrap();
    let id = MessageId::try_from(9_i64).unwrap();
    for cursor in [
        HistoryCursor::Latest,
        HistoryCursor::Before(id),
        HistoryCursor::After(id),
    ] {
        rest.history_page(channel, cursor, 100).await.unwrap();
    }
    rest.history_page(channel, HistoryCursor::Latest, 0)
        .await
        .unwrap();
    for kind in [
        ArchivedKind::Public,
        ArchivedKind::Private,
        ArchivedKind::JoinedPrivate,
    ] {
        let page = rest.archived_threads(channel, kind, None).await.unwrap();
        assert!(
            page.has_more && page.next_before.is_none(),
            "an empty page leads nowhere"
        );
    }
    let targets: Vec<_> = fake.seen().into_iter().map(|seen| seen.target).collect();
    assert_eq!(
        targets,
        [
            "/prefix/api/v10/channels/7/messages?limit=100",
            "/prefix/api/v10/channels/7/messages?limit=100&before=9",
            "/prefix/api/v10/channels/7/messages?limit=100&after=9",
            "/prefix/api/v10/channels/7/messages?limit=1",
            "/prefix/api/v10/channels/7/threads/archived/public?limit=100",
            "/prefix/api/v10/channels/7/threads/archived/private?limit=100",
            "/prefix/api/v10/channels/7/users/@me/threads/archived/private?limit=100",
        ]
    );
}
