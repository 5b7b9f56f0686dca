//! Operations and the events they bring.

use serde_json::{Value, json};
use simulator::{DeletedBy, Draft, Kind, PermissionChange, VIEW_CHANNEL};

use super::socket::Socket;
use super::{Bench, id};

#[tokio::test]
async fn the_life_of_a_message() {
    let bench = Bench::new().await;
    let sim = &bench.simulator;
    let (mut socket, _) = Socket::identified(sim).await;
    let room = bench.channel("general").id;
    let first = sim
        .create_message(room, Draft::text("a").nonce("n1"))
        .unwrap();
    let created = socket.dispatch("MESSAGE_CREATE").await["d"].clone();
    assert_eq!(
        (&created["nonce"], &created["edited_timestamp"]),
        (&json!("n1"), &Value::Null)
    );
    sim.unfurl(room, first, 1).unwrap();
    let unfurled = socket.dispatch("MESSAGE_UPDATE").await["d"].clone();
    assert_eq!(
        (
            unfurled["embeds"].as_array().unwrap().len(),
            &unfurled["edited_timestamp"]
        ),
        (1, &Value::Null)
    );
    sim.edit_message(room, first, "b").unwrap();
    let edited = socket.dispatch("MESSAGE_UPDATE").await["d"].clone();
    assert_eq!(edited["content"], "b");
    let time = edited["edited_timestamp"].clone();
    assert!(time.is_string());
    sim.unfurl(room, first, 1).unwrap();
    assert_eq!(
        socket.dispatch("MESSAGE_UPDATE").await["d"]["edited_timestamp"],
        time,
        "as it was"
    );
    sim.partial_update(room, first, 1).unwrap();
    let partial = socket.dispatch("MESSAGE_UPDATE").await["d"].clone();
    let keys: Vec<&str> = partial
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    assert_eq!(keys, ["channel_id", "embeds", "id"]);
    let reply = sim
        .create_message(room, Draft::text("c").reply_to(first))
        .unwrap();
    let replied = socket.dispatch("MESSAGE_CREATE").await["d"].clone();
    assert_eq!(
        (&replied["type"], id(&replied["referenced_message"]["id"])),
        (&json!(19), first)
    );
    sim.delete_message(room, first).unwrap();
    let gone = socket.dispatch("MESSAGE_DELETE").await["d"].clone();
    assert_eq!(
        gone,
        json!({"id": first.to_string(), "channel_id": room.to_string(), "guild_id": bench.guild().to_string()})
    );
    let page = bench
        .get(&format!("/channels/{room}/messages/{reply}"))
        .await
        .json();
    assert_eq!(page["referenced_message"], Value::Null, "null is deleted");
    assert!(sim.delete_message(room, first).is_err());
    let more = sim.create_message(room, Draft::text("d")).unwrap();
    sim.bulk_delete(room, &[reply, more, 99]).unwrap();
    let bulk = socket.dispatch("MESSAGE_DELETE_BULK").await["d"].clone();
    assert_eq!(bulk["ids"], json!([reply.to_string(), more.to_string()]));
    assert!(sim.bulk_delete(room, &[more]).is_err(), "two at least");
    let truth = sim.truth_in(room);
    let by = |id: u64| {
        truth
            .iter()
            .find(|message| message.id == id)
            .unwrap()
            .deleted_by
    };
    assert_eq!(
        (by(first), by(more)),
        (Some(DeletedBy::Delete), Some(DeletedBy::BulkDelete))
    );
}

#[tokio::test]
async fn the_shapes_beyond_plain_text() {
    let bench = Bench::new().await;
    let sim = &bench.simulator;
    let room = bench.channel("general").id;
    let get = async |id: u64| {
        bench
            .get(&format!("/channels/{room}/messages/{id}"))
            .await
            .json()
    };
    let message = get(sim
        .create_message(room, Draft::text("gone").components_v2("inside"))
        .unwrap())
    .await;
    assert_eq!(
        (&message["content"], &message["flags"]),
        (&json!(""), &json!(1 << 15))
    );
    assert_eq!(
        message["components"][0]["components"][0]["content"],
        "inside"
    );
    let message = get(sim
        .create_message(room, Draft::forward(room, 5, "said before"))
        .unwrap())
    .await;
    assert_eq!(
        (&message["flags"], &message["message_reference"]["type"]),
        (&json!(1 << 14), &json!(1))
    );
    assert_eq!(
        message["message_snapshots"][0]["message"]["content"],
        "said before"
    );
    assert!(
        message["message_snapshots"][0]["message"]
            .get("author")
            .is_none()
    );
    let message = get(sim
        .create_message(room, Draft::text("f").attachments(3))
        .unwrap())
    .await;
    let url = message["attachments"][0]["url"].as_str().unwrap();
    assert!(
        url.contains("?ex=") && url.contains("&is=") && url.contains("&hm="),
        "{url}"
    );
    let message = get(sim
        .create_message(
            room,
            Draft::text("p")
                .poll("Why?", &["a", "b"])
                .sticker("s")
                .reaction("👍", 3),
        )
        .unwrap())
    .await;
    assert_eq!(message["poll"]["question"]["text"], "Why?");
    assert_eq!(
        (
            &message["sticker_items"][0]["name"],
            &message["reactions"][0]["count"]
        ),
        (&json!("s"), &json!(3))
    );
}

#[tokio::test]
async fn threads_and_posts() {
    let bench = Bench::new().await;
    let sim = &bench.simulator;
    let (mut socket, _) = Socket::identified(sim).await;
    let room = bench.channel("general").id;
    let starter = sim.create_message(room, Draft::text("start")).unwrap();
    let thread = sim
        .create_thread(room, Some(starter), "on it", false)
        .unwrap();
    assert_eq!(thread, starter, "a thread has its message's id");
    let created = socket.dispatch("THREAD_CREATE").await["d"].clone();
    assert_eq!(
        (&created["newly_created"], id(&created["parent_id"])),
        (&json!(true), room)
    );
    let notice = socket.dispatch("MESSAGE_CREATE").await["d"].clone();
    assert_eq!(
        (&notice["type"], id(&notice["channel_id"])),
        (&json!(21), thread)
    );
    assert_eq!(notice["referenced_message"]["content"], "start");
    assert_eq!(socket.dispatch("MESSAGE_UPDATE").await["d"]["flags"], 32);
    sim.archive_thread(thread).unwrap();
    assert_eq!(
        socket.dispatch("THREAD_UPDATE").await["d"]["thread_metadata"]["archived"],
        true
    );
    sim.create_message(thread, Draft::text("awake")).unwrap();
    assert_eq!(
        socket.dispatch("THREAD_UPDATE").await["d"]["thread_metadata"]["archived"],
        false
    );
    assert_eq!(
        socket.dispatch("MESSAGE_CREATE").await["d"]["channel_type"],
        11
    );
    sim.delete_thread(thread).unwrap();
    let gone = socket.payload().await;
    assert_eq!(gone["t"], "THREAD_DELETE");
    let expected = json!({"id": thread.to_string(), "guild_id": bench.guild().to_string(), "parent_id": room.to_string(), "type": 11});
    assert_eq!(gone["d"], expected);
    assert!(
        sim.truth_in(thread)
            .iter()
            .all(|message| message.deleted_by == Some(DeletedBy::ThreadDelete))
    );

    let free = sim.create_thread(room, None, "free", false).unwrap();
    assert_eq!(id(&socket.dispatch("THREAD_CREATE").await["d"]["id"]), free);
    let notice = socket.dispatch("MESSAGE_CREATE").await["d"].clone();
    assert_eq!(
        (
            &notice["type"],
            &notice["content"],
            id(&notice["channel_id"])
        ),
        (&json!(18), &json!("free"), room)
    );

    let forum = bench.kind(Kind::Forum).id;
    let post = sim
        .create_post(forum, "question", Draft::text("how?"))
        .unwrap();
    assert_eq!(id(&socket.dispatch("THREAD_CREATE").await["d"]["id"]), post);
    let first = socket.dispatch("MESSAGE_CREATE").await["d"].clone();
    assert_eq!(
        (id(&first["id"]), id(&first["channel_id"])),
        (post, post),
        "a post's message has the thread's id"
    );
    assert!(sim.create_message(forum, Draft::text("x")).is_err());

    let private = sim.create_thread(room, None, "secret", true).unwrap();
    sim.create_message(private, Draft::text("unheard")).unwrap();
    sim.join_thread(private, true).unwrap();
    let joined = socket.payload().await;
    assert_eq!(
        (&joined["t"], id(&joined["d"]["id"])),
        (&json!("THREAD_CREATE"), private),
        "nothing before"
    );
    assert!(joined["d"].get("member").is_some());
    sim.join_thread(private, false).unwrap();
    assert_eq!(socket.payload().await["t"], "THREAD_MEMBERS_UPDATE");
}

#[tokio::test]
async fn channels_guilds_and_permissions() {
    let bench = Bench::new().await;
    let sim = &bench.simulator;
    let (mut socket, _) = Socket::identified(sim).await;
    let made = sim
        .create_channel(bench.guild(), Kind::Text, "new", None)
        .unwrap();
    assert_eq!(
        id(&socket.dispatch("CHANNEL_CREATE").await["d"]["id"]),
        made
    );
    let thread = sim.create_thread(made, None, "t", false).unwrap();
    sim.create_message(thread, Draft::text("x")).unwrap();
    let deny = PermissionChange::Bot {
        channel_id: made,
        allow: 0,
        deny: VIEW_CHANNEL,
    };
    sim.set_permission(deny).unwrap();
    socket.dispatch("CHANNEL_UPDATE").await;
    sim.create_message(made, Draft::text("unheard")).unwrap();
    sim.create_message(thread, Draft::text("unheard")).unwrap();
    sim.set_permission(PermissionChange::Bot {
        channel_id: made,
        allow: 0,
        deny: 0,
    })
    .unwrap();
    assert_eq!(
        socket.payload().await["t"],
        "CHANNEL_UPDATE",
        "losing sight brings nothing else"
    );
    let sync = socket.payload().await;
    assert_eq!(sync["t"], "THREAD_LIST_SYNC");
    assert_eq!(sync["d"]["channel_ids"], json!([made.to_string()]));
    assert_eq!(id(&sync["d"]["threads"][0]["id"]), thread);
    sim.delete_channel(made).unwrap();
    assert_eq!(socket.payload().await["t"], "CHANNEL_DELETE");
    assert!(
        sim.truth_in(thread)
            .iter()
            .all(|message| message.deleted_by == Some(DeletedBy::ChannelDelete))
    );

    let guild = bench.guild();
    sim.set_permission(PermissionChange::Role {
        guild_id: guild,
        role_id: guild,
        permissions: 0,
    })
    .unwrap();
    assert_eq!(socket.payload().await["t"], "GUILD_ROLE_UPDATE");
    sim.set_permission(PermissionChange::BotRoles {
        guild_id: guild,
        roles: Vec::new(),
    })
    .unwrap();
    socket.dispatch("GUILD_MEMBER_UPDATE").await;
    assert!(
        sim.channels()
            .iter()
            .filter(|room| room.name != "moderators")
            .all(|room| !room.visible)
    );
    sim.guild_outage(guild).unwrap();
    assert_eq!(
        socket.dispatch("GUILD_DELETE").await["d"]["unavailable"],
        true
    );
    sim.guild_back(guild).unwrap();
    assert_eq!(socket.payload().await["t"], "GUILD_CREATE");
    sim.kick(guild).unwrap();
    let kicked = socket.payload().await;
    assert_eq!(
        (&kicked["t"], kicked["d"].get("unavailable")),
        (&json!("GUILD_DELETE"), None)
    );
}
