//! The syntax tree of a query.

use std::ops::Range;

use chrono::{DateTime, Utc};

/// A condition on a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Clause {
    /// Each of these, at least two.
    All(Vec<Clause>),
    /// One of these, at least two.
    Any(Vec<Clause>),
    /// Not this.
    Not(Box<Clause>),
    /// One thing to look for.
    Term(Term),
}

/// One thing to look for, and where it was typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Term {
    /// Its characters in the query, without a minus before it: what a later [`super::Mistake`] points at.
    pub at: Range<usize>,
    /// What is sought.
    pub sought: Sought,
}

/// What a term looks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sought {
    /// A run of characters without a space. It can be several words of the text analysis
    /// (`foo-bar`), or none (`=>`).
    Word(String),
    /// The beginning of a word, without its star.
    Prefix(String),
    /// Words in this order.
    Phrase(String),
    /// Something other than text.
    Filter(Filter),
}

/// A condition on what a message is, not on its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Filter {
    /// Its author.
    From(Who),
    /// Its channel or thread.
    In(Who),
    /// Whom it mentions.
    Mentions(Mentioned),
    /// What it carries.
    Has(Kind),
    /// What somebody reacted with: the id of a guild's own emoji, the name of one, or an emoji itself.
    Reaction(Who),
    /// When it was written; at least one side is there, and the first is before the second.
    Written {
        /// From this moment on.
        from: Option<DateTime<Utc>>,
        /// Before this moment.
        to: Option<DateTime<Utc>>,
    },
    /// Whether it is pinned.
    Pinned(bool),
    /// What became of it, or what sort of message it is.
    Is(State),
}

/// Somebody or something that has an id and a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Who {
    /// A snowflake, `1..=i64::MAX`.
    Id(u64),
    /// A name as it was typed, not empty; without the `@` or `#` before it, or the colons around it.
    Name(String),
}

/// Whom a message can mention.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mentioned {
    /// A user or a role: an id or a name alone doesn't tell which.
    Who(Who),
    /// A role, `1..=i64::MAX`.
    Role(u64),
    /// Everyone.
    Everyone,
    /// Everyone who is online.
    Here,
}

/// Declares an enum whose values are words of the language.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$of:meta])* $value:ident = $word:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $name {
            $($(#[$of])* $value,)*
        }

        impl $name {
            /// Every value with its word.
            pub const WORDS: &[(&str, Self)] = &[$(($word, Self::$value),)*];

            /// As it is typed.
            #[must_use]
            pub fn word(self) -> &'static str {
                match self {
                    $(Self::$value => $word,)*
                }
            }
        }
    };
}

words! {
    /// What a message can carry.
    Kind {
        /// A link in its text.
        Link = "link",
        /// An embed.
        Embed = "embed",
        /// An attachment of any type.
        File = "file",
        /// An image.
        Image = "image",
        /// A video.
        Video = "video",
        /// A sound.
        Sound = "sound",
        /// A sticker.
        Sticker = "sticker",
        /// A poll.
        Poll = "poll",
        /// A message that was forwarded.
        Forward = "forward",
        /// A reaction.
        Reaction = "reaction",
    }
}

words! {
    /// What became of a message, or what sort it is.
    State {
        /// Its author changed it.
        Edited = "edited",
        /// It is gone from Discord.
        Deleted = "deleted",
        /// It answers another one.
        Reply = "reply",
        /// A bot or a webhook wrote it.
        Bot = "bot",
    }
}
