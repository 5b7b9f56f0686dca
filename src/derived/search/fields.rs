//! The fields of the index. What is not asked for by words is a whole term; the row itself stays in the
//! record.

use tantivy::schema::{
    FAST, Field, INDEXED, IndexRecordOption, Schema, TextFieldIndexing, TextOptions,
};
use tantivy::tokenizer::{RawTokenizer, TextAnalyzer, TokenizerManager};

use super::text::{Stems, Words};

/// The version of what is indexed and how, the analysis of the text included: an index of another one
/// is made anew. Raise it with every change of this file, of `document` or of `text`.
pub(super) const VERSION: u32 = 3;

const WORDS: &str = "words";
const STEMS: &str = "stems";
const WHOLE: &str = "whole";

/// The places of a message where text stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// What the author typed.
    Content,
    /// Link previews and cards of bots.
    Embed,
    /// Messages that were forwarded with it.
    Forward,
    /// A poll: its question and answers.
    Poll,
    /// The names and descriptions of files, the names of stickers.
    Attachment,
    /// Components: texts, buttons, menus.
    Component,
    /// The names of those whom it mentions.
    Mention,
}

impl Place {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Content,
        Self::Embed,
        Self::Forward,
        Self::Poll,
        Self::Attachment,
        Self::Component,
        Self::Mention,
    ];

    /// The name in answers and in the index.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Content => "content",
            Self::Embed => "embed",
            Self::Forward => "forward",
            Self::Poll => "poll",
            Self::Attachment => "attachment",
            Self::Component => "component",
            Self::Mention => "mention",
        }
    }

    /// How much a hit there counts.
    pub(super) fn weight(self) -> f32 {
        match self {
            Self::Content => 1.0,
            Self::Forward | Self::Poll => 0.9,
            Self::Embed | Self::Attachment | Self::Component => 0.7,
            Self::Mention => 0.5,
        }
    }
}

/// The fields, by their use.
#[derive(Debug, Clone)]
pub(super) struct Fields {
    pub(super) schema: Schema,
    /// The message: the key.
    pub(super) id: Field,
    pub(super) guild: Field,
    pub(super) channel: Field,
    pub(super) author: Field,
    /// The ids of users and roles that it mentions.
    pub(super) mentioned: Field,
    /// What it is and has, in words of [`super::document`].
    pub(super) traits: Field,
    /// What somebody reacted with: an emoji itself, or the id of a guild's own one.
    pub(super) reaction: Field,
    /// The names of guilds' own emoji that somebody reacted with, folded.
    pub(super) reaction_name: Field,
    /// The author's names when the message was written, whole and folded; of old accounts `name#1234` too.
    pub(super) author_name: Field,
    /// The same and from each later word on, to be completed while somebody types.
    pub(super) author_words: Field,
    /// The names of those whom it mentions, whole and folded.
    pub(super) mentioned_name: Field,
    /// The stems of all texts.
    pub(super) stems: Field,
    texts: [Field; Place::ALL.len()],
}

impl Fields {
    pub(super) fn new() -> Self {
        let mut schema = Schema::builder();
        let whole = || {
            let indexing = TextFieldIndexing::default()
                .set_tokenizer(WHOLE)
                .set_fieldnorms(false)
                .set_index_option(IndexRecordOption::Basic);
            TextOptions::default().set_indexing_options(indexing)
        };
        let text = |tokenizer, option| {
            let indexing = TextFieldIndexing::default()
                .set_tokenizer(tokenizer)
                .set_index_option(option);
            TextOptions::default().set_indexing_options(indexing)
        };
        Self {
            id: schema.add_u64_field("id", INDEXED | FAST),
            guild: schema.add_u64_field("guild", INDEXED),
            channel: schema.add_u64_field("channel", INDEXED | FAST),
            author: schema.add_u64_field("author", INDEXED | FAST),
            mentioned: schema.add_u64_field("mentioned", INDEXED),
            traits: schema.add_text_field("traits", whole()),
            reaction: schema.add_text_field("reaction", whole()),
            reaction_name: schema.add_text_field("reaction_name", whole()),
            author_name: schema.add_text_field("author_name", whole()),
            author_words: schema.add_text_field("author_words", whole()),
            mentioned_name: schema.add_text_field("mentioned_name", whole()),
            stems: schema.add_text_field("stems", text(STEMS, IndexRecordOption::WithFreqs)),
            texts: Place::ALL.map(|place| {
                let options = text(WORDS, IndexRecordOption::WithFreqsAndPositions);
                schema.add_text_field(place.as_str(), options)
            }),
            schema: schema.build(),
        }
    }

    /// The field of the words of a place.
    pub(super) fn text(&self, place: Place) -> Field {
        self.texts[place as usize]
    }
}

/// How texts become terms.
pub(super) fn tokenizers() -> TokenizerManager {
    // tantivy wants one of its own for numbers too.
    let tokenizers = TokenizerManager::default();
    tokenizers.register(WORDS, TextAnalyzer::from(Words::default()));
    tokenizers.register(STEMS, TextAnalyzer::from(Stems::default()));
    tokenizers.register(WHOLE, TextAnalyzer::from(RawTokenizer::default()));
    tokenizers
}
