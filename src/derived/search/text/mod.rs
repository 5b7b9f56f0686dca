//! What a text is to the search: its tokens, those of what somebody types, and where they stand.
//!
//! Pure; no index is needed to understand or to test it.
//!
//! - A **word** is letters and digits in a row, folded ([`fold_name`] does the same): one position.
//!   Beside it, at the same position, stand its parts (`http`, `server` of `HTTPServer`), the form
//!   with the sign directly before it (`.net`, `#42`, `_case` of `snake_case`) and with the signs
//!   after it (`c++`, `c#`). So `snake_case` is the phrase `snake _case`, and every stretch of
//!   `std::vec::Vec` or of a URL is found by the phrase of its words, wherever it is cut.
//! - An **apostrophe** joins: `l'eau` is `leau`, `l` and `eau` at one position. A **hyphen** parts:
//!   `e-mail` is the phrase `e mail`, with `email` beside it.
//! - In scripts without spaces (Han, kana, Thai, Lao, Burmese, Khmer), and in Hangul, each **scalar
//!   value** of the composed text is a token, so that any substring is a phrase.
//! - An **emoji** is one token, without skin tone. A custom one is `:name:`, and its name's words.
//!   A **mention** is one token: `<@123>`.
//! - Zero-width characters are not there; no token is longer than [`MOST_BYTES`].

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
pub use highlight::{Phrase, Wanted, highlights};
pub use scan::MOST_BYTES;
pub use stems::{StemStream, Stems, stems_of};
pub use typed::{TypedToken, typed, typed_prefix};
pub use words::{WordStream, Words};
