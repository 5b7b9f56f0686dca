//! What a test compares with: every message there is or was.
//! Payloads are given as the exact texts that REST and the gateway send.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::draft::Draft;
use crate::payload::message::Form;
use crate::shared::State;
use crate::snowflake::timestamp;
use crate::world::message::DeletedBy;
use crate::world::poll::Poll;
use crate::world::{Emoji, World};

/// What a message has of one emoji.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TruthReaction {
    /// The emoji.
    pub emoji: Emoji,
    /// How often it was given, super reactions among them.
    pub count: u32,
    /// How often as a super reaction.
    pub burst: u32,
    /// The ids of those who gave it and are known by name; a user who gave it both ways is there twice.
    pub users: Vec<u64>,
}

/// A poll and its votes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TruthPoll {
    /// The votes for each answer, by its id; an answer nobody voted for too.
    pub votes: BTreeMap<u32, u32>,
    /// Whether it has ended.
    pub finalized: bool,
}

/// A message as it is now, or as it last was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TruthMessage {
    /// Its id.
    pub id: u64,
    /// Its guild.
    pub guild_id: u64,
    /// Its channel or thread.
    pub channel_id: u64,
    /// Discord's message type.
    pub kind: u8,
    /// Who wrote it.
    pub author_id: u64,
    /// The author's `username` as it is now.
    pub author_name: String,
    /// The text.
    pub content: String,
    /// As the payload has it.
    pub timestamp: String,
    /// As the payload has it.
    pub edited_timestamp: Option<String>,
    /// Whether it is gone.
    pub deleted: bool,
    /// How it went.
    pub deleted_by: Option<DeletedBy>,
    /// When it went.
    pub deleted_timestamp: Option<String>,
    /// How many files it has.
    pub attachment_count: usize,
    /// How many embeds it shows.
    pub embed_count: usize,
    /// Whether it is pinned.
    pub pinned: bool,
    /// Its flags, those that follow from something else (a thread on it) among them.
    pub flags: u64,
    /// Its reactions, in the order they came; none when it is gone.
    pub reactions: Vec<TruthReaction>,
    /// Its poll.
    pub poll: Option<TruthPoll>,
    /// The latest whole payload the gateway dispatched (for a session with the content intent), whether or not a
    /// session was there to get it; `None` if the message is older than the simulator and never changed.
    pub gateway: Option<String>,
    /// The payload as REST sends it, or would have sent it last.
    pub rest: String,
    /// Whether a whole payload of it ever went out, over either way. One that is deleted and was never shown cannot
    /// be known to anybody.
    pub shown: bool,
}

impl State {
    /// The truth of one channel or thread, oldest first, deleted messages included.
    pub(crate) fn truth_in(&self, channel: usize) -> impl Iterator<Item = TruthMessage> + '_ {
        let world = &self.world;
        let place = &world.channels[channel];
        place.messages.iter().map(move |message| {
            let author = &world.users[message.author as usize];
            let draft = world.draft(channel, message);
            TruthMessage {
                id: message.id,
                guild_id: world.guild_of(channel).id,
                channel_id: place.id,
                kind: message.kind,
                author_id: author.id,
                author_name: author.name.clone(),
                content: draft.content.clone(),
                timestamp: timestamp(crate::snowflake::unix_ms(message.id)),
                edited_timestamp: (message.edited_ms != 0).then(|| timestamp(message.edited_ms)),
                deleted: message.deleted.is_some(),
                deleted_by: message.deleted,
                deleted_timestamp: message.deleted.map(|_| timestamp(message.deleted_ms)),
                attachment_count: draft.attachments.len(),
                embed_count: draft.shown_embeds().len(),
                pinned: message.pinned,
                flags: draft.shown_flags(message.has_thread),
                reactions: match message.deleted {
                    None => world.true_reactions(&draft),
                    Some(_) => Vec::new(),
                },
                poll: draft.poll.as_ref().map(true_poll),
                gateway: self
                    .ledger
                    .last_gateway(message.id)
                    .map(ToString::to_string),
                rest: world.message_text(channel, message, Form::REST),
                shown: self.ledger.was_shown(message.id),
            }
        })
    }
}

impl World {
    fn true_reactions(&self, draft: &Draft) -> Vec<TruthReaction> {
        let known = |users: &[u32]| -> Vec<u64> {
            let users = users.iter().map(|&user| self.users[user as usize].id);
            users.collect()
        };
        let reactions = draft.reactions.iter().map(|reaction| TruthReaction {
            emoji: reaction.emoji.clone(),
            count: reaction.count(),
            burst: reaction.burst.count(),
            users: [known(&reaction.normal.known), known(&reaction.burst.known)].concat(),
        });
        reactions.collect()
    }
}

fn true_poll(poll: &Poll) -> TruthPoll {
    TruthPoll {
        votes: (1..)
            .zip(poll.answers.iter().map(|answer| answer.voters.count()))
            .collect(),
        finalized: poll.finalized,
    }
}
