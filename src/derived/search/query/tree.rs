//! The syntax tree of a query.

use std::ops::Range;

use chrono::{DateTime, Utc};

/// A condition on a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Clause {
    /// All of these conditions, at least two.
    All(Vec<Clause>),
    /// One of these conditions, at least two.
    Any(Vec<Clause>),
    /// The opposite of this condition.
    Not(Box<Clause>),
    /// A term.
    Term(Term),
}

/// A term: what to find, and where it was typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Term {
    /// The characters of the term in the query, without a minus before it; later mistakes and warnings refer to
    /// them.
    pub at: Range<usize>,
    /// What to find.
    pub sought: Sought,
}

/// What a term finds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sought {
    /// A text without a space. The text analysis can split it into several words (`foo-bar`), or find none in
    /// it (`=>`).
    Word(String),
    /// A prefix, without its star.
    Prefix(String),
    /// A phrase: words in this order.
    Phrase(String),
    /// A filter.
    Filter(Filter),
}

/// A condition on the properties of a message, not on its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Filter {
    /// The author.
    From(Who),
    /// The channel or thread.
    In(Who),
    /// A mention.
    Mentions(Mentioned),
    /// The content.
    Has(Kind),
    /// A reaction: the id or the name of a custom emoji, or a Unicode emoji itself.
    Reaction(Who),
    /// When the message was written. At least one side is given, and `from` is before `to`.
    Written {
        /// From this moment on.
        from: Option<DateTime<Utc>>,
        /// Before this moment.
        to: Option<DateTime<Utc>>,
    },
    /// Whether the message is pinned.
    Pinned(bool),
    /// The state or the sort of the message.
    Is(State),
}

/// A user, role, channel or emoji, which has an id and a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Who {
    /// A snowflake, `1..=i64::MAX`.
    Id(u64),
    /// A name as it was typed, not empty, without the `@` or `#` before it or the colons around it.
    Name(String),
}

/// The target of a mention.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mentioned {
    /// A user or a role: neither an id nor a name says which.
    Who(Who),
    /// A role, `1..=i64::MAX`.
    Role(u64),
    /// Everyone.
    Everyone,
    /// Everyone who is online.
    Here,
}

/// Declares an enum whose values are words of the query language.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$of:meta])* $value:ident = $word:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $name {
            $($(#[$of])* $value,)*
        }

        impl $name {
            /// All values with their words.
            pub const WORDS: &[(&str, Self)] = &[$(($word, Self::$value),)*];

            /// The word for the value.
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
    /// The contents that a message can have.
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
        /// A forwarded message.
        Forward = "forward",
        /// A reaction.
        Reaction = "reaction",
    }
}

words! {
    /// The state or the sort of a message.
    State {
        /// The author edited the message.
        Edited = "edited",
        /// The message was deleted on Discord.
        Deleted = "deleted",
        /// The message is a reply.
        Reply = "reply",
        /// A bot or a webhook wrote the message.
        Bot = "bot",
    }
}
