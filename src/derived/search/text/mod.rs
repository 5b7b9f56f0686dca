//! The text analysis of the search: the tokens of a text, the terms of what somebody typed, and where they
//! occur.
//!
//! Pure: no index is needed to understand or to test it.
//!
//! - A **word** is a sequence of letters and digits, folded (as [`fold_name`] does): one position. At the same
//!   position are its parts (`http`, `server` of `HTTPServer`), the form with the sign directly before it (`.net`,
//!   `#42`, `_case` of `snake_case`) and the form with the signs after it (`c++`, `c#`). So `snake_case` is the
//!   phrase `snake _case`, and the phrase of its words finds every part of `std::vec::Vec` or of a URL, wherever
//!   the part is cut.
//! - An **apostrophe** joins: `l'eau` is `leau`, `l` and `eau` at one position. A **hyphen** separates: `e-mail` is
//!   the phrase `e mail`, and also `email`.
//! - In scripts without spaces (Han, kana, Thai, Lao, Burmese, Khmer), and in Hangul, each **scalar value** of the
//!   composed text is a token, so that any substring is a phrase.
//! - An **emoji** is one token, without skin tone. A custom emoji is `:name:`, and the words of its name. A
//!   **mention** is one token: `<@123>`.
//! - Zero-width characters are removed. No token is longer than [`MAX_BYTES`].

mod class;
mod emoji;
#[cfg(test)]
mod examples;
mod fold;
mod fragment;
mod highlight;
mod markup;
mod parts;
#[cfg(test)]
mod properties;
mod scan;
mod scanner;
mod stems;
mod typed;
mod word;
mod words;

pub use emoji::{bare_emoji, is_emoji, plain_emoji};
pub use fold::fold_name;
pub use fragment::{Fragment, fragment};
pub use highlight::{Phrase, Wanted, count_stems, highlights};
pub use scan::MAX_BYTES;
pub use stems::{StemStream, Stems, stems_of};
pub use typed::{TypedToken, typed, typed_prefix};
pub use words::{WordStream, Words};
