//! Against the simulator: what is listed, read and worked out is what is there, faults or not.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use guildlake::discord::permissions::MemberPermissions;
use guildlake::discord::rest::{ChannelInfo, HistoryCursor, Rest, RestError, RestSettings};
use guildlake::guild::Access;
use guildlake::message::{ChannelId, GuildId, MessageId};
use simulator::{
    Community, Config, Limits, PermissionChange, RestFault, RestFaultKind, Scope, Simulator,
};

use super::fake::quick;

async fn start(config: Config) -> (Simulator, Rest) {
    start_with(config, impatient()).await
}

async fn start_with(config: Config, settings: RestSettings) -> (Simulator, Rest) {
    let simulator = Simulator::start(config).await.expect("a simulator");
    let url = simulator.api_url().parse().expect("an address");
    let rest = Rest::new(&url, &simulator.token().into(), settings).expect("a client");
    (simulator, rest)
}

/// For a simulator that hangs.
fn impatient() -> RestSettings {
    RestSettings {
        connect_timeout: Duration::from_secs(1),
        request_timeout: Duration::from_secs(1),
        ..quick()
    }
}

fn small() -> Config {
    Config::quick().with_community(Community::small(7))
}

fn guild_of(simulator: &Simulator) -> GuildId {
    simulator.guilds()[0].id.try_into().expect("an id")
}

async fn permissions(rest: &Rest, guild: GuildId) -> Result<MemberPermissions, RestError> {
    let me = rest.me().await?;
    let roles = rest.member(guild, me.id).await?;
    Ok(MemberPermissions::new(
        &rest.guild(guild).await?,
        me.id,
        &roles,
    ))
}

/// Every channel and thread that the lists lead to, by id.
async fn discover(rest: &Rest, guild: GuildId) -> Result<BTreeMap<u64, ChannelInfo>, RestError> {
    let permissions = permissions(rest, guild).await?;
    let channels = rest.guild_channels(guild).await?.channels;
    let mut found = rest.active_threads(guild).await?.channels;
    for channel in &channels {
        for kind in permissions.archived_lists(channel) {
            let mut before = None;
            loop {
                let page = rest.archived_threads(channel.id, kind, before).await?;
                found.extend(page.threads);
                before = page.next_before;
                if before.is_none() {
                    assert!(!page.has_more);
                    break;
                }
            }
        }
    }
    found.extend(channels);
    let by_id = found.into_iter();
    Ok(by_id
        .map(|channel| (channel.id.as_i64().unsigned_abs(), channel))
        .collect())
}

/// The whole history, from the newest back or from the oldest on, with the text of each message.
async fn history(
    rest: &Rest,
    channel: ChannelId,
    from: HistoryCursor,
) -> Result<BTreeMap<MessageId, Box<str>>, RestError> {
    let mut messages = BTreeMap::new();
    let mut cursor = from;
    loop {
        let page = rest.history_page(channel, cursor, 100).await?;
        let next = page.next(cursor);
        messages.extend(
            page.items
                .into_iter()
                .filter_map(|item| Some((item.id?, item.raw))),
        );
        match next {
            Some(next) => cursor = next,
            None => return Ok(messages),
        }
    }
}

/// What is worked out of every channel, against what the simulator grants.
async fn compare_access(simulator: &Simulator, rest: &Rest) -> BTreeSet<&'static str> {
    let guild = guild_of(simulator);
    let permissions = permissions(rest, guild).await.expect("answers");
    let found = discover(rest, guild).await.expect("answers");
    let mut seen = BTreeSet::new();
    let rooms = simulator.channels().into_iter().chain(simulator.threads());
    for room in rooms.filter(|room| room.guild_id == guild.as_i64().unsigned_abs()) {
        let Some(channel) = found.get(&room.id) else {
            assert!(
                room.kind.is_thread() && !(room.visible && room.history),
                "{room:?}"
            );
            continue;
        };
        let parent = channel
            .parent_id
            .map(|id| &found[&id.as_i64().unsigned_abs()]);
        let access = permissions.access(channel, parent);
        let expected = match (room.visible, room.history) {
            (false, _) => Access::Forbidden,
            (true, false) => Access::NoHistory,
            (true, true) => Access::Readable,
        };
        assert_eq!(access, expected, "{room:?}");
        seen.insert(access.as_str());
    }
    seen
}

#[tokio::test]
async fn the_bot_knows_who_and_where_it_is() {
    let (simulator, rest) = start(small()).await;
    assert_eq!(
        rest.me().await.unwrap().id.as_i64().unsigned_abs(),
        simulator.bot_user_id()
    );
    assert!(rest.application().await.unwrap().message_content_granted());
    let gateway = rest.gateway_bot().await.unwrap();
    assert_eq!(gateway.url, simulator.gateway_url().parse().unwrap());
    let limit = gateway.session_start_limit;
    assert!(limit.remaining <= limit.total && limit.max_concurrency >= 1);
    let guild = rest.guild(guild_of(&simulator)).await.unwrap();
    assert_eq!(guild.name, simulator.guilds()[0].name);

    let blind = Config {
        application_flags: 0,
        ..small()
    };
    let (_simulator, rest) = start(blind).await;
    assert!(!rest.application().await.unwrap().message_content_granted());
}

#[tokio::test]
async fn permissions_are_worked_out_as_discord_does() {
    // Hidden channels are in no list; here they shall be, to be judged.
    let shown = Config {
        obfuscation: false,
        ..small()
    };
    let (simulator, rest) = start(shown).await;
    compare_access(&simulator, &rest).await;
    // Then with every combination of the bits that matter, for everybody and for the bot.
    let bits = [1_u64 << 10, 1 << 16, 1 << 20, 1 << 34];
    let set = |number: usize| {
        let on = bits
            .iter()
            .enumerate()
            .filter(|(at, _)| number >> at & 1 == 1);
        on.fold(0, |sum, (_, bit)| sum | bit)
    };
    let guild_id = guild_of(&simulator).as_i64().unsigned_abs();
    let mut seen = BTreeSet::new();
    for round in 0..16 {
        for (at, channel) in simulator.channels().into_iter().enumerate() {
            let channel_id = channel.id;
            let (allow, deny) = (
                set(round ^ at),
                set(at.wrapping_mul(7) ^ round.wrapping_mul(5)),
            );
            let change = if at % 2 == 0 {
                PermissionChange::Bot {
                    channel_id,
                    allow,
                    deny: deny & !allow,
                }
            } else {
                PermissionChange::Overwrite {
                    channel_id,
                    role_id: guild_id,
                    allow,
                    deny: deny & !allow,
                }
            };
            simulator.set_permission(change).unwrap();
        }
        seen.extend(compare_access(&simulator, &rest).await);
    }
    assert_eq!(
        seen,
        BTreeSet::from(["forbidden", "no_history", "readable"])
    );
}

#[tokio::test]
async fn history_is_whole_in_both_directions_and_byte_for_byte() {
    let (simulator, rest) = start(small()).await;
    let first = MessageId::try_from(1_i64).unwrap();
    let mut total = 0;
    let rooms = simulator.channels().into_iter().chain(simulator.threads());
    for room in rooms.filter(|room| room.kind.has_messages() && room.visible && room.history) {
        let channel = room.id.try_into().unwrap();
        let back = history(&rest, channel, HistoryCursor::Latest)
            .await
            .unwrap();
        let on = history(&rest, channel, HistoryCursor::After(first))
            .await
            .unwrap();
        assert_eq!(back, on);
        let truth: Vec<u64> = simulator
            .truth_in(room.id)
            .into_iter()
            .filter_map(|message| (!message.deleted).then_some(message.id))
            .collect();
        let ids: Vec<u64> = back.keys().map(|id| id.as_i64().unsigned_abs()).collect();
        assert_eq!(ids, truth);
        for (id, raw) in &back {
            assert!(simulator.was_sent(id.as_i64().unsigned_abs(), raw), "{raw}");
        }
        total += ids.len();
        if let Some((id, raw)) = back.first_key_value() {
            let (one, _) = rest.message(channel, *id).await.unwrap().unwrap();
            assert_eq!(one, *raw);
        }
    }
    assert!(total > 100, "{total}");
}

#[tokio::test]
async fn closed_channels_answer_as_documented() {
    let (simulator, rest) = start(small()).await;
    let room = simulator
        .channels()
        .into_iter()
        .find(|room| room.kind.number() == 0 && room.history && room.messages > 0)
        .unwrap();
    let channel = ChannelId::try_from(room.id).unwrap();
    let page = async || rest.history_page(channel, HistoryCursor::Latest, 100).await;
    let deny = |deny| {
        let change = PermissionChange::Bot {
            channel_id: room.id,
            allow: 0,
            deny,
        };
        simulator.set_permission(change).unwrap();
    };
    deny(1 << 16);
    assert_eq!(page().await.unwrap().items, []);
    deny(1 << 10);
    let error = page().await.unwrap_err();
    assert_eq!(error.access(), Some(Access::Forbidden));
    simulator.delete_channel(room.id).unwrap();
    rest.ask_again(|_| true);
    let error = page().await.unwrap_err();
    assert_eq!(error.access(), Some(Access::Missing));
    assert_eq!(
        rest.channel(channel).await.unwrap_err().access(),
        Some(Access::Missing)
    );
}

#[tokio::test]
async fn history_is_the_same_through_every_fault() {
    let (simulator, rest) = start(small()).await;
    let room = simulator
        .channels()
        .into_iter()
        .filter(|room| room.kind.number() == 0 && room.visible && room.history)
        .max_by_key(|room| room.messages)
        .unwrap();
    let channel = room.id.try_into().unwrap();
    let truth = history(&rest, channel, HistoryCursor::Latest)
        .await
        .unwrap();
    let limited = |scope| RestFaultKind::RateLimited {
        scope,
        retry_after: 0.01,
    };
    let kinds = [
        limited(Scope::User),
        limited(Scope::Shared),
        limited(Scope::Global),
        RestFaultKind::CloudflareRateLimited { retry_after: 1 },
        RestFaultKind::BareRateLimited,
        RestFaultKind::UnparsableRetryAfter,
        RestFaultKind::ServerError { status: 500 },
        RestFaultKind::ServerError { status: 502 },
        RestFaultKind::ServerError { status: 503 },
        RestFaultKind::ServerError { status: 504 },
        RestFaultKind::Hang,
        RestFaultKind::Delay { ms: 20 },
        RestFaultKind::CutBody,
        RestFaultKind::WrongContentLength,
        RestFaultKind::OverlappingPage { by: 3 },
        RestFaultKind::GarbageId,
    ];
    for kind in kinds {
        let rule = RestFault::on("/channels/*/messages*", kind.clone()).times(2);
        let rule = simulator.faults().rest(rule);
        let read = history(&rest, channel, HistoryCursor::Latest).await;
        assert_eq!(read.as_ref(), Ok(&truth), "{kind:?}");
        simulator.faults().remove(rule);
    }
    // Refusals end it at once.
    for (kind, expected) in [
        (RestFaultKind::Unauthorized, "401"),
        (
            RestFaultKind::Forbidden { code: 50_013 },
            "(403, code 50013",
        ),
        (RestFaultKind::NotFound { code: 10_003 }, "(404, code 10003"),
    ] {
        let before = simulator.counters().requests;
        simulator
            .faults()
            .rest(RestFault::on("/channels/*", kind).times(1));
        let read = history(&rest, channel, HistoryCursor::Latest).await;
        let error = read.unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
        assert_eq!(simulator.counters().requests, before + 1);
        rest.ask_again(|_| true);
    }
}

#[tokio::test]
async fn an_outage_is_waited_for_or_left_for_later() {
    let settings = RestSettings {
        attempts: 30,
        ..impatient()
    };
    let (simulator, patient) = start_with(small(), settings).await;
    let hasty = Rest::new(
        &simulator.api_url().parse().unwrap(),
        &simulator.token().into(),
        impatient(),
    )
    .unwrap();
    simulator.begin_outage();
    assert!(matches!(
        hasty.me().await,
        Err(RestError::Unavailable { attempts: 4, .. })
    ));
    let back = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        simulator.end_outage();
    };
    let (me, ()) = tokio::join!(patient.me(), back);
    me.unwrap();
    hasty.me().await.unwrap();
}

#[tokio::test]
async fn discords_limits_are_kept_without_running_into_them() {
    let limits = Limits {
        window: Duration::from_millis(100),
        ..Limits::discord()
    };
    let config = Config { limits, ..small() };
    let settings = RestSettings {
        limit_max_wait: Duration::from_secs(2),
        requests_per_second: RestSettings::default().requests_per_second,
        ..impatient()
    };
    let (simulator, rest) = start_with(config, settings).await;
    let rooms: Vec<ChannelId> = simulator
        .channels()
        .into_iter()
        .filter(|room| room.kind.has_messages() && room.visible)
        .map(|room| room.id.try_into().unwrap())
        .collect();
    let reads = rooms.iter().map(async |channel| {
        for _ in 0..8 {
            rest.history_page(*channel, HistoryCursor::Latest, 1)
                .await
                .unwrap();
        }
    });
    futures_util::future::join_all(reads).await;
    let status = rest.status();
    // None as a rule; a machine that stalls can push some turns together.
    assert!(status.rate_limited <= 10, "{status:?}");
    assert_eq!(status.requests - status.retries, rooms.len() as u64 * 8);
}

#[tokio::test]
async fn archived_threads_are_all_found_page_by_page() {
    let (simulator, rest) = start(small()).await;
    let channels = simulator.channels();
    let text = channels
        .iter()
        .find(|room| room.kind.number() == 0 && room.visible && room.history)
        .unwrap();
    // Without MANAGE_THREADS the private ones are listed by membership, and paged by id.
    simulator
        .set_permission(PermissionChange::Bot {
            channel_id: text.id,
            allow: 0,
            deny: 1 << 34,
        })
        .unwrap();
    // More than two pages each, many of them archived within the same millisecond.
    for number in 0..450 {
        let private = number % 2 == 0;
        let name = format!("thread {number}");
        let thread = simulator
            .create_thread(text.id, None, &name, private)
            .unwrap();
        if private {
            simulator.join_thread(thread, true).unwrap();
        }
        simulator.archive_thread(thread).unwrap();
    }
    let found = discover(&rest, guild_of(&simulator)).await.unwrap();
    let threads = simulator.threads();
    for room in threads.iter().filter(|room| room.visible && room.history) {
        let thread = &found[&room.id];
        assert_eq!(thread.joined, room.joined, "{room:?}");
        let archived = thread.thread_metadata.is_some_and(|data| data.archived);
        assert_eq!(archived, room.archived, "{room:?}");
    }
    assert!(threads.iter().filter(|room| room.archived).count() >= 450);
}
