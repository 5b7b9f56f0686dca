//! The document of a message: its texts by place, its traits, and the users and roles it mentions. The payload
//! is read leniently: fields that do not have Discord's form are left out.

use serde_json::{Map, Value};
use tantivy::TantivyDocument;

use super::fields::{Fields, Place};
use super::text::{bare_emoji, fold_name, plain_emoji};
use crate::store::FollowedMessage;

/// The maximum length of an indexed text in bytes. Longer texts come from bots, nobody reads them to the end,
/// and they would fill the index.
const MAX_TEXT_BYTES: usize = 64 * 1024;

/// Discord's type of a reply.
const REPLY: i64 = 19;

/// The type of a `message_reference` that forwards a message.
const FORWARD: i64 = 1;

/// The terms of the field `traits`.
pub(super) mod traits {
    pub(in super::super) const DELETED: &str = "deleted";
    pub(in super::super) const EDITED: &str = "edited";
    pub(in super::super) const REPLY: &str = "reply";
    pub(in super::super) const BOT: &str = "bot";
    pub(in super::super) const PINNED: &str = "pinned";
    pub(in super::super) const EVERYONE: &str = "everyone";
    pub(in super::super) const HERE: &str = "here";
    pub(in super::super) const LINK: &str = "link";
    pub(in super::super) const EMBED: &str = "embed";
    pub(in super::super) const FILE: &str = "file";
    pub(in super::super) const IMAGE: &str = "image";
    pub(in super::super) const VIDEO: &str = "video";
    pub(in super::super) const SOUND: &str = "sound";
    pub(in super::super) const STICKER: &str = "sticker";
    pub(in super::super) const POLL: &str = "poll";
    pub(in super::super) const FORWARD: &str = "forward";
    pub(in super::super) const REACTION: &str = "reaction";
}

/// The texts of a message, by place.
pub(super) struct Texts(Vec<(Place, String)>);

impl Texts {
    /// Reads the texts of a payload; `content` is the content as it is shown.
    fn read(payload: &Value, content: &str) -> Self {
        let mut texts = Self(Vec::new());
        texts.add(Place::Content, content);
        texts.body(payload, Place::Embed, Place::Attachment);
        for snapshot in list(payload, "message_snapshots") {
            let forwarded = &snapshot["message"];
            texts.add_of(Place::Forward, forwarded, &["content"]);
            texts.body(forwarded, Place::Forward, Place::Forward);
        }
        let poll = &payload["poll"];
        texts.add_of(Place::Poll, &poll["question"], &["text"]);
        for answer in list(poll, "answers") {
            texts.add_of(Place::Poll, &answer["poll_media"], &["text"]);
        }
        for mentioned in list(payload, "mentions") {
            texts.add_of(Place::Mention, mentioned, &["username", "global_name"]);
            texts.add_of(Place::Mention, &mentioned["member"], &["nick"]);
        }
        texts
    }

    /// Adds what an ordinary message and a forwarded one have in common.
    fn body(&mut self, message: &Value, embeds: Place, files: Place) {
        for embed in list(message, "embeds") {
            self.add_of(embeds, embed, &["title", "description", "url"]);
            for part in ["author", "provider"] {
                self.add_of(embeds, &embed[part], &["name"]);
            }
            self.add_of(embeds, &embed["footer"], &["text"]);
            for field in list(embed, "fields") {
                self.add_of(embeds, field, &["name", "value"]);
            }
        }
        for file in list(message, "attachments") {
            self.add_of(files, file, &["filename", "title", "description"]);
        }
        for sticker in list(message, "sticker_items") {
            self.add_of(files, sticker, &["name"]);
        }
        let components = if embeds == Place::Forward {
            Place::Forward
        } else {
            Place::Component
        };
        self.component(components, &message["components"]);
    }

    /// Components can contain components; serde_json limits the depth to 128.
    fn component(&mut self, place: Place, component: &Value) {
        match component {
            Value::Array(items) => items.iter().for_each(|item| self.component(place, item)),
            Value::Object(fields) => {
                let words = ["content", "label", "placeholder", "description", "title"];
                self.add_of(place, component, &words);
                let inner = fields.values().filter(|it| it.is_array() || it.is_object());
                inner.for_each(|inner| self.component(place, inner));
            }
            _ => {}
        }
    }

    fn add_of(&mut self, place: Place, from: &Value, names: &[&str]) {
        for name in names {
            if let Some(text) = from[*name].as_str() {
                self.add(place, text);
            }
        }
    }

    fn add(&mut self, place: Place, text: &str) {
        if !text.is_empty() {
            let longest = MAX_TEXT_BYTES.min(text.len());
            let end = (0..=longest).rev().find(|at| text.is_char_boundary(*at));
            self.0.push((place, text[..end.unwrap_or(0)].to_owned()));
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (Place, &str)> {
        self.0.iter().map(|(place, text)| (*place, text.as_str()))
    }
}

/// The texts of a message, for highlights; empty if the payload can't be parsed.
pub(super) fn texts(message: &FollowedMessage) -> Texts {
    match read(message) {
        Some((payload, content, _)) => Texts::read(&payload, &content),
        None => Texts(Vec::new()),
    }
}

/// Converts a message into a document.
pub(super) fn document(fields: &Fields, message: &FollowedMessage) -> TantivyDocument {
    let mut document = TantivyDocument::new();
    let mut number = |field, id: i64| document.add_u64(field, id.cast_unsigned());
    number(fields.id, message.id.as_i64());
    number(fields.guild, message.guild_id.as_i64());
    number(fields.channel, message.channel_id.as_i64());
    number(fields.author, message.author_id.as_i64());
    if message.deleted {
        document.add_text(fields.traits, traits::DELETED);
    }
    let Some((payload, content, is_edited)) = read(message) else {
        return document;
    };
    for (name, is_so) in told(&payload, &content, is_edited) {
        if is_so {
            document.add_text(fields.traits, name);
        }
    }
    for emoji in reacted_with(&payload) {
        match (emoji["id"].as_str(), emoji["name"].as_str()) {
            (Some(id), name) => {
                document.add_text(fields.reaction, id);
                if let Some(name) = name {
                    document.add_text(fields.reaction_name, fold_name(name));
                }
            }
            (None, Some(name)) => {
                let bare = bare_emoji(name);
                // A plain emoji finds every skin tone, as it does in texts.
                let plain = plain_emoji(name);
                if plain != bare {
                    document.add_text(fields.reaction, plain);
                }
                document.add_text(fields.reaction, bare);
            }
            (None, None) => {}
        }
    }
    for mentioned in list(&payload, "mentions") {
        if let Some(id) = mentioned["id"].as_str().and_then(|id| id.parse().ok()) {
            document.add_u64(fields.mentioned, id);
        }
        for name in names(mentioned, &mentioned["member"]) {
            document.add_text(fields.mentioned_name, name);
        }
    }
    let roles = list(&payload, "mention_roles").filter_map(|role| role.as_str()?.parse().ok());
    for role in roles {
        document.add_u64(fields.mentioned, role);
    }
    for name in names(&payload["author"], &payload["member"]) {
        let later_words = name.match_indices(' ').map(|(at, _)| &name[at + 1..]);
        for words in later_words {
            document.add_text(fields.author_words, words);
        }
        document.add_text(fields.author_words, &name);
        document.add_text(fields.author_name, name);
    }
    for (place, text) in Texts::read(&payload, &content).iter() {
        document.add_text(fields.text(place), text);
        if place != Place::Mention {
            document.add_text(fields.stems, text);
        }
    }
    document
}

/// The payload with Discord's later changes, the content as it is shown, and whether the author edited it.
fn read(message: &FollowedMessage) -> Option<(Value, String, bool)> {
    let mut payload: Value = serde_json::from_str(message.raw_json.as_deref()?).ok()?;
    let changed = message.changed_fields.as_deref();
    let changed: Option<Map<String, Value>> =
        changed.and_then(|json| serde_json::from_str(json).ok());
    for (field, value) in changed.into_iter().flatten() {
        match (payload[&field].as_object_mut(), value) {
            // A partial update can contain an author without all fields.
            (Some(known), Value::Object(news)) if field == "author" => known.extend(news),
            (_, value) => payload[&field] = value,
        }
    }
    let content = payload["content"].as_str()?.to_owned();
    let is_edited = !payload["edited_timestamp"].is_null();
    Some((payload, content, is_edited))
}

/// The traits of a message.
fn told(payload: &Value, content: &str, is_edited: bool) -> [(&'static str, bool); 16] {
    let is = |name: &str| payload[name].as_bool() == Some(true);
    let has = |name: &str| list(payload, name).next().is_some();
    let media = |kind: &str, embeds: &[&str]| {
        let is_kind = |file: &Value| {
            let kind_of = file["content_type"].as_str();
            kind_of.is_some_and(|it| it.starts_with(kind))
        };
        let is_embed = |embed: &Value| {
            let kind_of = embed["type"].as_str();
            kind_of.is_some_and(|it| embeds.contains(&it))
        };
        list(payload, "attachments").any(is_kind) || list(payload, "embeds").any(is_embed)
    };
    let forwards =
        has("message_snapshots") || payload["message_reference"]["type"].as_i64() == Some(FORWARD);
    let author = &payload["author"];
    let is_here = content.contains("@here") && !content.contains("@everyone");
    [
        (traits::EDITED, is_edited),
        (traits::REPLY, payload["type"].as_i64() == Some(REPLY)),
        (
            traits::BOT,
            author["bot"].as_bool() == Some(true) || payload["webhook_id"].is_string(),
        ),
        (traits::PINNED, is("pinned")),
        // Discord only says that it is one of the two.
        (traits::EVERYONE, is("mention_everyone") && !is_here),
        (traits::HERE, is("mention_everyone") && is_here),
        (
            traits::LINK,
            content.contains("http://") || content.contains("https://"),
        ),
        (traits::EMBED, has("embeds")),
        (traits::FILE, has("attachments")),
        (traits::IMAGE, media("image/", &["image", "gifv"])),
        (traits::VIDEO, media("video/", &["video"])),
        (traits::SOUND, media("audio/", &[])),
        (traits::STICKER, has("sticker_items")),
        (traits::POLL, payload["poll"].is_object()),
        (traits::FORWARD, forwards),
        (traits::REACTION, reacted_with(payload).next().is_some()),
    ]
}

/// The emoji with at least one reaction.
fn reacted_with(payload: &Value) -> impl Iterator<Item = &Value> {
    let reactions = list(payload, "reactions");
    let counted = reactions.filter(|it| it["count"].as_i64().is_some_and(|count| count > 0));
    let emoji = counted.map(|it| &it["emoji"]);
    emoji.filter(|it| it["id"].is_string() || it["name"].is_string())
}

/// The folded names of a user, each once, and for old accounts the name with its discriminator, by which
/// Discord distinguished people of one name.
fn names(user: &Value, member: &Value) -> Vec<String> {
    let tag = user["discriminator"]
        .as_str()
        .filter(|number| number.bytes().any(|digit| digit != b'0'));
    let tagged = tag.and_then(|tag| Some(format!("{}#{tag}", user["username"].as_str()?)));
    let names = [&user["username"], &user["global_name"], &member["nick"]];
    let names = names.into_iter().filter_map(|name| name.as_str());
    let mut names: Vec<String> = names
        .chain(tagged.as_deref())
        .map(fold_name)
        .filter(|name| !name.is_empty())
        .collect();
    names.sort_unstable();
    names.dedup();
    names
}

fn list<'a>(from: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> + use<'a> {
    from[name].as_array().into_iter().flatten()
}
