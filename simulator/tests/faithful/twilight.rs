//! twilight's gateway and REST client, and twilight's own models.

use std::collections::{HashMap, HashSet};

use futures_util::StreamExt as _;
use simulator::{Simulator, TruthMessage, timestamp};
use twilight_gateway::{ConfigBuilder, Event, EventTypeFlags, Intents, Message, Shard, ShardId};
use twilight_model::channel::Message as Model;
use twilight_model::id::Id;

use super::{PATIENCE, by_event, live, readable, start, truth};

/// What the gateway said.
#[derive(Default)]
struct View {
    messages: HashMap<u64, Model>,
    deleted: HashSet<u64>,
    guilds: HashSet<u64>,
    resumed: u32,
}

async fn follow(simulator: &Simulator) -> View {
    let intents = Intents::GUILDS | Intents::GUILD_MESSAGES | Intents::MESSAGE_CONTENT;
    let config = ConfigBuilder::new(simulator.token().to_owned(), intents)
        .proxy_url(simulator.gateway_url())
        .build();
    let mut shard = Shard::with_config(ShardId::ONE, config);
    let mut view = View::default();
    while let Some(message) = shard.next().await {
        // A cut connection is an item too; the shard comes back by itself.
        let Ok(Message::Text(text)) = message else {
            continue;
        };
        let event = twilight_gateway::parse(text.clone(), EventTypeFlags::all());
        let event = event.unwrap_or_else(|error| panic!("twilight cannot parse {text}: {error:?}"));
        match event.map(Event::from) {
            Some(Event::GuildCreate(guild)) => {
                view.guilds.insert(guild.id().get());
            }
            Some(Event::Resumed) => view.resumed += 1,
            Some(Event::MessageCreate(message)) => {
                let end = message.content == "THE END";
                view.messages.insert(message.id.get(), message.message);
                if end {
                    return view;
                }
            }
            Some(Event::MessageUpdate(message)) => {
                view.messages.insert(message.id.get(), message.0);
            }
            Some(Event::MessageDelete(gone)) => {
                view.deleted.insert(gone.id.get());
            }
            Some(Event::MessageDeleteBulk(gone)) => {
                view.deleted.extend(gone.ids.iter().map(|id| id.get()));
            }
            _ => {}
        }
    }
    view
}

fn check(message: &Model, truth: &TruthMessage) {
    let id = message.id.get();
    assert_eq!(
        message.channel_id.get(),
        truth.channel_id,
        "channel of {id}"
    );
    assert_eq!(message.author.id.get(), truth.author_id, "author of {id}");
    assert_eq!(
        message.author.name, truth.author_name,
        "author's name of {id}"
    );
    assert_eq!(message.content, truth.content, "content of {id}");
    assert_eq!(
        message.attachments.len(),
        truth.attachment_count,
        "attachments of {id}"
    );
    assert_eq!(message.embeds.len(), truth.embed_count, "embeds of {id}");
    assert_eq!(u8::from(message.kind), truth.kind, "type of {id}");
    let edited = message
        .edited_timestamp
        .map(|time| timestamp((time.as_micros() / 1000).try_into().unwrap()));
    assert_eq!(edited, truth.edited_timestamp, "edit time of {id}");
}

/// A whole channel, a hundred at a time.
async fn history(client: &twilight_http::Client, channel: u64) -> Vec<Model> {
    let mut all: Vec<Model> = Vec::new();
    loop {
        let request = client.channel_messages(Id::new(channel)).limit(100);
        let page = match all.last() {
            None => request.await.unwrap().model().await.unwrap(),
            Some(oldest) => request
                .before(oldest.id)
                .await
                .unwrap()
                .model()
                .await
                .unwrap(),
        };
        if page.is_empty() {
            return all;
        }
        all.extend(page);
    }
}

#[tokio::test]
async fn twilight_sees_the_truth() {
    let seed = 23;
    let simulator = start(seed).await;
    let both = async { tokio::join!(live(&simulator, seed), follow(&simulator)).1 };
    let view = tokio::time::timeout(PATIENCE, both)
        .await
        .expect("twilight is in time");
    assert_eq!((view.guilds.len(), view.resumed), (2, 2));

    let truth = truth(&simulator);
    for message in truth.values().filter(|message| message.gateway.is_some()) {
        assert!(
            view.messages.contains_key(&message.id),
            "{} was not seen",
            message.id
        );
        assert_eq!(
            view.deleted.contains(&message.id),
            message.deleted_by.is_some_and(by_event),
            "whether {} is deleted",
            message.id
        );
        if !message.deleted {
            check(&view.messages[&message.id], message);
        }
    }

    let host = simulator.api_url().trim_start_matches("http://").to_owned();
    let client = twilight_http::Client::builder()
        .proxy(host, true)
        .ratelimiter(None);
    let client = client.token(simulator.token().to_owned()).build();
    assert_eq!(
        client
            .current_user()
            .await
            .unwrap()
            .model()
            .await
            .unwrap()
            .id
            .get(),
        simulator.bot_user_id()
    );
    for guild in simulator.guilds() {
        let channels = client
            .guild_channels(Id::new(guild.id))
            .await
            .unwrap()
            .model()
            .await
            .unwrap();
        assert_eq!(
            channels.len(),
            simulator
                .channels()
                .iter()
                .filter(|c| c.guild_id == guild.id && c.visible)
                .count()
        );
        let active = client
            .active_threads(Id::new(guild.id))
            .await
            .unwrap()
            .model()
            .await
            .unwrap();
        let threads = simulator.threads();
        let expected = threads
            .iter()
            .filter(|t| t.guild_id == guild.id && !t.archived && t.visible);
        assert_eq!(active.threads.len(), expected.count());
    }
    let mut compared = 0;
    for room in readable(&simulator) {
        let paged = history(&client, room.id).await;
        let mut alive: Vec<_> = simulator
            .truth_in(room.id)
            .into_iter()
            .filter(|message| !message.deleted)
            .collect();
        alive.reverse();
        assert_eq!(paged.len(), alive.len(), "{}", room.name);
        for (message, truth) in paged.iter().zip(&alive) {
            assert_eq!(message.id.get(), truth.id);
            check(message, truth);
        }
        compared += paged.len();
    }
    assert!(compared > 500, "{compared} messages compared");
    simulator.stop().await;
}
