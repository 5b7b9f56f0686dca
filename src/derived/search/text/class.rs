//! The classes of characters for the text analysis.

use icu_properties::props::{
    DefaultIgnorableCodePoint, ExtendedPictographic, GeneralCategory, GeneralCategoryGroup,
    RegionalIndicator,
};
use icu_properties::{CodePointMapData, CodePointSetData};

/// The class of a character.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    /// A letter or digit of a script that is written with spaces between words.
    Word,
    /// A letter of a script that is found by substring: each is a token.
    Character,
    /// The beginning of an emoji.
    Emoji,
    /// A combining mark.
    Mark,
    /// An invisible character: zero-width characters, direction marks.
    Ignorable,
    /// White space.
    Space,
    /// Any other character.
    Symbol,
}

/// The class of a character. The caller checks for keycaps, which begin with a digit.
pub(super) fn of(c: char) -> Class {
    if c.is_ascii() {
        return if c.is_ascii_alphanumeric() {
            Class::Word
        } else if c.is_ascii_whitespace() {
            Class::Space
        } else {
            Class::Symbol
        };
    }
    match c {
        // Hangul fillers are letters in Unicode, but are displayed as blanks.
        '\u{115f}' | '\u{1160}' | '\u{3164}' | '\u{ffa0}' => return Class::Ignorable,
        _ if is_character(c) => return Class::Character,
        // A shortcut for the letters of most European languages, before the slower look-ups.
        '\u{c0}'..='\u{2af}' | '\u{370}'..='\u{482}' | '\u{48a}'..='\u{52f}'
            if c.is_alphanumeric() =>
        {
            return Class::Word;
        }
        _ => {}
    }
    if CodePointSetData::new::<ExtendedPictographic>().contains(c)
        || CodePointSetData::new::<RegionalIndicator>().contains(c)
    {
        Class::Emoji
    } else if is_accent(c) {
        Class::Mark
    } else if c.is_whitespace() {
        Class::Space
    } else if CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(c) {
        Class::Ignorable
    } else if c.is_alphanumeric() {
        Class::Word
    } else {
        let category = CodePointMapData::<GeneralCategory>::new().get(c);
        if GeneralCategoryGroup::Mark.contains(category) {
            Class::Mark
        } else if category == GeneralCategory::Format {
            Class::Ignorable
        } else {
            Class::Symbol
        }
    }
}

/// Whether a script is found by substring: Han, kana, bopomofo, Hangul, Thai, Lao, Burmese, Khmer. These have
/// no spaces between words, or words with attached particles (Korean).
fn is_character(c: char) -> bool {
    matches!(c,
        '\u{e00}'..='\u{e3a}' | '\u{e40}'..='\u{e4e}' // Thai
        | '\u{e80}'..='\u{ece}' | '\u{edc}'..='\u{edf}' // Lao
        | '\u{1000}'..='\u{103f}' | '\u{1050}'..='\u{108f}' | '\u{aa60}'..='\u{aa7f}' // Burmese
        | '\u{1100}'..='\u{11ff}' | '\u{a960}'..='\u{a97c}' | '\u{ac00}'..='\u{d7fb}' // Hangul
        | '\u{1780}'..='\u{17d3}' | '\u{17dc}' // Khmer
        | '\u{2e80}'..='\u{2fd5}' | '\u{3005}'..='\u{3007}' | '\u{3021}'..='\u{3029}' | '\u{3031}'..='\u{3035}'
        | '\u{3041}'..='\u{309a}' | '\u{309d}'..='\u{309f}' | '\u{30a1}'..='\u{30fa}' | '\u{30fc}'..='\u{30ff}'
        | '\u{3105}'..='\u{318e}' | '\u{31a0}'..='\u{31bf}' | '\u{31f0}'..='\u{31ff}'
        | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}'
        | '\u{ff66}'..='\u{ff9f}' | '\u{ffa1}'..='\u{ffdc}' | '\u{1b000}'..='\u{1b16f}'
        | '\u{20000}'..='\u{3ffff}')
}

/// Marks that people often omit: accents, and the vowel points of Arabic and Hebrew.
pub(super) fn is_accent(c: char) -> bool {
    matches!(c,
        '\u{300}'..='\u{36f}' | '\u{1ab0}'..='\u{1aff}' | '\u{1dc0}'..='\u{1dff}'
        | '\u{20d0}'..='\u{20ff}' | '\u{fe20}'..='\u{fe2f}'
        | '\u{483}'..='\u{489}'
        | '\u{591}'..='\u{5bd}' | '\u{5bf}' | '\u{5c1}' | '\u{5c2}' | '\u{5c4}' | '\u{5c5}' | '\u{5c7}'
        | '\u{610}'..='\u{61a}' | '\u{640}' | '\u{64b}'..='\u{65f}' | '\u{670}'
        | '\u{6d6}'..='\u{6dc}' | '\u{6df}'..='\u{6e4}' | '\u{6e7}' | '\u{6e8}' | '\u{6ea}'..='\u{6ed}')
}
