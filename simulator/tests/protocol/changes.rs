//! Messages that change without an edit: pins, flags, embeds, a crosspost's lost source, a new name.

use serde_json::{Value, json};
use simulator::{
    CROSSPOSTED, Draft, Error, IS_CROSSPOST, MessageChange, PayloadStyle, SOURCE_MESSAGE_DELETED,
    SUPPRESS_EMBEDS, TruthMessage,
};

use super::socket::{INTENTS, Socket};
use super::{Bench, id};

impl Bench {
    /// A message as REST shows it.
    pub(crate) async fn message(&self, room: u64, id: u64) -> Value {
        let path = format!("/channels/{room}/messages/{id}");
        self.get(&path).await.json()
    }

    /// What is true of a message.
    pub(crate) fn true_message(&self, room: u64, id: u64) -> TruthMessage {
        let truth = self.simulator.truth_in(room);
        truth.into_iter().find(|message| message.id == id).unwrap()
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
async fn a_pin_and_its_end_are_no_edits() {
    let bench = Bench::new().await;
    let sim = &bench.simulator;
    let (mut socket, _) = Socket::identified(sim).await;
    let room = bench.channel("general").id;
    let message = sim.create_message(room, Draft::text("keep this")).unwrap();
    let created = socket.dispatch("MESSAGE_CREATE").await["d"].clone();
    assert_eq!(created["pinned"], false);

    sim.pin_message(room, message).unwrap();
    let updated = socket.payload().await;
    assert_eq!(updated["t"], "MESSAGE_UPDATE");
    assert_eq!(
        (
            &updated["d"]["pinned"],
            &updated["d"]["edited_timestamp"],
            &updated["d"]["content"]
        ),
        (&json!(true), &Value::Null, &json!("keep this"))
    );
    let pins = socket.payload().await;
    assert_eq!(pins["t"], "CHANNEL_PINS_UPDATE");
    assert_eq!(
        keys(&pins["d"]),
        ["channel_id", "guild_id", "last_pin_timestamp"]
    );
    let notice = socket.payload().await;
    assert_eq!(
        (&notice["t"], &notice["d"]["type"]),
        (&json!("MESSAGE_CREATE"), &json!(6))
    );
    assert_eq!(id(&notice["d"]["message_reference"]["message_id"]), message);
    assert_eq!(bench.message(room, message).await["pinned"], true);
    assert!(bench.true_message(room, message).pinned);
    let place = bench.get(&format!("/channels/{room}")).await.json();
    assert_eq!(place["last_pin_timestamp"], pins["d"]["last_pin_timestamp"]);
    assert!(place["last_pin_timestamp"].is_string());

    sim.pin_message(room, message).unwrap();
    sim.unpin_message(room, message).unwrap();
    let updated = socket.payload().await;
    assert_eq!(
        (&updated["t"], &updated["d"]["pinned"]),
        (&json!("MESSAGE_UPDATE"), &json!(false)),
        "pinned twice is pinned once"
    );
    assert_eq!(updated["d"]["edited_timestamp"], Value::Null);
    assert_eq!(socket.payload().await["t"], "CHANNEL_PINS_UPDATE");
    sim.unpin_message(room, message).unwrap();
    assert_eq!(bench.message(room, message).await["pinned"], false);
    assert!(!bench.true_message(room, message).pinned);
    sim.edit_message(room, message, "edited").unwrap();
    assert_eq!(
        socket.payload().await["d"]["content"],
        "edited",
        "no notice of an end"
    );
    let edited = bench.message(room, message).await["edited_timestamp"].clone();
    sim.pin_message(room, message).unwrap();
    assert_eq!(
        socket.payload().await["d"]["edited_timestamp"],
        edited,
        "the edit stays the last one"
    );
    assert!(matches!(
        sim.pin_message(room, 1),
        Err(Error::UnknownMessage(1))
    ));
}

#[tokio::test]
async fn flags_hide_embeds_and_show_them_again() {
    let bench = Bench::new().await;
    let sim = &bench.simulator;
    let (mut socket, _) = Socket::identified(sim).await;
    let room = bench.channel("general").id;
    let message = sim
        .create_message(room, Draft::text("see https://example.org"))
        .unwrap();
    sim.unfurl(room, message, 2).unwrap();
    sim.set_flags(room, message, SUPPRESS_EMBEDS).unwrap();
    socket.dispatch("MESSAGE_UPDATE").await;
    let hidden = socket.dispatch("MESSAGE_UPDATE").await["d"].clone();
    assert_eq!(
        (
            &hidden["flags"],
            &hidden["embeds"],
            &hidden["edited_timestamp"]
        ),
        (&json!(4), &json!([]), &Value::Null)
    );
    let truth = bench.true_message(room, message);
    assert_eq!((truth.flags, truth.embed_count), (4, 0));
    sim.set_flags(room, message, 0).unwrap();
    let shown = socket.dispatch("MESSAGE_UPDATE").await["d"].clone();
    assert_eq!(
        (&shown["flags"], shown["embeds"].as_array().unwrap().len()),
        (&json!(0), 2)
    );

    sim.remove_embeds(room, message).unwrap();
    let plain = socket.dispatch("MESSAGE_UPDATE").await["d"].clone();
    assert_eq!(
        (&plain["embeds"], &plain["edited_timestamp"]),
        (&json!([]), &Value::Null)
    );
    assert_eq!(bench.message(room, message).await["embeds"], json!([]));
    assert_eq!(bench.true_message(room, message).embed_count, 0);
    sim.change_message(room, message, MessageChange::Embeds(1), PayloadStyle::Whole)
        .unwrap();
    assert_eq!(
        bench.true_message(room, message).embed_count,
        1,
        "and unfurls again"
    );

    // A thread's flag follows from the thread alone.
    sim.create_thread(room, Some(message), "on it", false)
        .unwrap();
    sim.set_flags(room, message, CROSSPOSTED).unwrap();
    assert_eq!(bench.message(room, message).await["flags"], 32 | 1);
    assert_eq!(bench.true_message(room, message).flags, 32 | 1);
    assert!(sim.set_flags(room, message, u64::MAX).is_err());
}

#[tokio::test]
async fn a_crosspost_loses_its_source() {
    let bench = Bench::new().await;
    let sim = &bench.simulator;
    let (mut socket, _) = Socket::identified(sim).await;
    let room = bench.channel("general").id;
    let said = Draft::crosspost(11, 12, 13, "big news").attachments(1);
    let message = sim.create_message(room, said).unwrap();
    let created = socket.dispatch("MESSAGE_CREATE").await["d"].clone();
    assert_eq!(created["flags"], IS_CROSSPOST);
    assert_eq!(
        created["message_reference"],
        json!({"type": 0, "channel_id": "11", "message_id": "12", "guild_id": "13"})
    );
    sim.delete_crosspost_source(room, message).unwrap();
    let lost = socket.dispatch("MESSAGE_UPDATE").await["d"].clone();
    assert_eq!(lost["flags"], IS_CROSSPOST | SOURCE_MESSAGE_DELETED);
    assert_eq!(lost["content"], "[Original Message Deleted]");
    assert_eq!(
        (&lost["attachments"], &lost["edited_timestamp"]),
        (&json!([]), &Value::Null)
    );
    let truth = bench.true_message(room, message);
    assert_eq!(truth.flags, IS_CROSSPOST | SOURCE_MESSAGE_DELETED);
    assert_eq!(
        (truth.content.as_str(), truth.attachment_count),
        ("[Original Message Deleted]", 0)
    );
    let plain = sim.create_message(room, Draft::text("own words")).unwrap();
    assert!(sim.delete_crosspost_source(room, plain).is_err());
}

#[tokio::test]
async fn a_partial_update_carries_only_what_changed() {
    let bench = Bench::new().await;
    let sim = &bench.simulator;
    let (mut socket, _) = Socket::identified(sim).await;
    let room = bench.channel("general").id;
    let message = sim
        .create_message(room, Draft::text("a").embeds(1))
        .unwrap();
    for (change, fields) in [
        (
            MessageChange::Pinned(true),
            &["channel_id", "id", "pinned"][..],
        ),
        (
            MessageChange::Flags(4),
            &["channel_id", "embeds", "flags", "id"],
        ),
        (MessageChange::Embeds(2), &["channel_id", "embeds", "id"]),
    ] {
        sim.change_message(room, message, change, PayloadStyle::Partial)
            .unwrap();
        let update = socket.dispatch("MESSAGE_UPDATE").await["d"].clone();
        assert_eq!(keys(&update), fields);
        assert_eq!(id(&update["id"]), message);
    }
    let truth = bench.true_message(room, message);
    assert_eq!((truth.pinned, truth.flags, truth.embed_count), (true, 4, 0));
}

#[tokio::test]
async fn a_new_name_is_shown_on_old_messages_and_told_of_none() {
    let bench = Bench::new().await;
    let sim = &bench.simulator;
    let room = bench.channel("general").id;
    let truth = sim.truth_in(room);
    let human = |message: &&TruthMessage| {
        !message.deleted
            && message.kind == 0
            && !message.rest.contains("\"bot\":true")
            && !message.rest.contains("webhook_id")
    };
    let old = truth.iter().find(human).unwrap();
    let author = old.author_id;
    let (mut socket, _) = Socket::identified(sim).await;
    let mut listener = Socket::open(sim, &sim.gateway_url(), "").await;
    listener.identify(INTENTS | 1 << 1).await;
    assert_eq!(
        listener.end().await,
        Some(4014),
        "the intent for members is privileged"
    );

    sim.rename_user(author, "somebody_new").unwrap();
    let reply = sim
        .create_message(room, Draft::text("yes").author(author).reply_to(old.id))
        .unwrap();
    let created = socket.payload().await;
    assert_eq!(
        created["t"], "MESSAGE_CREATE",
        "nothing tells of the new name"
    );
    assert_eq!(created["d"]["author"]["username"], "somebody_new");
    assert_eq!(
        created["d"]["referenced_message"]["author"]["username"],
        "somebody_new"
    );
    let shown = bench.message(room, old.id).await;
    assert_eq!(shown["author"]["username"], "somebody_new");
    assert_eq!(shown["edited_timestamp"], json!(old.edited_timestamp));
    assert_eq!(bench.true_message(room, old.id).author_name, "somebody_new");
    assert_eq!(bench.true_message(room, reply).author_name, "somebody_new");
    assert!(matches!(
        sim.rename_user(3, "x"),
        Err(Error::UnknownUser(3))
    ));
    let everything = sim.truth();
    let hook = everything
        .iter()
        .find(|message| message.rest.contains("webhook_id"))
        .unwrap();
    assert!(matches!(
        sim.rename_user(hook.author_id, "x"),
        Err(Error::Invalid(_))
    ));
}

#[tokio::test]
async fn whoever_may_hear_of_members_hears_the_new_name() {
    // Bits 14 and 15 allow the intent for members.
    let bench = Bench::with(simulator::Config {
        application_flags: simulator::GATEWAY_MESSAGE_CONTENT | 1 << 14,
        ..simulator::Config::quick().with_community(simulator::Community::small(7))
    })
    .await;
    let sim = &bench.simulator;
    let room = bench.channel("general").id;
    let truth = sim.truth_in(room);
    let author = truth
        .iter()
        .find(|message| !message.rest.contains("webhook_id"))
        .unwrap()
        .author_id;
    let mut socket = Socket::open(sim, &sim.gateway_url(), "").await;
    socket.identify(INTENTS | 1 << 1).await;
    socket.dispatch("GUILD_CREATE").await;
    sim.rename_user(author, "known_by_another").unwrap();
    let update = socket.dispatch("GUILD_MEMBER_UPDATE").await["d"].clone();
    assert_eq!(id(&update["user"]["id"]), author);
    assert_eq!(update["user"]["username"], "known_by_another");
}

#[tokio::test]
async fn without_the_content_intent_a_partial_update_is_empty_too() {
    let bench = Bench::new().await;
    let sim = &bench.simulator;
    let mut socket = Socket::open(sim, &sim.gateway_url(), "").await;
    socket.identify(INTENTS & !(1 << 15)).await;
    socket.dispatch("GUILD_CREATE").await;
    let room = bench.channel("general").id;
    let author = sim.truth_in(room)[0].author_id;
    let message = sim
        .create_message(room, Draft::text("a").author(author))
        .unwrap();
    sim.partial_update(room, message, 1).unwrap();
    assert_eq!(
        socket.dispatch("MESSAGE_UPDATE").await["d"]["embeds"],
        json!([])
    );
    let own = sim
        .create_message(room, Draft::text("a").author(sim.bot_user_id()))
        .unwrap();
    sim.partial_update(room, own, 1).unwrap();
    let update = socket.dispatch("MESSAGE_UPDATE").await["d"].clone();
    assert_eq!(
        update["embeds"].as_array().unwrap().len(),
        1,
        "its own words it may read"
    );
}

#[tokio::test]
async fn an_update_is_never_spoken() {
    let bench = Bench::new().await;
    let sim = &bench.simulator;
    let (mut socket, _) = Socket::identified(sim).await;
    let room = bench.channel("general").id;
    let message = sim
        .create_message(room, Draft::text("hear this").tts())
        .unwrap();
    assert_eq!(socket.dispatch("MESSAGE_CREATE").await["d"]["tts"], true);
    sim.pin_message(room, message).unwrap();
    assert_eq!(socket.dispatch("MESSAGE_UPDATE").await["d"]["tts"], false);
    assert_eq!(bench.message(room, message).await["tts"], true);
}
