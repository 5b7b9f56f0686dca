//! What changed, for callers that keep a copy.

use std::collections::BTreeMap;

use serde_json::Value;

use testkit::lake::{CHANNEL, GUILD, Lake, edited, minute, payload};

async fn page(lake: &Lake, since: i64, more: &str) -> Value {
    lake.get(&format!("/v1/changes?guild_id={GUILD}&since={since}{more}"))
        .await
        .json()
}

/// A copy, refreshed as a tool does it.
#[derive(Default)]
struct Copy {
    since: i64,
    rows: BTreeMap<String, Value>,
    received: usize,
}

impl Copy {
    async fn refresh(&mut self, lake: &Lake) {
        let mut more = "&limit=3".to_owned();
        loop {
            let page = page(lake, self.since, &more).await;
            for row in page["data"].as_array().unwrap() {
                let id = row["message_id"].as_str().unwrap().to_owned();
                self.rows.insert(id, row.clone());
                self.received += 1;
            }
            match page["next_cursor"].as_str() {
                Some(cursor) => more = format!("&limit=3&cursor={cursor}"),
                None => {
                    self.since = page["next_since"].as_i64().unwrap();
                    return;
                }
            }
        }
    }
}

async fn everything(lake: &Lake) -> BTreeMap<String, Value> {
    let all = lake
        .get(&format!(
            "/v1/messages?guild_id={GUILD}&channel_id={CHANNEL}&limit=500&include_deleted=true"
        ))
        .await
        .json();
    let rows = all["data"].as_array().unwrap().iter();
    rows.map(|row| (row["message_id"].as_str().unwrap().to_owned(), row.clone()))
        .collect()
}

#[tokio::test]
async fn a_copy_that_is_refreshed_is_the_record() {
    let mut lake = Lake::new();
    lake.add_minutes(10);
    let mut copy = Copy::default();
    copy.refresh(&lake).await;
    assert_eq!(copy.rows, everything(&lake).await);
    assert_eq!(copy.received, 10, "one commit, cut into pages");

    lake.delete(minute(3));
    lake.update(&edited(minute(5), "edited", "2025-03-01T00:00:00Z"));
    lake.add([payload(minute(20), "new"), payload(minute(-5), "older")]);
    copy.refresh(&lake).await;
    assert_eq!(copy.rows, everything(&lake).await);
    assert_eq!(copy.received, 14, "only what changed");
    assert_eq!(copy.rows[&minute(3).to_string()]["deleted"], true);

    copy.refresh(&lake).await;
    assert_eq!(copy.received, 14, "nothing changed");
}

#[tokio::test]
async fn a_walk_ends_where_the_record_was_when_it_began() {
    let mut lake = Lake::new();
    lake.add_minutes(5);
    let first = page(&lake, 0, "&limit=3").await;
    let cursor = first["next_cursor"].as_str().unwrap();
    assert_eq!(first["has_more"], true);
    lake.add([payload(minute(50), "meanwhile")]);
    lake.delete(minute(4));
    let second = page(&lake, 0, &format!("&limit=3&cursor={cursor}")).await;
    assert_eq!(
        second["data"].as_array().unwrap().len(),
        1,
        "one has changed since"
    );
    assert_eq!(second["has_more"], false);
    assert_eq!(second["next_since"], first["next_since"]);
    let since = second["next_since"].as_i64().unwrap();
    let next = page(&lake, since, "").await;
    assert_eq!(next["data"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_copy_of_another_record_is_told_to_reload() {
    let mut lake = Lake::new();
    lake.add_minutes(2);
    let first = page(&lake, 0, "").await;
    let [store_id, epoch] = ["store_id", "epoch"].map(|name| first[name].as_str().unwrap());
    let since = first["next_since"].as_i64().unwrap();
    page(&lake, since, &format!("&store_id={store_id}")).await;
    for wrong in [
        format!("&since={since}&store_id=another"),
        format!("&since={}", since + 1),
        format!("&since=0&cursor={}.1.{}.{epoch}", since + 1, minute(0)),
    ] {
        let answer = lake
            .get(&format!("/v1/changes?guild_id={GUILD}{wrong}"))
            .await;
        answer.is_problem(410, "reload_needed");
    }
}

#[tokio::test]
async fn a_copy_learns_that_a_backup_was_put_back() {
    let mut lake = Lake::new();
    lake.add_minutes(2);
    let early = page(&lake, 0, "").await;
    let backup = lake.copy();
    lake.add([payload(
        minute(20),
        "seen by the copy, and lost with the folder",
    )]);
    let late = page(&lake, 0, "").await;
    let path = |seen: &Value| {
        let [store_id, epoch] = ["store_id", "epoch"].map(|name| seen[name].as_str().unwrap());
        let since = &seen["next_since"];
        format!("/v1/changes?since={since}&store_id={store_id}&epoch={epoch}")
    };

    // A restart changes nothing for it, a walk of several pages neither, whatever is written since.
    let mut lake = lake.restart();
    lake.get(&path(&late)).await.json();
    for minutes in 50..55 {
        lake.add([payload(minute(minutes), "after a restart")]);
    }
    let first = lake.get(&(path(&late) + "&limit=3")).await.json();
    let cursor = first["next_cursor"].as_str().unwrap();
    let second = format!("{}&limit=3&cursor={cursor}", path(&late));
    let rows = lake.get(&second).await.json();
    assert_eq!(rows["data"].as_array().unwrap().len(), 2);

    let mut lake = Lake::of(backup);
    for minutes in 30..40 {
        lake.add([payload(minute(minutes), "counted again")]);
    }
    let reload = lake.get(&path(&late)).await;
    reload.is_problem(410, "reload_needed");
    let since = &late["next_since"];
    let unsaid = lake.get(&format!("/v1/changes?since={since}")).await.json();
    assert!(
        unsaid["next_since"].as_i64() > since.as_i64(),
        "only the epoch tells"
    );
    // What is as old as the backup is still right.
    let rows = lake.get(&path(&early)).await.json();
    assert_eq!(rows["data"].as_array().unwrap().len(), 10);
    // Also when it is of the same epoch as what was lost; and a walk that was under way is over.
    assert_eq!(early["epoch"], late["epoch"]);
    lake.get(&second).await.is_problem(410, "reload_needed");
}

#[tokio::test]
async fn a_copy_can_begin_with_a_download() {
    let mut lake = Lake::new();
    lake.add_minutes(3);
    let path = format!("/v1/messages.arrow?guild_id={GUILD}&include_deleted=true");
    let file = lake.get(&path).await;
    let stream = arrow::ipc::reader::StreamReader::try_new(file.body.as_slice(), None).unwrap();
    let schema = stream.schema();
    let told = |name: &str| schema.metadata()[&format!("guildlake.{name}")].clone();
    lake.add([payload(minute(20), "later")]);
    let (revision, store_id, epoch) = (told("revision"), told("store_id"), told("epoch"));
    let path = format!("/v1/changes?since={revision}&store_id={store_id}&epoch={epoch}");
    let changes = lake.get(&path).await.json();
    assert_eq!(changes["data"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn bad_parameters_are_named() {
    let lake = Lake::new();
    for (query, field) in [
        (format!("guild_id={GUILD}"), "since"),
        ("since=0&guild_id=x".to_owned(), "guild_id"),
        (format!("guild_id={GUILD}&since=-1"), "since"),
        (format!("guild_id={GUILD}&since=0&cursor=x"), "cursor"),
        (format!("guild_id={GUILD}&since=0&limit=501"), "limit"),
        (
            format!("guild_id={GUILD}&since=0&from=2025-01-01T00:00:00Z"),
            "from",
        ),
    ] {
        let answer = lake.get(&format!("/v1/changes?{query}")).await;
        let problem = answer.is_problem(400, "invalid_parameter");
        assert_eq!(problem["errors"][0]["field"], field, "{query}");
    }
}
