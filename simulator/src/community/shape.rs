//! What one message says, made from the seed and its id.
//! Called whenever a generated message is rendered, and always with the same result; nothing of it is kept.

use rand::Rng;

use super::{popularity, text};
use crate::draft::{Draft, link_embed};
use crate::payload::json::{Json, map};
use crate::random::{mix, rng};
use crate::snowflake::timestamp;
use crate::world::{Message, World};

/// The draft of a generated message.
pub(crate) fn draft(world: &World, channel: usize, message: &Message) -> Draft {
    let mut rng = rng(world.seed, message.id);
    let place = &world.channels[channel];
    let home = mix(world.seed, place.parent.unwrap_or(place.id));
    let author = &world.users[message.author as usize];
    let mut draft = match message.kind {
        0 | 19 => spoken(world, channel, &mut rng, home, author.bot || author.webhook),
        20 => Draft::text(text::say(&mut rng, home)),
        18 => Draft::text(thread_name(world, message.reference)),
        23 => Draft::text(text::say(&mut rng, home)),
        46 => poll_result(message),
        _ => Draft::default(),
    };
    if message.kind == 20 || message.kind == 23 {
        let user = world.users[message.author as usize].json();
        let command = if message.kind == 20 { 1 } else { 3 };
        let data = map! {
            "id" => Json::id(message.id - 1), "type" => 2, "name" => "report", "user" => user,
            "command_type" => command, "authorizing_integration_owners" => map! { "0" => Json::id(world.guild_of(channel).id) },
        };
        draft.extra.push(("interaction_metadata", data));
        draft
            .extra
            .push(("application_id", Json::id(world.bot().id)));
    }
    draft.kind = message.kind;
    if message.edited_ms != 0 && !draft.content.is_empty() {
        draft.content.push_str(" *edit*");
    }
    if message.kind == 19 {
        draft.reply_to = Some(message.reference);
    }
    if matches!(message.kind, 0 | 19 | 20) {
        popularity::respond_once(world, channel, message, &mut draft);
    }
    draft
}

/// What somebody says now.
pub(crate) fn live(world: &World, channel: usize, author: u32, rng: &mut impl Rng) -> Draft {
    let place = &world.channels[channel];
    let author = &world.users[author as usize];
    spoken(
        world,
        channel,
        rng,
        mix(world.seed, place.parent.unwrap_or(place.id)),
        author.bot || author.webhook,
    )
}

fn spoken(world: &World, channel: usize, rng: &mut impl Rng, home: u64, machine: bool) -> Draft {
    let said = text::say(rng, home);
    let mut draft = match rng.random_range(0..1000) {
        0..=14 => forward(world, channel, rng, said),
        15..=22 => Draft::default().poll(text::title(rng), &["Oui", "Nein", "Maybe 🤔", "はい"]),
        23..=37 => Draft::default().sticker("Wumpus waves"),
        38..=107 => Draft::text(said).attachments(rng.random_range(1..=3)),
        108..=127 => Draft::default().attachments(rng.random_range(1..=10)),
        128..=177 => linked(rng, &said),
        178..=217 => mentioning(world, rng, &said),
        218..=221 => {
            let mut draft = Draft::text(format!("@everyone {said}"));
            draft.mention_everyone = true;
            draft
        }
        222..=237 => Draft::text("").embeds(rng.random_range(1..=3)),
        _ if machine && rng.random_bool(0.4) => Draft::default().components_v2(said),
        _ => Draft::text(said),
    };
    if draft.content.is_empty() || !rng.random_bool(0.01) {
        return draft;
    }
    draft.tts = true;
    draft
}

fn forward(world: &World, channel: usize, rng: &mut impl Rng, said: String) -> Draft {
    let place = &world.channels[channel];
    let earlier = place.messages.len();
    match place.messages.get(rng.random_range(0..earlier.max(1))) {
        Some(message) => Draft::forward(place.id, message.id, said),
        None => Draft::text(said),
    }
}

/// A link whose embed came by an unfurl.
fn linked(rng: &mut impl Rng, said: &str) -> Draft {
    let url = format!(
        "https://example.org/{}?q=a%20b&n={}#top",
        rng.random_range(1000..9999),
        rng.random_range(1..9)
    );
    let title = text::title(rng);
    let mut draft = Draft::text(format!("{said} {url}"));
    draft.embeds.push(link_embed(&url, &title));
    draft
}

fn mentioning(world: &World, rng: &mut impl Rng, said: &str) -> Draft {
    // Never the bot: a mention of it would let content through that a test expects to be withheld.
    let user = &world.users[rng
        .random_range(1..world.users.len().max(2))
        .min(world.users.len() - 1)];
    Draft::text(format!("<@{}> {said}", user.id)).mention(user.id)
}

fn poll_result(message: &Message) -> Draft {
    let field = |name: &'static str, value: &'static str| map! { "name" => name, "value" => value, "inline" => false };
    let mut draft = Draft::default();
    draft.embeds.push(map! {
        "type" => "poll_result",
        "fields" => vec![
            field("poll_question_text", "Which day suits you?"),
            field("victor_answer_votes", "5"),
            field("total_votes", "9"),
            field("victor_answer_id", "1"),
            field("victor_answer_text", "Jeudi"),
        ],
        "timestamp" => timestamp(crate::snowflake::unix_ms(message.id)),
    });
    draft
}

fn thread_name(world: &World, thread: u64) -> String {
    world
        .channel_at
        .get(&thread)
        .map_or_else(String::new, |&at| world.channels[at].name.clone())
}
