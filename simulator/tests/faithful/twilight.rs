//! twilight's gateway and REST client, and twilight's own models.

use std::collections::{BTreeMap, HashMap, HashSet};

use futures_util::StreamExt as _;
use simulator::{Simulator, TruthMessage, timestamp, unix_ms};
use twilight_gateway::{ConfigBuilder, Event, EventTypeFlags, Intents, Message, Shard, ShardId};
use twilight_model::channel::Message as Model;
use twilight_model::channel::message::EmojiReactionType;
use twilight_model::gateway::GatewayReaction;
use twilight_model::id::Id;
use twilight_model::id::marker::MessageMarker;

use super::{Counts, PATIENCE, by_event, is_live, live, readable, start, true_counts, truth};

/// What the gateway said.
#[derive(Default)]
struct View {
    messages: HashMap<u64, Model>,
    deleted: HashSet<u64>,
    guilds: HashSet<u64>,
    resumed: u32,
    /// When the simulator started.
    started_ms: u64,
    /// What the events of reactions add up to.
    reactions: HashMap<u64, Counts>,
    /// What the events of votes add up to.
    votes: HashMap<u64, BTreeMap<u32, u32>>,
}

impl View {
    fn is_followed(&self, message: Id<MessageMarker>) -> bool {
        unix_ms(message.get()) >= self.started_ms
    }

    fn react(&mut self, reaction: &GatewayReaction, added: bool) {
        let counts = self.reactions.entry(reaction.message_id.get()).or_default();
        let (count, burst) = counts.entry(key(&reaction.emoji)).or_default();
        let step = |count: u32| if added { count + 1 } else { count - 1 };
        *count = step(*count);
        if reaction.burst {
            *burst = step(*burst);
        }
        if *count == 0 {
            counts.remove(&key(&reaction.emoji));
        }
    }
}

/// A custom emoji is its id, another one its characters.
fn key(emoji: &EmojiReactionType) -> String {
    match emoji {
        EmojiReactionType::Custom { id, .. } => id.to_string(),
        EmojiReactionType::Unicode { name } => name.clone(),
    }
}

async fn follow(simulator: &Simulator, started_ms: u64) -> View {
    let intents = Intents::GUILDS
        | Intents::GUILD_MESSAGES
        | Intents::MESSAGE_CONTENT
        | Intents::GUILD_MESSAGE_REACTIONS
        | Intents::GUILD_MESSAGE_POLLS;
    let config = ConfigBuilder::new(simulator.token().to_owned(), intents)
        .proxy_url(simulator.gateway_url())
        .build();
    let mut shard = Shard::with_config(ShardId::ONE, config);
    let mut view = View {
        started_ms,
        ..View::default()
    };
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
            // Of messages that are older than the session nothing is known to count from.
            Some(Event::ReactionAdd(added)) if view.is_followed(added.message_id) => {
                assert!(added.member.is_some());
                view.react(&added, true);
            }
            Some(Event::ReactionRemove(removed)) if view.is_followed(removed.message_id) => {
                view.react(&removed, false);
            }
            Some(Event::ReactionRemoveAll(all)) => {
                view.reactions.remove(&all.message_id.get());
            }
            Some(Event::ReactionRemoveEmoji(emoji)) => {
                let counts = view.reactions.entry(emoji.message_id.get()).or_default();
                counts.remove(&key(&emoji.emoji));
            }
            Some(Event::MessagePollVoteAdd(vote)) => {
                let votes = view.votes.entry(vote.message_id.get()).or_default();
                *votes.entry(vote.answer_id.into()).or_default() += 1;
            }
            Some(Event::MessagePollVoteRemove(vote)) if view.is_followed(vote.message_id) => {
                let votes = view.votes.entry(vote.message_id.get()).or_default();
                *votes.entry(vote.answer_id.into()).or_default() -= 1;
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
    assert_eq!(message.pinned, truth.pinned, "pin of {id}");
    let flags = message.flags.map_or(0, |flags| flags.bits());
    assert_eq!(flags, truth.flags, "flags of {id}");
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
    let started = simulator.now_ms();
    let both = async { tokio::join!(live(&simulator, seed), follow(&simulator, started)).1 };
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

    let mut responses = 0;
    for message in truth.values().filter(|message| is_live(message, started)) {
        let summed = view.reactions.get(&message.id).cloned();
        let summed = summed.unwrap_or_default();
        assert_eq!(summed, true_counts(message), "reactions of {}", message.id);
        responses += summed.len();
        for (answer, count) in message.poll.iter().flat_map(|poll| &poll.votes) {
            let votes = view.votes.get(&message.id);
            let summed = votes.and_then(|votes| votes.get(answer)).copied();
            assert_eq!(summed.unwrap_or(0), *count, "votes of {}", message.id);
        }
    }
    assert!(responses > 5, "{responses} reactions were followed");

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
            let reactions = message.reactions.iter().map(|reaction| {
                let count = |count: u64| u32::try_from(count).unwrap();
                let burst = count(reaction.count_details.burst);
                (key(&reaction.emoji), (count(reaction.count), burst))
            });
            assert_eq!(reactions.collect::<Counts>(), true_counts(truth));
            let results = message.poll.as_ref().and_then(|poll| poll.results.as_ref());
            assert_eq!(
                results.map(|results| results.is_finalized),
                truth.poll.as_ref().map(|poll| poll.finalized)
            );
            for counted in results.iter().flat_map(|results| &results.answer_counts) {
                let votes = truth.poll.as_ref().unwrap().votes[&u32::from(counted.id)];
                assert_eq!(counted.count, u64::from(votes));
            }
        }
        compared += paged.len();
    }
    assert!(compared > 500, "{compared} messages compared");
    simulator.stop().await;
}
