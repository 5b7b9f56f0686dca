//! Two clients that nobody here wrote, discord.py and twilight, live through the same day against the simulator:
//! connect, a burst, a cut, more happening meanwhile, RESUME at the other URL, the replay, the whole history.
//! What they saw must be what is true.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod discord_py;
mod twilight;

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use simulator::{
    Burst, By, CONNECT, ChannelInfo, Community, Config, DeletedBy, Draft, GatewayFault, Happening,
    Kind, PermissionChange, READ_MESSAGE_HISTORY, Simulator, TruthMessage, VIEW_CHANNEL, unix_ms,
};

/// The longest any of this may take.
const PATIENCE: Duration = Duration::from_secs(60);

async fn start(seed: u64) -> Simulator {
    let config = Config::quick().with_community(Community {
        guilds: 2,
        channels: 24,
        ..Community::small(seed)
    });
    Simulator::start(config).await.unwrap()
}

/// The day, from the simulator's side; the client goes through it by itself.
async fn live(simulator: &Simulator, seed: u64) {
    let burst = |seed, events| {
        simulator.burst(Burst {
            events,
            seed,
            partials: false,
        })
    };
    let mut happenings = simulator.observe();
    happenings.identified().await.unwrap();
    burst(seed, 300);
    // op 7: the client comes back at the URL that READY gave.
    simulator
        .faults()
        .gateway(GatewayFault::Reconnect { close: false })
        .unwrap();
    burst(seed + 1, 100);
    let resumed = happenings.resumed().await.unwrap();
    let elsewhere = matches!(
        resumed,
        Happening::Resumed {
            resume_url: true,
            ..
        }
    );
    assert!(
        elsewhere,
        "RESUME goes to the URL that READY gave: {resumed:?}"
    );
    // The cut: what happens meanwhile comes by the replay. (The URL is not judged again: twilight forgets the one for
    // RESUME when it was refused there once.)
    simulator
        .faults()
        .gateway(GatewayFault::Refuse { seconds: None })
        .unwrap();
    simulator.faults().gateway(GatewayFault::Reset).unwrap();
    happenings
        .until(|happening| matches!(happening, Happening::Closed { by: By::Server, .. }))
        .await
        .unwrap();
    let missed = burst(seed + 2, 300);
    simulator.faults().gateway(GatewayFault::Accept).unwrap();
    let resumed = happenings.resumed().await.unwrap();
    let Happening::Resumed { replayed, .. } = resumed else {
        panic!("{resumed:?}")
    };
    assert!(
        replayed >= missed,
        "all {missed} missed events are replayed, not {replayed}"
    );
    rearrange(simulator);
    simulator
        .create_message(speaking(simulator).id, Draft::text("THE END"))
        .unwrap();
    let counters = simulator.counters();
    assert_eq!(
        (counters.identifies, counters.resumes),
        (1, 2),
        "one session all day"
    );
}

/// What happens to places: every event of that sort goes through the clients' own models.
fn rearrange(simulator: &Simulator) {
    let guild = simulator.guilds()[0].id;
    let made = simulator
        .create_channel(guild, Kind::Text, "new", None)
        .unwrap();
    let said = simulator
        .create_message(made, Draft::text("here").attachments(1))
        .unwrap();
    let thread = simulator
        .create_thread(made, Some(said), "on it", false)
        .unwrap();
    let private = simulator.create_thread(made, None, "secret", true).unwrap();
    simulator.join_thread(private, true).unwrap();
    simulator.archive_thread(thread).unwrap();
    simulator.unarchive_thread(thread).unwrap();
    for deny in [VIEW_CHANNEL, 0] {
        simulator
            .set_permission(PermissionChange::Bot {
                channel_id: made,
                allow: 0,
                deny,
            })
            .unwrap();
    }
    let everyone = VIEW_CHANNEL | READ_MESSAGE_HISTORY | CONNECT;
    simulator
        .set_permission(PermissionChange::Role {
            guild_id: guild,
            role_id: guild,
            permissions: everyone,
        })
        .unwrap();
    simulator.join_thread(private, false).unwrap();
    simulator.delete_thread(thread).unwrap();
    simulator.delete_channel(made).unwrap();
    let other = simulator.guilds()[1].id;
    simulator.guild_outage(other).unwrap();
    simulator.guild_back(other).unwrap();
}

/// A channel for the last word.
fn speaking(simulator: &Simulator) -> ChannelInfo {
    simulator
        .channels()
        .into_iter()
        .find(|channel| channel.visible && channel.name == "general")
        .unwrap()
}

/// Channels and threads whose history the bot may read; archived private threads apart, which have a list of their own.
fn readable(simulator: &Simulator) -> Vec<ChannelInfo> {
    let rooms = simulator.channels().into_iter().chain(simulator.threads());
    rooms
        .filter(|room| room.history && room.kind.has_messages())
        .collect()
}

fn truth(simulator: &Simulator) -> HashMap<u64, TruthMessage> {
    // A forum post and a thread on a message share an id with their thread, never with another message.
    simulator
        .truth()
        .into_iter()
        .map(|message| (message.id, message))
        .collect()
}

/// A message that went with its channel or thread has no event of its own.
fn by_event(how: DeletedBy) -> bool {
    matches!(how, DeletedBy::Delete | DeletedBy::BulkDelete)
}

/// By emoji (a custom one is its id): how often it was given, and how often as a super reaction.
type Counts = BTreeMap<String, (u32, u32)>;

fn true_counts(message: &TruthMessage) -> Counts {
    let counts = message.reactions.iter().map(|reaction| {
        let emoji = &reaction.emoji;
        let key = emoji
            .id
            .map_or_else(|| emoji.name.clone(), |id| id.to_string());
        (key, (reaction.count, reaction.burst))
    });
    counts.collect()
}

/// Whether a message came after this time and is there still: the events about it tell all there is to know.
fn is_live(message: &TruthMessage, started_ms: u64) -> bool {
    !message.deleted && unix_ms(message.id) >= started_ms
}
