//! SIGKILL at any moment: while the index is first made, while it follows, while it catches up. The next
//! start brings it to the record, and then it finds exactly the messages that the table has.
//!
//! `GUILDLAKE_SEARCH_KILLS` sets the number of kills.

use std::path::Path;
use std::time::Instant;

use guildlake::derived::search::IndexState;
use rand::RngExt;
use serde_json::Value;
use simulator::Draft;

use super::table::Table;
use crate::GUILDLAKE;
use testkit::http::Http;
use testkit::plan::{Plan, TRAFFIC, Times, rounds};
use testkit::program::KEY;
use testkit::service::Service;

/// Words of a comparison.
const WORDS: usize = 200;

/// What the kills met.
#[derive(Default)]
struct Figures {
    none: usize,
    filling: usize,
    behind: usize,
    even: usize,
    anew: usize,
    words: usize,
    reactions: usize,
    found: usize,
    plain: usize,
    analysed: usize,
}

impl Figures {
    /// How a kill left the index; it is never ahead of the record.
    fn left(&mut self, data: &Path, revision: i64) {
        match IndexState::read(data).unwrap() {
            None => self.none += 1,
            Some(state) if state.mark.filling.is_some() => self.filling += 1,
            Some(state) => {
                let indexed = state.mark.whole_revision();
                assert!(indexed <= revision, "{indexed} of {revision}: it is ahead");
                self.behind += usize::from(indexed < revision);
                self.even += usize::from(indexed == revision);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_at_any_moment_leaves_an_index_that_becomes_the_table() {
    let mut plan = Plan::new("search", rounds("GUILDLAKE_SEARCH_KILLS", 3), 1500).await;
    let mut figures = Figures::default();
    let mut ready = Times::default();
    for round in 0..plan.rounds {
        let traffic = plan.simulator.traffic(TRAFFIC);
        // In every third round it is made anew; in every fifth it is killed before it is ready.
        if round % 3 == 2 {
            let _ = std::fs::remove_dir_all(plan.data().join("search"));
        }
        let mut service = Service::start(GUILDLAKE, plan.folder.path(), &plan.simulator);
        if round % 5 != 4 {
            ready.push(service.ready().await.unwrap());
        }
        tokio::time::sleep(plan.moment(0, 1500)).await;
        service.kill().await;
        drop(traffic);
        let Some(mut table) = Table::read(&plan.data()) else {
            continue;
        };
        figures.left(&plan.data(), table.revision);
        // As it catches up, or is made.
        for _ in 0..round % 3 {
            let service = alone(&plan);
            tokio::time::sleep(plan.moment(0, 600)).await;
            service.kill().await;
            figures.left(&plan.data(), table.revision);
        }
        let mut service = alone(&plan);
        let revision = Some(table.revision);
        let seen = service
            .until(|seen| seen.search_revision == revision && seen.search == "following")
            .await
            .unwrap();
        assert_eq!(seen.documents, table.len() as u64, "round {round}");
        figures.anew += usize::from(seen.rows.1 > 0);
        compare(&mut plan, &mut table, &seen.base, &mut figures).await;
        service.kill().await;
    }
    let Figures {
        none,
        filling,
        behind,
        even,
        anew,
        words,
        reactions,
        found,
        plain,
        analysed,
    } = figures;
    println!(
        "search: seed {}, {} rounds; a kill left no index {none} times, a half made one {filling}, one that was behind \
         {behind}, one that was even {even}; made anew {anew} times; {words} words and {reactions} reactions looked for twice, {found} \
         messages found, 0 missing, 0 too many ({plain} texts read plainly, {analysed} by the analysis of the \
         search); live: {ready}",
        plan.seed, plan.rounds
    );
}

/// The service without Discord: the record stays what it is.
fn alone(plan: &Plan) -> Service {
    let mut command = GUILDLAKE.command(plan.folder.path(), &["serve"]);
    command.env("API_KEY", KEY).env("SNAPSHOT_INTERVAL", "off");
    Service::spawn(command)
}

/// Compares what it finds, word by word, with what the table has.
async fn compare(plan: &mut Plan, table: &mut Table, base: &str, figures: &mut Figures) {
    let http = Http::new(base);
    let all = walk(&http, "include_deleted=true").await;
    assert_eq!(all.len(), table.len(), "messages");
    for word in table.words(WORDS, &mut plan.dice) {
        let having = table.having(&word);
        let quoted = format!("\"{word}\"");
        let q = percent_encoding::utf8_percent_encode(&quoted, percent_encoding::NON_ALPHANUMERIC);
        let found = walk(&http, &format!("q={q}")).await;
        assert_same(table, &word, &found, &having.present);
        let found = walk(&http, &format!("q={q}&include_deleted=true")).await;
        assert_same(table, &word, &found, &having.all);
        figures.words += 1;
        figures.found += found.len();
    }
    let emoji = table.emoji();
    let mut asked = vec![("has:reaction".to_owned(), table.reacted(None))];
    for it in &emoji {
        // The plain emoji finds every skin tone.
        let same: Vec<&str> = emoji
            .iter()
            .map(String::as_str)
            .filter(|other| *other == it || without_skin_tone(other) == *it)
            .collect();
        asked.push((format!("reaction:{it}"), table.reacted(Some(&same))));
    }
    for (q, having) in asked {
        let typed = percent_encoding::utf8_percent_encode(&q, percent_encoding::NON_ALPHANUMERIC);
        let found = walk(&http, &format!("q={typed}")).await;
        assert_same(table, &q, &found, &having.present);
        let found = walk(&http, &format!("q={typed}&include_deleted=true")).await;
        assert_same(table, &q, &found, &having.all);
        figures.reactions += 1;
        figures.found += found.len();
    }
    figures.plain += std::mem::take(&mut table.plain);
    figures.analysed += std::mem::take(&mut table.analysed);
}

fn without_skin_tone(emoji: &str) -> String {
    let tones = '\u{1f3fb}'..='\u{1f3ff}';
    emoji.chars().filter(|it| !tones.contains(it)).collect()
}

fn assert_same(table: &Table, word: &str, found: &[i64], expected: &[i64]) {
    if found == expected {
        return;
    }
    let show = |some: &[i64], others: &[i64]| {
        let ids = some.iter().filter(|id| !others.contains(id)).take(3);
        let texts = ids.map(|id| format!("{id}: {:?}", table.texts_of(*id)));
        texts.collect::<Vec<_>>().join("\n")
    };
    panic!(
        "{word}: {} found, {} expected\ntoo many:\n{}\nmissing:\n{}",
        found.len(),
        expected.len(),
        show(found, expected),
        show(expected, found)
    );
}

/// The ids on all pages, the oldest first; they are as many as each page says.
async fn walk(http: &Http, query: &str) -> Vec<i64> {
    let (mut ids, mut totals, mut cursor) = (Vec::new(), Vec::new(), String::new());
    loop {
        let path = format!("/v1/search?sort=oldest&limit=500&highlights=false&{query}{cursor}");
        let (code, page) = http.get(&path).await;
        assert_eq!(code, 200, "{path}: {page}");
        let id = |row: &Value| row["message_id"].as_str().unwrap().parse::<i64>().unwrap();
        ids.extend(page["data"].as_array().unwrap().iter().map(id));
        totals.push(page["total"].as_u64().unwrap());
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert!(
        totals.iter().all(|total| *total == ids.len() as u64),
        "{query}: {totals:?}"
    );
    ids
}

/// How long it takes until a message that was just sent is found, beside others: printed, not judged.
#[tokio::test(flavor = "multi_thread")]
async fn a_new_message_is_found_after_a_moment() {
    let times = rounds("GUILDLAKE_SEARCH_SENT", 5);
    let mut plan = Plan::new("new messages", times, 600).await;
    let mut service = Service::start(GUILDLAKE, plan.folder.path(), &plan.simulator);
    let seen = service.until(|seen| seen.is_live && seen.is_complete && seen.search == "following");
    let base = seen.await.unwrap().base;
    let http = Http::new(&base);
    let channel = plan
        .simulator
        .channels()
        .into_iter()
        .find(|channel| channel.visible && channel.history && channel.kind.has_messages())
        .unwrap();
    let traffic = plan.simulator.traffic(20.0);
    let (mut found_after, mut taken) = (Times::default(), 0);
    'needles: for n in 0..times {
        let word = format!("needle{n}x{}", plan.dice.random_range(0..1_000_000));
        let sent = Instant::now();
        let draft = Draft::text(format!("a {word} in the hay"));
        let id = plan.simulator.create_message(channel.id, draft).unwrap();
        let shown = Value::from(id.to_string());
        loop {
            let before = service
                .until(|seen| seen.search_revision.is_some())
                .await
                .unwrap();
            let (code, page) = http.get(&format!("/v1/search?q={word}")).await;
            assert_eq!(code, 200, "{page}");
            if page["data"][0]["message_id"] == shown {
                assert_eq!(page["total"], 1, "{page}");
                break;
            }
            // The others edit and delete what is recent, this too.
            let here = plan.simulator.truth_in(channel.id);
            let mut here = here.iter().filter(|message| !message.deleted);
            if !here.any(|message| message.id == id && message.content.contains(&word)) {
                taken += 1;
                continue 'needles;
            }
            assert_eq!(page["total"], 0, "{page}");
            let next = service.until(|seen| seen.search_revision > before.search_revision);
            next.await.unwrap();
        }
        found_after.push(sent.elapsed());
    }
    drop(traffic);
    let ended = service.terminate().await;
    assert_eq!(ended.code, Some(0), "{}", ended.said);
    println!(
        "search: seed {}, a new message is found after: {found_after}; {taken} were edited or deleted before",
        plan.seed
    );
}
