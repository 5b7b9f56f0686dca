//! What was refused is asked for once, until there is a reason to ask again.

use axum::body::Body;
use axum::http::Response;
use guildlake::discord::rest::{ArchivedKind, HistoryCursor, Rest, RestError};
use guildlake::guild::Place;
use guildlake::message::{ChannelId, GuildId, MessageId, UserId};

use super::fake::{Fake, answer, client, quick};

fn guild() -> GuildId {
    7_u64.try_into().expect("an id")
}

fn channel(id: u64) -> ChannelId {
    id.try_into().expect("an id")
}

fn message(id: u64) -> MessageId {
    id.try_into().expect("an id")
}

fn refusal(status: u16, code: u32) -> Response<Body> {
    let body = format!(r#"{{"message":"no","code":{code}}}"#);
    answer(status, &[], &body)
}

/// Asks for everything that can be refused; answers what of it was.
async fn ask_for_everything(rest: &Rest) -> Vec<RestError> {
    let me = UserId::try_from(42_u64).expect("an id");
    let channel = channel(8);
    let mut refused = vec![
        rest.guild(guild()).await.err(),
        rest.guild_channels(guild()).await.err(),
        rest.active_threads(guild()).await.err(),
        rest.member(guild(), me).await.err(),
        rest.channel(channel).await.err(),
        rest.message(channel, message(9)).await.err(),
    ];
    for cursor in [
        HistoryCursor::Latest,
        HistoryCursor::Before(message(9)),
        HistoryCursor::Oldest,
    ] {
        refused.push(rest.history_page(channel, cursor, 100).await.err());
    }
    for kind in [
        ArchivedKind::Public,
        ArchivedKind::Private,
        ArchivedKind::JoinedPrivate,
    ] {
        refused.push(rest.archived_threads(channel, kind, None).await.err());
    }
    refused.into_iter().flatten().collect()
}

#[tokio::test]
async fn every_route_is_refused_once_and_asked_again_when_its_rights_are_touched() {
    for code in [50_001, 50_013, 40_001] {
        let fake = Fake::start(move |_, _| refusal(403, code)).await;
        let rest = client(&fake.url, quick());
        let first = ask_for_everything(&rest).await;
        assert_eq!(first.len(), 12);
        // The three pages of history are one route.
        assert_eq!(fake.count(), 10);
        assert_eq!(ask_for_everything(&rest).await, first, "the same answers");
        assert_eq!(fake.count(), 10, "without a request");
        assert!(rest.refused_history(channel(8)).is_some());
        assert!(rest.refused_history(channel(9)).is_none());

        rest.ask_again(|place| place == Place::Channel(channel(9)));
        ask_for_everything(&rest).await;
        assert_eq!(fake.count(), 10, "another channel's rights");
        rest.ask_again(|place| place == Place::Guild(guild()));
        ask_for_everything(&rest).await;
        assert_eq!(fake.count(), 14, "the guild's own routes");
        rest.ask_again(|place| place == Place::Channel(channel(8)));
        ask_for_everything(&rest).await;
        assert_eq!(fake.count(), 20, "the channel's");
        // A start of the process.
        let rest = client(&fake.url, quick());
        ask_for_everything(&rest).await;
        assert_eq!(fake.count(), 30);
    }
}

#[tokio::test]
async fn that_one_thing_is_not_there_is_looked_at_each_time() {
    let fake = Fake::start(|_, path| {
        if path.contains("/messages/") {
            refusal(404, 10_008)
        } else {
            refusal(404, 10_003)
        }
    })
    .await;
    let rest = client(&fake.url, quick());
    for _ in 0..2 {
        rest.channel(channel(8)).await.expect_err("it is refused");
        let gone = rest.message(channel(8), message(9)).await;
        assert_eq!(gone, Ok(None));
    }
    assert_eq!(fake.count(), 4, "a second look has to be one");
    for _ in 0..2 {
        let page = rest.history_page(channel(8), HistoryCursor::Latest, 100);
        page.await.expect_err("it is refused");
    }
    assert_eq!(fake.count(), 5);
}

#[tokio::test]
async fn what_is_no_word_of_discord_is_not_remembered() {
    for (status, body) in [
        (403, "<html>blocked by a proxy</html>"),
        (404, r#"{"message":"404: Not Found","code":0}"#),
        (502, ""),
    ] {
        let fake = Fake::start(move |_, _| answer(status, &[], body)).await;
        let rest = client(&fake.url, quick());
        rest.guild(guild()).await.expect_err("no answer");
        let asked = fake.count();
        rest.guild(guild()).await.expect_err("no answer");
        assert_eq!(fake.count(), 2 * asked, "{status} {body}");
    }
}

#[tokio::test]
async fn a_refusal_that_was_on_its_way_when_the_rights_changed_is_not_remembered() {
    let rest: std::sync::Arc<std::sync::OnceLock<Rest>> = std::sync::Arc::default();
    let seen = std::sync::Arc::clone(&rest);
    let fake = Fake::start(move |n, _| {
        if n == 0 {
            // The event comes before the answer.
            let rest = seen.get().expect("a client");
            rest.ask_again(|place| place == Place::Guild(guild()));
            refusal(403, 50_001)
        } else {
            answer(200, &[], "[]")
        }
    })
    .await;
    let client = rest.get_or_init(|| client(&fake.url, quick()));
    client.guild_channels(guild()).await.expect_err("refused");
    let listed = client.guild_channels(guild()).await.expect("an answer");
    assert_eq!((listed.channels.len(), listed.odd), (0, 0));
}

#[tokio::test]
async fn a_refusal_stands_for_a_day_of_discords_time() {
    let fake = Fake::start(|n, _| {
        let date = match n {
            0 => "Mon, 01 Jan 2024 00:00:00 GMT",
            1 => "Mon, 01 Jan 2024 23:00:00 GMT",
            _ => "Tue, 02 Jan 2024 00:30:00 GMT",
        };
        let body = match n {
            0 => r#"{"message":"no","code":50001}"#,
            1 | 2 => r#"{"id":"42","username":"lake"}"#,
            _ => "[]",
        };
        answer(if n == 0 { 403 } else { 200 }, &[("date", date)], body)
    })
    .await;
    let rest = client(&fake.url, quick());
    rest.guild_channels(guild()).await.expect_err("refused");
    rest.me().await.expect("an answer");
    rest.guild_channels(guild()).await.expect_err("refused");
    assert_eq!(fake.count(), 2);
    rest.me().await.expect("an answer");
    rest.guild_channels(guild()).await.expect("an answer");
    assert_eq!(fake.count(), 4);
}

#[tokio::test]
async fn changed_rights_are_seen_once() {
    let fake = Fake::start(|_, _| refusal(403, 50_001)).await;
    let rest = client(&fake.url, quick());
    let place = Place::Guild(guild());
    let looks = [1, 1, 2, 2].map(|rights| rest.rights_changed(place, rights));
    assert_eq!(looks, [false, false, true, false]);
    rest.forget_rights(place);
    assert!(rest.rights_changed(place, 2));
}
