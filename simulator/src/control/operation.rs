//! Operations on the world, as JSON.
//! Each is named as the method of the handle that does the same.

use serde::Deserialize;

use crate::draft::Draft;
use crate::error::Error;
use crate::shared::Shared;
use crate::world::{
    Emoji, Event, Kind, MessageChange, PayloadStyle, PermissionChange, Presence, World,
};

/// A message, as `POST /control/world` takes it.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct DraftJson {
    content: String,
    author: Option<Id>,
    reply_to: Option<Id>,
    attachments: usize,
    embeds: usize,
    components_v2: Option<String>,
    poll: Option<PollJson>,
    crosspost: Option<CrosspostJson>,
}

/// A poll, as `POST /control/world` takes it.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct PollJson {
    question: String,
    answers: Vec<String>,
    #[serde(default)]
    multiselect: bool,
}

/// The message that a crosspost shows, as `POST /control/world` takes it.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct CrosspostJson {
    channel: Id,
    id: Id,
    guild: Id,
}

/// An emoji, as `POST /control/world` takes it: a character, or a custom one with its id.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(untagged)]
pub enum EmojiJson {
    /// A character.
    Unicode(String),
    /// A guild's own.
    Custom {
        /// Its id.
        id: Id,
        /// Its name.
        #[serde(default)]
        name: String,
        /// Whether it moves.
        #[serde(default)]
        animated: bool,
    },
}

impl EmojiJson {
    fn emoji(self) -> Emoji {
        match self {
            Self::Unicode(character) => Emoji::unicode(character),
            Self::Custom {
                id: Id(id),
                name,
                animated,
            } => Emoji {
                id: Some(id),
                name,
                animated,
            },
        }
    }
}

/// A snowflake, as a number or as a string.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Id(pub u64);

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Either {
            Number(u64),
            Text(String),
        }
        match Either::deserialize(from)? {
            Either::Number(id) => Ok(Self(id)),
            Either::Text(text) => text.parse().map(Self).map_err(serde::de::Error::custom),
        }
    }
}

/// An operation, as `POST /control/world` takes it: `{"operation": "create_message", "channel": "1", "draft": {…}}`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(tag = "operation", rename_all = "snake_case")]
#[expect(
    missing_docs,
    reason = "the names are those of the methods of Simulator"
)]
pub enum Operation {
    CreateMessage {
        channel: Id,
        draft: DraftJson,
    },
    EditMessage {
        channel: Id,
        id: Id,
        content: String,
    },
    Unfurl {
        channel: Id,
        id: Id,
        embeds: usize,
    },
    PartialUpdate {
        channel: Id,
        id: Id,
        embeds: usize,
    },
    ChangeMessage {
        channel: Id,
        id: Id,
        change: MessageChange,
        #[serde(default)]
        style: PayloadStyle,
    },
    RenameUser {
        user: Id,
        name: String,
    },
    AddReaction {
        channel: Id,
        id: Id,
        user: Id,
        emoji: EmojiJson,
        #[serde(default)]
        burst: bool,
    },
    RemoveReaction {
        channel: Id,
        id: Id,
        user: Id,
        emoji: EmojiJson,
        #[serde(default)]
        burst: bool,
    },
    ClearReactions {
        channel: Id,
        id: Id,
    },
    ClearEmoji {
        channel: Id,
        id: Id,
        emoji: EmojiJson,
    },
    AddVote {
        channel: Id,
        id: Id,
        user: Id,
        answer: u32,
    },
    RemoveVote {
        channel: Id,
        id: Id,
        user: Id,
        answer: u32,
    },
    EndPoll {
        channel: Id,
        id: Id,
    },
    DeleteMessage {
        channel: Id,
        id: Id,
    },
    BulkDelete {
        channel: Id,
        ids: Vec<Id>,
    },
    CreateThread {
        channel: Id,
        on: Option<Id>,
        name: String,
        #[serde(default)]
        private: bool,
    },
    CreatePost {
        forum: Id,
        name: String,
        draft: DraftJson,
    },
    ArchiveThread {
        thread: Id,
        archived: bool,
    },
    JoinThread {
        thread: Id,
        joined: bool,
    },
    DeleteThread {
        thread: Id,
    },
    CreateChannel {
        guild: Id,
        kind: Kind,
        name: String,
        parent: Option<Id>,
    },
    DeleteChannel {
        channel: Id,
    },
    SetPermission {
        permission: PermissionChange,
    },
    Kick {
        guild: Id,
    },
    GuildOutage {
        guild: Id,
    },
    GuildBack {
        guild: Id,
    },
    AdvanceClock {
        ms: u64,
    },
    Outage {
        on: bool,
    },
}

impl DraftJson {
    fn draft(self) -> Draft {
        let mut draft = match self.crosspost {
            Some(of) => Draft::crosspost(of.channel.0, of.id.0, of.guild.0, self.content),
            None => Draft::text(self.content),
        };
        draft = draft.attachments(self.attachments).embeds(self.embeds);
        if let Some(Id(user)) = self.author {
            draft = draft.author(user);
        }
        if let Some(Id(message)) = self.reply_to {
            draft = draft.reply_to(message);
        }
        if let Some(poll) = self.poll {
            let answers: Vec<&str> = poll.answers.iter().map(String::as_str).collect();
            draft = if poll.multiselect {
                draft.multiselect_poll(poll.question, &answers)
            } else {
                draft.poll(poll.question, &answers)
            };
        }
        match self.components_v2 {
            Some(text) => draft.components_v2(text),
            None => draft,
        }
    }
}

/// Carry out an operation; the id of what it made.
pub(super) fn apply(shared: &Shared, operation: Operation) -> Result<Option<u64>, Error> {
    match operation {
        Operation::AdvanceClock { ms } => {
            shared
                .lock()
                .world
                .clock
                .advance(std::time::Duration::from_millis(ms));
            Ok(None)
        }
        Operation::Outage { on } => {
            shared.net.send_modify(|net| {
                net.outage = on;
                net.cuts += u64::from(on);
            });
            Ok(None)
        }
        operation => shared.change(|world| change(world, operation)),
    }
}

type Changed = Result<(Option<u64>, Vec<Event>), Error>;

fn change(world: &mut World, operation: Operation) -> Changed {
    let made = |(id, events): (u64, Vec<Event>)| (Some(id), events);
    let told = |events: Vec<Event>| (None, events);
    let one = |event: Option<Event>| (None, event.into_iter().collect());
    match operation {
        Operation::CreateMessage { channel, draft } => {
            world.create_message(channel.0, draft.draft()).map(made)
        }
        Operation::EditMessage {
            channel,
            id,
            content,
        } => world.edit_message(channel.0, id.0, content).map(one),
        Operation::Unfurl {
            channel,
            id,
            embeds,
        } => world.unfurl(channel.0, id.0, embeds).map(one),
        Operation::PartialUpdate {
            channel,
            id,
            embeds,
        } => world.partial_update(channel.0, id.0, embeds).map(one),
        Operation::ChangeMessage {
            channel,
            id,
            change,
            style,
        } => world
            .change_message(channel.0, id.0, change, style)
            .map(told),
        Operation::RenameUser { user, name } => world.rename_user(user.0, name).map(told),
        Operation::AddReaction {
            channel,
            id,
            user,
            emoji,
            burst,
        } => world
            .add_reaction(channel.0, id.0, user.0, &emoji.emoji(), burst)
            .map(one),
        Operation::RemoveReaction {
            channel,
            id,
            user,
            emoji,
            burst,
        } => world
            .remove_reaction(channel.0, id.0, user.0, &emoji.emoji(), burst)
            .map(one),
        Operation::ClearReactions { channel, id } => {
            world.clear_reactions(channel.0, id.0, None).map(one)
        }
        Operation::ClearEmoji { channel, id, emoji } => world
            .clear_reactions(channel.0, id.0, Some(&emoji.emoji()))
            .map(one),
        Operation::AddVote {
            channel,
            id,
            user,
            answer,
        } => world.add_vote(channel.0, id.0, user.0, answer).map(told),
        Operation::RemoveVote {
            channel,
            id,
            user,
            answer,
        } => world.remove_vote(channel.0, id.0, user.0, answer).map(told),
        Operation::EndPoll { channel, id } => world.end_poll(channel.0, id.0).map(told),
        Operation::DeleteMessage { channel, id } => world.delete_message(channel.0, id.0).map(one),
        Operation::BulkDelete { channel, ids } => {
            let ids: Vec<u64> = ids.into_iter().map(|Id(id)| id).collect();
            world.bulk_delete(channel.0, &ids).map(one)
        }
        Operation::CreateThread {
            channel,
            on,
            name,
            private,
        } => world
            .create_thread(channel.0, on.map(|Id(id)| id), name, private)
            .map(made),
        Operation::CreatePost { forum, name, draft } => {
            world.create_post(forum.0, name, draft.draft()).map(made)
        }
        Operation::ArchiveThread { thread, archived } => {
            world.archive(thread.0, archived).map(told)
        }
        Operation::JoinThread { thread, joined } => world.join_thread(thread.0, joined).map(told),
        Operation::DeleteThread { thread } => world.delete_thread(thread.0).map(told),
        Operation::CreateChannel {
            guild,
            kind,
            name,
            parent,
        } => world
            .create_channel(guild.0, kind, name, parent.map(|Id(id)| id))
            .map(made),
        Operation::DeleteChannel { channel } => world.delete_channel(channel.0).map(told),
        Operation::SetPermission { permission } => world.set_permission(permission).map(told),
        Operation::Kick { guild } => world.set_presence(guild.0, Presence::Left).map(told),
        Operation::GuildOutage { guild } => {
            world.set_presence(guild.0, Presence::Unavailable).map(told)
        }
        Operation::GuildBack { guild } => world.set_presence(guild.0, Presence::Here).map(told),
        Operation::AdvanceClock { .. } | Operation::Outage { .. } => Ok((None, Vec::new())),
    }
}
