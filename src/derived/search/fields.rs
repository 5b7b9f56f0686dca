//! The fields of the index. Only texts are tokenized; other fields are single terms. The rows stay in the
//! record.

use std::sync::Arc;

use tantivy::SegmentReader;
use tantivy::columnar::{Cardinality, ColumnValues};
use tantivy::schema::{
    FAST, Field, INDEXED, IndexRecordOption, Schema, TextFieldIndexing, TextOptions,
};
use tantivy::tokenizer::{RawTokenizer, TextAnalyzer, TokenizerManager};

use super::SearchError;
use super::text::{Stems, Words};

/// The version of the fields and of the text analysis: an index of another version is rebuilt. Raise it with
/// every change of this file, of `document` or of `text`.
pub(super) const VERSION: u32 = 3;

const WORDS: &str = "words";
const STEMS: &str = "stems";
const WHOLE: &str = "whole";

/// The places of a message that contain text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// The text that the author typed.
    Content,
    /// Link previews and cards of bots.
    Embed,
    /// Forwarded messages.
    Forward,
    /// A poll: its question and its answers.
    Poll,
    /// The names and descriptions of files, and the names of stickers.
    Attachment,
    /// Components: texts, buttons, menus.
    Component,
    /// The names of the mentioned users.
    Mention,
}

impl Place {
    /// All places.
    pub const ALL: [Self; 7] = [
        Self::Content,
        Self::Embed,
        Self::Forward,
        Self::Poll,
        Self::Attachment,
        Self::Component,
        Self::Mention,
    ];

    /// The name in API responses and in the index.
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

    /// The weight of a hit in this place.
    pub(super) fn weight(self) -> f32 {
        match self {
            Self::Content => 1.0,
            Self::Forward | Self::Poll => 0.9,
            Self::Embed | Self::Attachment | Self::Component => 0.7,
            Self::Mention => 0.5,
        }
    }
}

/// The fields of the index.
#[derive(Debug, Clone)]
pub(super) struct Fields {
    pub(super) schema: Schema,
    /// The message id: the key of a document.
    pub(super) id: Field,
    pub(super) guild: Field,
    pub(super) channel: Field,
    pub(super) author: Field,
    /// The ids of the mentioned users and roles.
    pub(super) mentioned: Field,
    /// The traits of the message, in the terms of [`super::document`].
    pub(super) traits: Field,
    /// The emoji of reactions: a Unicode emoji itself, or the id of a custom one.
    pub(super) reaction: Field,
    /// The names of custom emoji in reactions, folded.
    pub(super) reaction_name: Field,
    /// The author's names when the message was written, whole and folded; of old accounts also `name#1234`.
    pub(super) author_name: Field,
    /// The same names, and their endings from each later word on, for completion while somebody types.
    pub(super) author_words: Field,
    /// The names of the mentioned users, whole and folded.
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

    /// The field with the words of a place.
    pub(super) fn text(&self, place: Place) -> Field {
        self.texts[place as usize]
    }
}

/// The tokenizers that turn texts into terms.
pub(super) fn tokenizers() -> TokenizerManager {
    // tantivy requires its default tokenizer for numbers too.
    let tokenizers = TokenizerManager::default();
    tokenizers.register(WORDS, TextAnalyzer::from(Words::default()));
    tokenizers.register(STEMS, TextAnalyzer::from(Stems::default()));
    tokenizers.register(WHOLE, TextAnalyzer::from(RawTokenizer::default()));
    tokenizers
}

/// The values of a numeric field in a segment.
pub(super) fn column(
    fields: &Fields,
    segment: &SegmentReader,
    field: Field,
) -> Result<Arc<dyn ColumnValues<u64>>, SearchError> {
    let column = segment
        .fast_fields()
        .u64(fields.schema.get_field_name(field))?;
    Ok(match column.get_cardinality() {
        // Every document has one value, so there is nothing to look up between.
        Cardinality::Full => column.values,
        Cardinality::Optional | Cardinality::Multivalued => column.first_or_default_col(0),
    })
}

/// Converts an id of the index.
pub(super) fn known<T: TryFrom<u64>>(id: u64) -> Result<T, SearchError> {
    T::try_from(id).map_err(|_| SearchError::Damaged(format!("{id} is not a valid snowflake")))
}
