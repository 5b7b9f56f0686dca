//! Message objects, rendered from a message's state alone.
//! REST and gateway differ as Discord's do: the gateway adds `guild_id`, `member` and `channel_type`; without the
//! content intent the five content fields are empty and `poll` is absent.

use std::borrow::Cow;

use super::json::{Json, map};
use super::style::Style;
use crate::community::shape;
use crate::draft::{Draft, File};
use crate::random::mix;
use crate::snowflake::{timestamp, unix_ms};
use crate::world::reaction::Reaction;
use crate::world::{Message, World};

/// Which form of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Form {
    /// With `guild_id`, `member`, `channel_type`.
    pub(crate) gateway: bool,
    /// With the content fields filled.
    pub(crate) content: bool,
    /// With the reactions and the counts of a poll: events leave them out.
    pub(crate) counts: bool,
    /// As an update, in which `tts` is always false.
    pub(crate) update: bool,
}

impl Form {
    pub(crate) const REST: Self = Self {
        gateway: false,
        content: true,
        counts: true,
        update: false,
    };
    pub(crate) const GATEWAY: Self = Self {
        gateway: true,
        content: true,
        counts: false,
        update: false,
    };
    pub(crate) const BARE: Self = Self {
        gateway: true,
        content: false,
        counts: false,
        update: false,
    };
}

impl World {
    /// What the author chose: kept, or made again from the seed.
    pub(crate) fn draft<'a>(&self, channel: usize, message: &'a Message) -> Cow<'a, Draft> {
        match &message.body {
            Some(body) => Cow::Borrowed(body.as_ref()),
            None => Cow::Owned(shape::draft(self, channel, message)),
        }
    }

    /// The text of a message in a form.
    pub(crate) fn message_text(&self, channel: usize, message: &Message, form: Form) -> String {
        let json = self.message_json(channel, message, form);
        let seed = mix(
            mix(self.seed, message.id),
            u64::from(message.revision) << 1 | u64::from(form.gateway),
        );
        Style::seeded(seed, self.odd_style).render(json, seed)
    }

    pub(crate) fn message_json(&self, channel: usize, message: &Message, form: Form) -> Json {
        let draft = self.draft(channel, message);
        let mut json = self.plain_json(channel, message, &draft, form);
        if message.reference != 0 || message.kind == 19 || message.kind == 21 {
            self.add_reference(channel, message, form, &mut json);
        }
        if let Some((channel_id, message_id)) = draft.forwarded {
            let guild = self.guild_of(channel).id;
            json.set("message_reference", map! {
                "type" => 1, "channel_id" => Json::id(channel_id), "message_id" => Json::id(message_id),
                "guild_id" => Json::id(guild),
            });
            if form.content {
                json.set("message_snapshots", draft.snapshots.clone().into());
            }
        }
        if message.kind == 18 || message.has_thread {
            self.add_thread(channel, message, form, &mut json);
        }
        if form.gateway {
            let guild = self.guild_of(channel);
            json.set("guild_id", Json::id(guild.id));
            json.set(
                "channel_type",
                i64::from(self.channels[channel].kind.number()).into(),
            );
            if !self.users[message.author as usize].webhook {
                json.set("member", self.member_json(guild, message.author));
            }
        }
        json
    }

    fn plain_json(&self, channel: usize, message: &Message, draft: &Draft, form: Form) -> Json {
        let author = &self.users[message.author as usize];
        let mentions = draft.mentions.iter().filter_map(|&id| self.user_at(id));
        let attachments = draft
            .attachments
            .iter()
            .enumerate()
            .map(|(at, file)| self.file(channel, message.id, at, file));
        let full = |items: Vec<Json>| if form.content { items } else { Vec::new() };
        let mut json = map! {
            "type" => i64::from(message.kind),
            "content" => if form.content { draft.content.clone() } else { String::new() },
            "mentions" => mentions.map(|at| self.users[at as usize].json()).collect::<Vec<_>>(),
            "mention_roles" => Vec::<Json>::new(),
            "attachments" => full(attachments.collect()),
            "embeds" => full(draft.shown_embeds().to_vec()),
            "timestamp" => timestamp(unix_ms(message.id)),
            "edited_timestamp" => (message.edited_ms != 0).then(|| timestamp(message.edited_ms)),
            "flags" => draft.shown_flags(message.has_thread) as i64,
            "components" => full(draft.components.clone()),
            "id" => Json::id(message.id),
            "channel_id" => Json::id(self.channels[channel].id),
            "author" => author.json(),
            "pinned" => message.pinned,
            "mention_everyone" => draft.mention_everyone,
            "tts" => draft.tts && !form.update,
        };
        if author.webhook {
            json.set("webhook_id", Json::id(author.id));
            if author.id.is_multiple_of(2) {
                json.set("application_id", Json::id(author.id));
            }
        }
        if let Some(nonce) = draft.nonce.as_ref().filter(|_| form.gateway) {
            json.set("nonce", nonce.clone().into());
        }
        if !draft.stickers.is_empty() {
            json.set("sticker_items", draft.stickers.clone().into());
        }
        if !draft.reactions.is_empty() && form.counts {
            let reactions = draft.reactions.iter().map(Reaction::json);
            json.set("reactions", Json::List(reactions.collect()));
        }
        if let Some(poll) = draft.poll.as_ref().filter(|_| form.content) {
            json.set("poll", poll.json(form.counts));
        }
        for (name, value) in &draft.extra {
            json.set(name, value.clone());
        }
        let place = &self.channels[channel];
        if place.kind.is_thread() {
            json.set(
                "position",
                place
                    .position_of(message.id)
                    .unwrap_or(place.messages.len())
                    .into(),
            );
        }
        json
    }

    fn add_reference(&self, channel: usize, message: &Message, form: Form, json: &mut Json) {
        let place = &self.channels[channel];
        let guild = self.guild_of(channel).id;
        // A thread's first notice is about a message of the parent, everything else about one of the same channel.
        let home = match (
            message.kind,
            place.parent.and_then(|id| self.channel_at.get(&id)),
        ) {
            (21, Some(&parent)) => parent,
            _ => channel,
        };
        json.set(
            "message_reference",
            map! {
                "type" => 0,
                "channel_id" => Json::id(self.channels[home].id),
                "message_id" => Json::id(message.reference),
                "guild_id" => Json::id(guild),
            },
        );
        if matches!(message.kind, 19 | 21 | 23) {
            let target = self.message(home, message.reference).map(|target| {
                let draft = self.draft(home, target);
                let mut json = self.plain_json(
                    home,
                    target,
                    &draft,
                    Form {
                        gateway: false,
                        update: false,
                        ..form
                    },
                );
                if target.reference != 0 {
                    json.set("message_reference", map! {
                        "type" => 0, "channel_id" => Json::id(self.channels[home].id),
                        "message_id" => Json::id(target.reference), "guild_id" => Json::id(guild),
                    });
                }
                json
            });
            json.set("referenced_message", target.into());
        }
    }

    fn add_thread(&self, channel: usize, message: &Message, form: Form, json: &mut Json) {
        let thread = if message.kind == 18 {
            message.reference
        } else {
            message.id
        };
        let Some(&at) = self.channel_at.get(&thread) else {
            return;
        };
        if message.kind == 18 {
            let guild = self.guild_of(channel).id;
            json.set(
                "message_reference",
                map! {
                    "type" => 0, "channel_id" => Json::id(thread), "guild_id" => Json::id(guild),
                },
            );
        }
        if !form.gateway && !self.channels[at].deleted {
            json.set("thread", self.channel_json(at));
        }
    }

    fn file(&self, channel: usize, message: u64, at: usize, file: &File) -> Json {
        let id = message + 1 + at as u64;
        // Signed and expiring a day after the message; the signature is made up but stays the same.
        let expires = unix_ms(message) / 1000 + 86_400;
        let signature = format!("{:016x}{:016x}", mix(file.seed, 1), mix(file.seed, id));
        let name = file.name.replace(' ', "_");
        let query = format!(
            "?ex={expires:x}&is={:x}&hm={signature}{signature}&",
            expires - 86_400
        );
        let place = self.channels[channel].id;
        let mut json = map! {
            "id" => Json::id(id),
            "filename" => name.clone(),
            "size" => file.size,
            "url" => format!("https://cdn.discordapp.com/attachments/{place}/{id}/{name}{query}"),
            "proxy_url" => format!("https://media.discordapp.net/attachments/{place}/{id}/{name}{query}"),
        };
        match file.content_type {
            Some(kind) if kind.starts_with("image/") => {
                json.set("width", 1024.into());
                json.set("height", 768.into());
                json.set("placeholder", "3/gFDYJ4d4h4d4eHiH".into());
                json.set("placeholder_version", 1.into());
            }
            Some(kind) if kind.starts_with("audio/") => {
                json.set(
                    "duration_secs",
                    Json::Raw(
                        if file.seed.is_multiple_of(2) {
                            "1.0"
                        } else {
                            "7.349999904632568"
                        }
                        .into(),
                    ),
                );
                json.set("waveform", "AAAAAAAAAAAA".into());
            }
            _ => {}
        }
        if let Some(kind) = file.content_type {
            json.set("content_type", kind.into());
        }
        json.set("content_scan_version", 1.into());
        json
    }
}
