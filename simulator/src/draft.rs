//! What somebody says: the parts of a message its author chooses.
//! A draft is built by a test (`Draft::text("hello").attachments(2)`), by the traffic or by the generator.

use crate::payload::json::{Json, map};
use crate::random::mix;
use crate::snowflake::timestamp;
use crate::world::change::{HAS_THREAD, IS_CROSSPOST, SUPPRESS_EMBEDS};
use crate::world::poll::Poll;
use crate::world::reaction::{Emoji, Reaction};

/// What somebody says; `Draft::text("hello")` and then what else it shall have.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Draft {
    pub(crate) author: Option<u64>,
    pub(crate) kind: u8,
    pub(crate) content: String,
    pub(crate) embeds: Vec<Json>,
    pub(crate) attachments: Vec<File>,
    pub(crate) components: Vec<Json>,
    pub(crate) poll: Option<Poll>,
    pub(crate) stickers: Vec<Json>,
    pub(crate) reactions: Vec<Reaction>,
    pub(crate) snapshots: Vec<Json>,
    /// Channel and message that were forwarded.
    pub(crate) forwarded: Option<(u64, u64)>,
    pub(crate) flags: i64,
    pub(crate) mention_everyone: bool,
    pub(crate) mentions: Vec<u64>,
    pub(crate) reply_to: Option<u64>,
    pub(crate) tts: bool,
    pub(crate) nonce: Option<String>,
    /// Fields put into the payload as they are.
    pub(crate) extra: Vec<(&'static str, Json)>,
}

/// A file hung on a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct File {
    pub(crate) name: String,
    pub(crate) size: u32,
    pub(crate) content_type: Option<&'static str>,
    pub(crate) seed: u64,
}

impl Draft {
    /// A plain message.
    #[must_use]
    pub fn text(content: impl Into<String>) -> Self {
        Self {
            content: content.into(),
            ..Self::default()
        }
    }

    /// By this user; without it a member of the guild says it.
    #[must_use]
    pub fn author(mut self, user_id: u64) -> Self {
        self.author = Some(user_id);
        self
    }

    /// Of this message type (0 is plain; a reply is 19 by itself).
    #[must_use]
    pub fn kind(mut self, kind: u8) -> Self {
        self.kind = kind;
        self
    }

    /// As a reply to a message of the same channel.
    #[must_use]
    pub fn reply_to(mut self, message_id: u64) -> Self {
        self.reply_to = Some(message_id);
        self.kind = 19;
        self
    }

    /// With this many files.
    #[must_use]
    pub fn attachments(mut self, count: usize) -> Self {
        for at in 0..count as u64 {
            let seed = mix(at, self.content.len() as u64);
            let (name, content_type) = match at % 4 {
                0 => (format!("photo_{}.png", seed % 1000), Some("image/png")),
                1 => (
                    format!("Bericht {}.pdf", seed % 1000),
                    Some("application/pdf"),
                ),
                2 => ("voice-message.ogg".to_owned(), Some("audio/ogg")),
                _ => ("données.bin".to_owned(), None),
            };
            self.attachments.push(File {
                name,
                size: (seed % 4_000_000) as u32,
                content_type,
                seed,
            });
        }
        self
    }

    /// With this many embeds.
    #[must_use]
    pub fn embeds(mut self, count: usize) -> Self {
        self.embeds.extend(
            (0..count)
                .map(|at| link_embed(&format!("https://example.org/news/{at}"), "A headline")),
        );
        self
    }

    /// With text in Components V2 (flag 1<<15, no content): a container, a section and a plain text.
    #[must_use]
    pub fn components_v2(mut self, text: impl Into<String>) -> Self {
        let text: String = text.into();
        self.flags |= 1 << 15;
        self.content.clear();
        let display =
            |id: i64, content: String| map! { "type" => 10, "id" => id, "content" => content };
        self.components = vec![
            map! {
                "type" => 17, "id" => 1, "accent_color" => 0x5865f2, "spoiler" => false,
                "components" => vec![
                    display(2, text.clone()),
                    map! { "type" => 14, "id" => 3, "divider" => true, "spacing" => 1 },
                    map! {
                        "type" => 9, "id" => 4,
                        "components" => vec![display(5, format!("-# {text}"))],
                        "accessory" => map! { "type" => 2, "id" => 6, "style" => 5, "label" => "Open", "url" => "https://example.org/" },
                    },
                ],
            },
            display(7, text),
        ];
        self
    }

    /// As a poll of which one answer may be chosen.
    #[must_use]
    pub fn poll(mut self, question: impl Into<String>, answers: &[&str]) -> Self {
        self.poll = Some(Poll::new(question.into(), answers, false));
        self
    }

    /// As a poll of which several answers may be chosen.
    #[must_use]
    pub fn multiselect_poll(mut self, question: impl Into<String>, answers: &[&str]) -> Self {
        self.poll = Some(Poll::new(question.into(), answers, true));
        self
    }

    /// With a sticker.
    #[must_use]
    pub fn sticker(mut self, name: impl Into<String>) -> Self {
        self.stickers.push(map! { "id" => Json::id(749_054_660_769_218_631), "name" => name.into(), "format_type" => 1 });
        self
    }

    /// With a reaction that this many people gave, whoever they are.
    #[must_use]
    pub fn reaction(mut self, emoji: impl Into<Emoji>, count: u32) -> Self {
        let mut reaction = Reaction::new(emoji.into());
        reaction.normal.others = count;
        self.reactions.push(reaction);
        self
    }

    /// As a crosspost of a message of a channel that this one follows.
    #[must_use]
    pub fn crosspost(
        channel_id: u64,
        message_id: u64,
        guild_id: u64,
        content: impl Into<String>,
    ) -> Self {
        let mut draft = Self::text(content);
        draft.flags = IS_CROSSPOST as i64;
        let reference = map! {
            "type" => 0, "channel_id" => Json::id(channel_id), "message_id" => Json::id(message_id),
            "guild_id" => Json::id(guild_id),
        };
        draft.extra.push(("message_reference", reference));
        draft
    }

    /// The flags as a payload shows them.
    pub(crate) fn shown_flags(&self, has_thread: bool) -> u64 {
        self.flags as u64 | if has_thread { HAS_THREAD } else { 0 }
    }

    /// The embeds that are not suppressed.
    pub(crate) fn shown_embeds(&self) -> &[Json] {
        if self.flags as u64 & SUPPRESS_EMBEDS != 0 {
            &[]
        } else {
            &self.embeds
        }
    }

    /// Mentioning a user (the text is the author's affair).
    #[must_use]
    pub fn mention(mut self, user_id: u64) -> Self {
        self.mentions.push(user_id);
        self
    }

    /// Spoken aloud.
    #[must_use]
    pub fn tts(mut self) -> Self {
        self.tts = true;
        self
    }

    /// With a nonce, as client applications send it.
    #[must_use]
    pub fn nonce(mut self, nonce: impl Into<String>) -> Self {
        self.nonce = Some(nonce.into());
        self
    }

    /// A forward of a message: no content of its own, a snapshot of the other's.
    #[must_use]
    pub fn forward(channel_id: u64, message_id: u64, content: impl Into<String>) -> Self {
        let none = Vec::<Json>::new;
        let snapshot = map! { "message" => map! {
            "type" => 0, "content" => content.into(), "mentions" => none(), "mention_roles" => none(),
            "attachments" => none(), "embeds" => none(), "timestamp" => timestamp(crate::snowflake::unix_ms(message_id)),
            "edited_timestamp" => Json::Null, "flags" => 0, "components" => none(),
        } };
        Self {
            flags: 1 << 14,
            forwarded: Some((channel_id, message_id)),
            snapshots: vec![snapshot],
            ..Self::default()
        }
    }
}

/// The embed Discord makes of a link.
pub(crate) fn link_embed(url: &str, title: &str) -> Json {
    map! {
        "type" => "article",
        "url" => url.to_owned(),
        "title" => title.to_owned(),
        "description" => "What the page says about itself, at some length \u{2014} and \u{201c}quoted\u{201d}.",
        "color" => 0x00b0f4,
        "provider" => map! { "name" => "Example News" },
        "thumbnail" => map! {
            "url" => "https://example.org/thumb.png",
            "proxy_url" => "https://images-ext-1.example.net/external/abc/https/example.org/thumb.png",
            "width" => 1200, "height" => 630, "placeholder" => "3/gFDYJ4d4h4d4eHiH", "placeholder_version" => 1, "flags" => 0,
        },
        "content_scan_version" => 1,
    }
}
