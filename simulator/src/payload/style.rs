//! How a message's JSON is written: mostly as Discord writes it, and for a seeded share in other lawful ways.
//! guildlake stores payloads byte for byte; a reader that re-writes JSON would pass every test against one
//! writer's habits, so the habits vary: spaces, `\u` escapes, unknown fields, huge numbers, `1.0`, key order.

use rand::Rng;
use rand::seq::SliceRandom;

use super::json::Json;
use crate::random::{mix, rng};

/// One way of writing JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Style {
    /// Between a key and its value.
    pub(crate) colon: &'static str,
    /// Between two items.
    pub(crate) comma: &'static str,
    /// Write everything beyond ASCII as `\uXXXX`.
    pub(crate) escape: bool,
    /// Add fields nobody has heard of, among them numbers no 64-bit integer holds.
    pub(crate) unknown: bool,
    /// Put the keys of the outermost object in another order.
    pub(crate) shuffle: bool,
}

impl Style {
    /// No space, no escape that is not needed.
    pub(crate) const COMPACT: Self = Self {
        colon: ":",
        comma: ",",
        escape: false,
        unknown: false,
        shuffle: false,
    };

    /// The style that a seed stands for; `odd` is the share (0 to 1) of seeds that get an unusual one.
    #[must_use]
    pub(crate) fn seeded(seed: u64, odd: f64) -> Self {
        if (mix(seed, 0x0577_11e5) % 10_000) as f64 >= odd * 10_000.0 {
            return Self::COMPACT;
        }
        let mut rng = rng(seed, 0x0577_11e6);
        let mut style = Self::COMPACT;
        match rng.random_range(0..6) {
            0 => style.colon = ": ",
            1 => style.escape = true,
            2 => style.unknown = true,
            3 => style.shuffle = true,
            4 => (style.colon, style.comma) = (": ", ", "),
            _ => {
                style = Self {
                    colon: " : ",
                    comma: " ,\n ",
                    escape: true,
                    unknown: true,
                    shuffle: true,
                };
            }
        }
        style
    }

    /// The text of an object in this style; the seed decides the order and the unknown fields.
    #[must_use]
    pub(crate) fn render(&self, mut json: Json, seed: u64) -> String {
        if let Json::Map(fields) = &mut json {
            let mut rng = rng(seed, 0x0dd);
            if self.unknown {
                let at = rng.random_range(0..=fields.len());
                let extra = super::json::map! {
                    "beyond_64_bits" => Json::Raw("18446744073709551617".into()),
                    "one" => Json::Raw(if rng.random_bool(0.5) { "1.0" } else { "1" }.into()),
                    "tiny" => Json::Raw("1e-7".into()),
                    "nested" => vec![Json::Null, Json::Bool(true), Json::Text("\u{7f}\u{e9}".into())],
                };
                fields.insert(at, ("x_unknown_to_all".into(), extra));
            }
            if self.shuffle {
                fields.shuffle(&mut rng);
            }
        }
        json.text(self)
    }
}
