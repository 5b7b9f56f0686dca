//! Channels that the bot can't view: left out by REST, without what they are about over the gateway.

use serde_json::{Value, json};
use simulator::{Community, Config, Kind, PermissionChange, VIEW_CHANNEL};

use super::socket::{INTENTS, Socket};
use super::{Bench, id};

const OBFUSCATED: u64 = 1 << 17;

async fn bench(obfuscation: bool) -> Bench {
    Bench::with(Config {
        obfuscation,
        ..Config::quick().with_community(Community::small(7))
    })
    .await
}

/// The channels of the GUILD_CREATE that a new session begins with.
async fn told(bench: &Bench) -> (Socket, Vec<Value>) {
    let sim = &bench.simulator;
    let mut socket = Socket::open(sim, &sim.gateway_url(), "").await;
    socket.identify(INTENTS).await;
    let guild = socket.dispatch("GUILD_CREATE").await;
    let channels = guild["d"]["channels"].as_array().unwrap().clone();
    (socket, channels)
}

fn is_hidden(channel: &Value) -> bool {
    let hidden = channel["flags"].as_u64().unwrap() & OBFUSCATED != 0;
    assert_eq!(hidden, channel["name"] == "___hidden___", "{channel}");
    hidden
}

#[tokio::test]
async fn a_channel_that_cannot_be_viewed_is_hidden_in_both_protocols() {
    let bench = bench(true).await;
    let staff = bench.channel("staff-only");
    let (_socket, channels) = told(&bench).await;
    let hidden: Vec<&Value> = channels.iter().filter(|c| is_hidden(c)).collect();
    assert_eq!(hidden.len(), 1);
    let [hidden] = hidden[..] else { panic!() };
    assert_eq!(id(&hidden["id"]), staff.id);
    assert_eq!(hidden["type"], 0);
    assert_eq!(
        hidden["parent_id"],
        json!(staff.parent_id.map(|id| id.to_string()))
    );
    assert_eq!(
        hidden["permission_overwrites"],
        json!([{"id": bench.guild().to_string(), "type": 0, "allow": "0", "deny": VIEW_CHANNEL.to_string()}])
    );
    assert_eq!(hidden["last_message_id"], Value::Null);
    let path = format!("/guilds/{}/channels", bench.guild());
    let listed = bench.get(&path).await.ids();
    assert_eq!(listed.len(), channels.len() - 1);
    assert!(!listed.contains(&staff.id));
}

#[tokio::test]
async fn a_channel_becomes_hidden_and_comes_back() {
    let bench = bench(true).await;
    let sim = &bench.simulator;
    let room = bench.channel("general").id;
    let category = bench.kind(Kind::Category).id;
    let (mut socket, _) = told(&bench).await;
    let change = |deny| {
        let (channel_id, allow) = (room, 0);
        sim.set_permission(PermissionChange::Bot {
            channel_id,
            allow,
            deny,
        })
        .unwrap();
    };
    change(VIEW_CHANNEL);
    let update = socket.payload().await;
    assert_eq!(update["t"], "CHANNEL_UPDATE");
    assert!(is_hidden(&update["d"]) && id(&update["d"]["id"]) == room);
    change(0);
    let update = socket.payload().await;
    assert_eq!(update["t"], "CHANNEL_UPDATE", "once, not twice");
    assert_eq!(update["d"]["name"], "general");
    assert!(!is_hidden(&update["d"]));
    assert_eq!(socket.payload().await["t"], "THREAD_LIST_SYNC");

    // A right that is taken from a role hides many, each told by itself.
    let everyone = |permissions| {
        let (guild_id, role_id) = (bench.guild(), bench.guild());
        sim.set_permission(PermissionChange::Role {
            guild_id,
            role_id,
            permissions,
        })
        .unwrap();
    };
    let bot_roles = |roles| {
        let guild_id = bench.guild();
        sim.set_permission(PermissionChange::BotRoles { guild_id, roles })
            .unwrap();
    };
    everyone(0);
    assert_eq!(socket.payload().await["t"], "GUILD_ROLE_UPDATE");
    bot_roles(Vec::new());
    assert_eq!(socket.payload().await["t"], "GUILD_MEMBER_UPDATE");
    let rooms = sim.channels();
    let lost = rooms
        .iter()
        .filter(|room| !room.visible && room.name != "staff-only");
    // The category of a channel that can be viewed can be viewed too.
    let moderators = bench.channel("moderators");
    assert!(moderators.visible);
    let through = |room: u64| moderators.parent_id == Some(room);
    for room in lost.filter(|room| !through(room.id)) {
        let update = socket.payload().await;
        assert_eq!(update["t"], "CHANNEL_UPDATE");
        assert!(is_hidden(&update["d"]) && id(&update["d"]["id"]) == room.id);
    }
    let path = format!("/guilds/{}/channels", bench.guild());
    let listed = bench.get(&path).await.ids();
    assert_eq!(listed.contains(&category), through(category));
    let made = sim.create_channel(bench.guild(), Kind::Text, "secret", None);
    let created = socket.payload().await;
    assert_eq!(created["t"], "CHANNEL_CREATE");
    assert!(is_hidden(&created["d"]) && id(&created["d"]["id"]) == made.unwrap());
}

#[tokio::test]
async fn hiding_can_be_switched_off() {
    let bench = bench(false).await;
    let (_socket, channels) = told(&bench).await;
    assert!(!channels.iter().any(is_hidden));
    let path = format!("/guilds/{}/channels", bench.guild());
    let listed = bench.get(&path).await.ids();
    assert_eq!(listed.len(), channels.len());
    assert_eq!(listed.len(), bench.simulator.channels().len());
}
