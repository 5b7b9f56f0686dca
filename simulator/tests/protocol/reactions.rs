//! Reactions: their events, their counts, and who hears of them.

use serde_json::{Value, json};
use simulator::{Draft, Emoji, Error, Simulator, TruthReaction};

use super::socket::{INTENTS, Socket};
use super::{Bench, id};

/// GUILD_MESSAGE_REACTIONS.
pub(crate) const REACTIONS: u64 = 1 << 10;

/// A session that hears of these intents too.
pub(crate) async fn listening(sim: &Simulator, intents: u64) -> Socket {
    let mut socket = Socket::open(sim, &sim.gateway_url(), "?v=10&encoding=json").await;
    socket.identify(INTENTS | intents).await;
    for _ in sim.guilds() {
        socket.dispatch("GUILD_CREATE").await;
    }
    socket
}

impl Bench {
    /// People of the guild who are no apps.
    pub(crate) fn people(&self) -> Vec<u64> {
        let members = self.simulator.members(self.guild());
        members
            .iter()
            .filter(|user| !user.bot)
            .map(|user| user.id)
            .collect()
    }
}

fn keys(value: &Value) -> Vec<&str> {
    value
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect()
}

#[tokio::test]
async fn reactions_come_and_go_one_by_one() {
    let bench = Bench::new().await;
    let sim = &bench.simulator;
    let room = bench.channel("general").id;
    let people = bench.people();
    let mut socket = listening(sim, REACTIONS).await;
    let message = sim
        .create_message(room, Draft::text("well?").author(people[0]))
        .unwrap();
    let created = socket.dispatch("MESSAGE_CREATE").await["d"].clone();
    assert!(created.get("reactions").is_none());
    assert!(
        bench
            .message(room, message)
            .await
            .get("reactions")
            .is_none(),
        "no field without any"
    );

    sim.add_reaction(room, message, people[1], "👍", false)
        .unwrap();
    let added = socket.payload().await;
    assert_eq!(added["t"], "MESSAGE_REACTION_ADD");
    let d = &added["d"];
    assert_eq!(
        keys(d),
        [
            "burst",
            "channel_id",
            "emoji",
            "guild_id",
            "member",
            "message_author_id",
            "message_id",
            "type",
            "user_id"
        ]
    );
    assert_eq!(
        (
            id(&d["user_id"]),
            id(&d["message_id"]),
            id(&d["message_author_id"])
        ),
        (people[1], message, people[0])
    );
    assert_eq!((&d["type"], &d["burst"]), (&json!(0), &json!(false)));
    assert_eq!(d["emoji"], json!({"id": null, "name": "👍"}));
    assert_eq!(id(&d["member"]["user"]["id"]), people[1]);

    sim.add_reaction(room, message, people[1], "👍", false)
        .unwrap();
    let party = Emoji::custom(77, "party").animated();
    sim.add_reaction(room, message, people[2], party.clone(), true)
        .unwrap();
    let burst = socket.payload().await["d"].clone();
    assert_eq!(
        burst["emoji"],
        json!({"id": "77", "name": "party", "animated": true}),
        "the same again was no event"
    );
    assert_eq!((&burst["type"], &burst["burst"]), (&json!(1), &json!(true)));
    assert!(burst["burst_colors"][0].as_str().unwrap().starts_with('#'));
    // A renamed emoji is the same emoji.
    sim.add_reaction(room, message, people[2], Emoji::custom(77, "fiesta"), false)
        .unwrap();
    sim.add_reaction(room, message, sim.bot_user_id(), "👍", false)
        .unwrap();
    let shown = bench.message(room, message).await;
    let part = |at: usize, fields: &[&str]| -> Vec<Value> {
        fields
            .iter()
            .map(|&field| shown["reactions"][at][field].clone())
            .collect()
    };
    let fields = ["count", "count_details", "me", "me_burst"];
    assert_eq!(
        part(0, &fields),
        [
            json!(2),
            json!({"burst": 0, "normal": 2}),
            json!(true),
            json!(false)
        ]
    );
    assert_eq!(
        part(1, &fields),
        [
            json!(2),
            json!({"burst": 1, "normal": 1}),
            json!(false),
            json!(false)
        ]
    );
    assert_eq!(shown["reactions"].as_array().unwrap().len(), 2);
    assert_eq!(shown["edited_timestamp"], Value::Null);

    socket.dispatch("MESSAGE_REACTION_ADD").await;
    socket.dispatch("MESSAGE_REACTION_ADD").await;
    sim.remove_reaction(room, message, people[1], "👍", false)
        .unwrap();
    let removed = socket.payload().await;
    assert_eq!(removed["t"], "MESSAGE_REACTION_REMOVE");
    assert_eq!(
        keys(&removed["d"]),
        [
            "burst",
            "channel_id",
            "emoji",
            "guild_id",
            "message_id",
            "type",
            "user_id"
        ]
    );
    assert!(matches!(
        sim.remove_reaction(room, message, people[1], "👍", false),
        Err(Error::Invalid(_))
    ));
    let truth = bench.true_message(room, message).reactions;
    let expected = [
        TruthReaction {
            emoji: Emoji::unicode("👍"),
            count: 1,
            burst: 0,
            users: vec![sim.bot_user_id()],
        },
        TruthReaction {
            emoji: party,
            count: 2,
            burst: 1,
            users: vec![people[2]; 2],
        },
    ];
    assert_eq!(truth, expected);
}

#[tokio::test]
async fn reactions_are_cleared_at_once_and_by_a_delete() {
    let bench = Bench::new().await;
    let sim = &bench.simulator;
    let room = bench.channel("general").id;
    let people = bench.people();
    let mut socket = listening(sim, REACTIONS).await;
    let message = sim
        .create_message(room, Draft::text("so?").reaction("🎉", 9))
        .unwrap();
    sim.add_reaction(room, message, people[0], "🎉", false)
        .unwrap();
    sim.add_reaction(room, message, people[0], "❤️", false)
        .unwrap();
    let counts = || -> Vec<u32> {
        let reactions = bench.true_message(room, message).reactions;
        reactions.iter().map(|reaction| reaction.count).collect()
    };
    assert_eq!(counts(), [10, 1], "those nobody knows by name count too");

    sim.clear_emoji(room, message, "🎉").unwrap();
    let gone = socket.dispatch("MESSAGE_REACTION_REMOVE_EMOJI").await["d"].clone();
    let place = json!({
        "channel_id": room.to_string(), "guild_id": bench.guild().to_string(), "message_id": message.to_string(),
    });
    let mut expected = place.clone();
    expected["emoji"] = json!({"id": null, "name": "🎉"});
    assert_eq!(gone, expected);
    assert_eq!(counts(), [1]);
    sim.clear_emoji(room, message, "🎉").unwrap();
    sim.clear_reactions(room, message).unwrap();
    let gone = socket.payload().await;
    assert_eq!(
        gone["t"], "MESSAGE_REACTION_REMOVE_ALL",
        "nothing was left to clear"
    );
    assert_eq!(gone["d"], place);
    assert!(counts().is_empty());
    assert!(
        bench
            .message(room, message)
            .await
            .get("reactions")
            .is_none()
    );

    sim.add_reaction(room, message, people[0], "🎉", false)
        .unwrap();
    sim.delete_message(room, message).unwrap();
    assert!(counts().is_empty());
    assert!(matches!(
        sim.add_reaction(room, message, people[0], "🎉", false),
        Err(Error::UnknownMessage(_))
    ));
}

#[tokio::test]
async fn only_who_asks_for_reactions_hears_of_them() {
    let bench = Bench::with(simulator::Config {
        keep_dispatches: true,
        ..simulator::Config::quick().with_community(simulator::Community::small(7))
    })
    .await;
    let sim = &bench.simulator;
    let room = bench.channel("general").id;
    let user = bench.people()[0];
    let mut deaf = listening(sim, 0).await;
    let mut hearing = listening(sim, REACTIONS).await;
    let message = sim
        .create_message(room, Draft::text("a").author(user))
        .unwrap();
    sim.add_reaction(room, message, user, "👍", false).unwrap();
    sim.edit_message(room, message, "b").unwrap();
    assert_eq!(deaf.payload().await["t"], "MESSAGE_CREATE");
    let edited = deaf.payload().await;
    assert_eq!(edited["t"], "MESSAGE_UPDATE");
    assert!(
        edited["d"].get("reactions").is_none(),
        "events carry no reactions"
    );
    let reply = sim
        .create_message(room, Draft::text("c").author(user).reply_to(message))
        .unwrap();
    let replied = deaf.payload().await["d"].clone();
    assert_eq!(id(&replied["id"]), reply);
    assert!(
        replied["referenced_message"].get("reactions").is_none(),
        "not even of another message"
    );
    for t in ["MESSAGE_CREATE", "MESSAGE_REACTION_ADD", "MESSAGE_UPDATE"] {
        assert_eq!(hearing.payload().await["t"], t);
    }
    let logged: Vec<&str> = sim.dispatched().iter().map(|log| log.name).collect();
    assert_eq!(
        logged
            .iter()
            .filter(|name| **name == "MESSAGE_REACTION_ADD")
            .count(),
        1
    );

    // What the bot cannot see it does not hear of.
    let staff = bench.channel("staff-only").id;
    let secret = sim
        .create_message(staff, Draft::text("x").author(user))
        .unwrap();
    sim.add_reaction(staff, secret, user, "👍", false).unwrap();
    sim.clear_reactions(staff, secret).unwrap();
    sim.add_reaction(room, message, user, "🎉", false).unwrap();
    hearing.dispatch("MESSAGE_CREATE").await;
    let next = hearing.payload().await;
    assert_eq!(id(&next["d"]["channel_id"]), room);

    let visible = |room: u64| {
        let rooms = sim.channels();
        rooms.iter().any(|place| place.id == room && place.visible)
    };
    let mut truth = sim.truth().into_iter();
    let hook = truth
        .find(|message| message.rest.contains("webhook_id") && visible(message.channel_id))
        .unwrap();
    assert!(matches!(
        sim.add_reaction(room, message, hook.author_id, "👍", false),
        Err(Error::Invalid(_))
    ));
    sim.add_reaction(hook.channel_id, hook.id, user, "👀", false)
        .unwrap();
    let d = hearing.dispatch("MESSAGE_REACTION_ADD").await["d"].clone();
    assert!(d.get("message_author_id").is_none(), "a webhook is no user");
}

#[tokio::test]
async fn an_emoji_that_was_deleted_has_no_name() {
    let bench = Bench::new().await;
    let sim = &bench.simulator;
    let room = bench.channel("general").id;
    let message = sim
        .create_message(room, Draft::text("a").reaction(Emoji::custom(5, ""), 2))
        .unwrap();
    let shown = bench.message(room, message).await;
    assert_eq!(
        shown["reactions"][0]["emoji"],
        json!({"id": "5", "name": null})
    );
}
