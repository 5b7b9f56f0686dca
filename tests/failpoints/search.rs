//! The same at each step of the index: what it finds is the record, nothing is lost or doubled, whatever
//! fails; and while a commit fails, what was there before is found.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::Utc;
use guildlake::derived::search::{
    Clock, Facets, Follower, Found, IndexState, Search, SearchRequest, Searchable, Settings, Sort,
};
use guildlake::failpoint::STEPS;
use guildlake::guild::Reach;
use guildlake::message::{IdRange, Source};
use guildlake::status::{SearchState, Status, StatusSender};
use guildlake::store::{Batch, Record};
use tokio_util::sync::CancellationToken;

use crate::{FOLDER, each, messages, rows, run_child, settings};
use testkit::record::{id, whole};

/// Commits of a run, each of them indexed.
const COMMITS: u64 = 8;

/// How long anything may take before the test says that it hangs.
const PATIENCE: Duration = Duration::from_secs(120);

struct Index {
    record: Record,
    follower: Follower,
    search: Search,
    status: StatusSender,
}

fn open(folder: &Path) -> Index {
    let (record, reader) = Record::open(&settings(folder)).unwrap();
    let found = Found::look(folder, &record.state().unwrap());
    let status = StatusSender::new(Status::default());
    let memory = 16_000_000;
    let follower = Follower::new(reader, found, Settings { memory }, status.clone());
    Index {
        record,
        search: follower.search(),
        follower,
        status,
    }
}

fn commit(record: &mut Record, commit: u64) {
    let batch = Batch {
        messages: messages(commit)
            .map(|(n, content, edit)| whole(id(n), &content, edit, 0, Source::Gateway))
            .collect(),
        ..Batch::default()
    };
    record.commit(&batch, Utc::now()).unwrap();
    record.maintain().unwrap();
}

/// Says of each commit that it is indexed; one that fails is tried again with the next.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "the child of the other test"]
async fn child() {
    let _orders = fail::FailScenario::setup();
    let folder = PathBuf::from(std::env::var_os(FOLDER).unwrap());
    let mut index = open(&folder);
    let stop = CancellationToken::new();
    let mut failed = false;
    for n in 0..COMMITS {
        commit(&mut index.record, n);
        match index.follower.catch_up_once(&stop).await {
            Ok(_) => println!("acknowledged {}", n + 1),
            Err(_) => failed = true,
        }
    }
    if failed {
        std::process::exit(3);
    }
}

/// What an index finds by a word: the ids.
fn find(searchable: &Searchable, q: Option<&str>) -> Vec<i64> {
    let clause = q.map(|q| {
        let context = guildlake::derived::search::query::Context {
            now: Utc::now(),
            zone: chrono_tz::Tz::UTC,
        };
        guildlake::derived::search::query::parse(q, &context)
            .unwrap()
            .unwrap()
    });
    let (clock, _leave_on_drop) = Clock::until(Instant::now() + PATIENCE);
    let request = SearchRequest {
        clause,
        reach: Reach::EVERYTHING,
        names: true,
        guild_id: None,
        channel_id: None,
        range: IdRange::ALL,
        include_deleted: true,
        sort: Sort::Oldest,
        after: None,
        limit: 10_000,
        facets: Facets::default(),
        zone: chrono_tz::Tz::UTC,
        channels_named: &|_| Vec::new(),
        clock,
    };
    let hits = searchable.find(&request).unwrap().unwrap();
    let ids: Vec<i64> = hits
        .hits
        .iter()
        .map(|hit| hit.message_id.as_i64())
        .collect();
    assert_eq!(hits.total, ids.len() as u64);
    ids
}

/// Everything that it finds is as the record has it.
fn compare(searchable: &Arc<Searchable>, rows: &BTreeMap<i64, String>, order: &str) {
    let ids: Vec<i64> = rows.keys().copied().collect();
    assert_eq!(find(searchable, None), ids, "{order}");
    for text in rows.values() {
        let having = rows.iter().filter(|(_, other)| *other == text);
        let having: Vec<i64> = having.map(|(id, _)| *id).collect();
        let found = find(searchable, Some(&format!("\"{text}\"")));
        assert_eq!(found, having, "{order}: {text}");
    }
}

#[test]
fn no_fault_at_any_step_of_the_index_loses_or_doubles_a_message() {
    let steps = STEPS.into_iter().filter(|step| step.starts_with("search"));
    // The index is filled once.
    each(
        steps,
        |step| if step == "search_filled" { 2 } else { COMMITS },
        fault,
    );
}

fn fault(order: &str) -> bool {
    // An index that a panic stops once is made anew; this one can't be.
    let order = &order.replace("search_filled=1*off->", "search_filled=");
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (_, ended_well) = run_child("search::child", folder, order);
    let index = open(folder);
    let revision = index.record.state().unwrap().revision;
    if let Some(state) = IndexState::read(folder).unwrap() {
        assert!(
            state.mark.whole_revision() <= revision,
            "{order}: it is ahead"
        );
    }
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let caught_up = runtime.block_on(index.follower.catch_up_once(&CancellationToken::new()));
    assert_eq!(caught_up.unwrap().whole_revision(), revision, "{order}");
    let searchable = index.search.now().unwrap();
    drop(index);
    compare(&searchable, &rows(folder), order);
    !ended_well
}

/// In one process: the writer is dropped and opened again, and what was there is found meanwhile.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "the child of the other test: an order is of a whole process"]
async fn child_that_goes_on() {
    let folder = PathBuf::from(std::env::var_os(FOLDER).unwrap());
    let _orders = fail::FailScenario::setup();
    let Index {
        mut record,
        follower,
        search,
        status,
    } = open(&folder);
    let stop = CancellationToken::new();
    let following = tokio::spawn(follower.run(stop.clone()));
    let until = async |condition: &dyn Fn(&Status) -> bool| {
        let mut status = status.subscribe();
        let waited = tokio::time::timeout(PATIENCE, status.wait_for(|it| condition(it)));
        drop(waited.await.expect("it hangs").unwrap());
    };
    let mut n = 0;
    let mut more = |record: &mut Record| {
        commit(record, n);
        n += 1;
        let revision = record.state().unwrap().revision;
        status.send_modify(|status| status.revision = revision);
        revision
    };
    let first = more(&mut record);
    until(&|status| status.search.revision == Some(first)).await;
    for step in ["search_taken", "search_written", "search_durable"] {
        for action in ["1*return(error)", "1*panic"] {
            let before = find(&search.now().unwrap(), None);
            fail::cfg(step, action).unwrap();
            let revision = more(&mut record);
            until(&|status| status.search.state == SearchState::Failed).await;
            assert_eq!(
                find(&search.now().unwrap(), None),
                before,
                "{step} {action}"
            );
            until(&|status| status.search.revision == Some(revision)).await;
            println!("went on after {step} {action}");
        }
    }
    stop.cancel();
    following.await.unwrap();
    let searchable = search.now().unwrap();
    drop((record, search));
    compare(&searchable, &rows(&folder), "in the end");
}

#[test]
fn a_commit_that_fails_is_tried_again_and_what_was_there_is_found_meanwhile() {
    let folder = tempfile::tempdir().unwrap();
    let (_, ended_well) = run_child("search::child_that_goes_on", folder.path(), "");
    assert!(ended_well);
}
