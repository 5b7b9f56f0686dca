//! Answers of the row store and of the record, byte for byte.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::Request;
use guildlake::status::RowsState;
use rand::SeedableRng;
use rand::rngs::StdRng;
use testkit::lake::{KEY, Lake};
use testkit::plan::{rounds, seed};
use tower::ServiceExt;

use super::kit::{changes, channels, commit, record_only, request};

/// Commits before the first request.
const COMMITS: usize = 60;

async fn ask(router: &Router, path: &str) -> (u16, Option<String>, String) {
    let request = Request::get(path).header("x-api-key", KEY);
    let request = request.body(Body::empty()).unwrap();
    let answer = router.clone().oneshot(request).await.unwrap();
    let status = answer.status().as_u16();
    let link = answer.headers().get("link").cloned();
    let link = link.map(|link| link.to_str().unwrap().to_owned());
    let body = to_bytes(answer.into_body(), usize::MAX).await.unwrap();
    let mut body = String::from_utf8(body.to_vec()).unwrap();
    if status != 200 {
        // A problem names its request.
        body = body.split("\"request_id\"").next().unwrap().to_owned();
    }
    (status, link, body)
}

/// `make rows` asks ten thousand times.
#[tokio::test(flavor = "multi_thread")]
async fn every_answer_is_the_records_own() {
    let (seed, requests) = (seed(), rounds("GUILDLAKE_ROWS_REQUESTS", 150));
    println!("rows: seed {seed}, {requests} requests (GUILDLAKE_SEED={seed} plays them again)");
    let mut dice = StdRng::seed_from_u64(seed);
    let mut lake = Lake::new();
    let record = record_only(&lake);
    let mut known = 0;
    lake.commit(&channels());
    for n in 0..COMMITS {
        lake.commit(&changes(&mut dice, &mut known));
        if n == COMMITS / 2 {
            // The first half is read from the record, the second is handed over.
            lake.level().await;
        }
    }
    for n in 0..requests {
        if n % 3 == 0 {
            lake.commit(&changes(&mut dice, &mut known));
        }
        lake.level().await;
        let path = request(&mut dice, known);
        let answer = ask(&lake.router, &path).await;
        assert_eq!(lake.status.borrow().rows.state, RowsState::Following);
        assert_eq!(answer, ask(&record, &path).await, "request {n}: {path}");
    }
}

/// The same while a thread commits, in moments in which no commit came between the two answers.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_are_the_records_own_while_messages_arrive() {
    let (seed, requests) = (seed(), rounds("GUILDLAKE_ROWS_REQUESTS", 60));
    println!("rows: seed {seed}, {requests} requests (GUILDLAKE_SEED={seed} plays them again)");
    let mut dice = StdRng::seed_from_u64(seed);
    let mut lake = Lake::new();
    let record = record_only(&lake);
    let mut known = 0;
    lake.commit(&channels());
    for _ in 0..COMMITS {
        lake.commit(&changes(&mut dice, &mut known));
    }
    lake.level().await;
    let Lake {
        record: mut writer,
        router,
        rows,
        status,
        reader: _reader,
        follower: _follower,
        folder: _folder,
        ..
    } = lake;
    let follower = rows.unwrap();
    let done = Arc::new(AtomicBool::new(false));
    let (told, mut writes) = (Arc::clone(&done), StdRng::seed_from_u64(seed + 1));
    let committed = Arc::new(std::sync::atomic::AtomicI64::new(writer.revision()));
    let counted = Arc::clone(&committed);
    let thread = std::thread::spawn(move || {
        let mut known = known;
        while !told.load(Ordering::SeqCst) {
            // Before the commit, so that nobody compares across it.
            counted.store(-1, Ordering::SeqCst);
            commit(&mut writer, &changes(&mut writes, &mut known));
            counted.store(writer.revision(), Ordering::SeqCst);
            std::thread::sleep(Duration::from_millis(4));
        }
        writer
    });
    let (mut compared, mut by_rows) = (0, 0);
    while compared < requests {
        if status.borrow().rows.state != RowsState::Following {
            let stop = tokio_util::sync::CancellationToken::new();
            // A commit can come between; the next turn tries again.
            let _ = follower.catch_up_once(&stop).await;
        }
        let path = request(&mut dice, known);
        let before = committed.load(Ordering::SeqCst);
        let followed = status.borrow().rows.state == RowsState::Following;
        let answer = ask(&router, &path).await;
        let expected = ask(&record, &path).await;
        if before >= 0 && committed.load(Ordering::SeqCst) == before {
            assert_eq!(answer, expected, "{path}");
            compared += 1;
            by_rows += usize::from(followed);
        }
    }
    done.store(true, Ordering::SeqCst);
    drop(thread.join().unwrap());
    assert!(
        by_rows * 2 > compared,
        "{by_rows} of {compared} were answered by the row store"
    );
}
