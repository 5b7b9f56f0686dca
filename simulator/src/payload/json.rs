//! A JSON value that keeps the order of its keys, and its writer.
//! The simulator must choose every byte it sends (spaces, escapes, key order), and `serde_json::Value` chooses for
//! us unless features are on that would leak into every crate of the workspace; hence a small type of our own.

use std::borrow::Cow;
use std::fmt::Write as _;

use super::style::Style;

/// A JSON value whose text the simulator controls to the byte.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Json {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// An integer.
    Int(i64),
    /// A number written exactly like this: `1.0`, or one beyond 64 bits.
    Raw(Cow<'static, str>),
    /// A string.
    Text(Cow<'static, str>),
    /// An array.
    List(Vec<Json>),
    /// An object, in this order.
    Map(Vec<(Cow<'static, str>, Json)>),
}

impl Json {
    /// The text, written in `style`.
    #[must_use]
    pub(crate) fn text(&self, style: &Style) -> String {
        let mut out = String::with_capacity(1024);
        self.write(&mut out, style);
        out
    }

    /// The compact text.
    #[must_use]
    pub(crate) fn compact(&self) -> String {
        self.text(&Style::COMPACT)
    }

    /// A snowflake, which Discord writes as a string.
    #[must_use]
    pub(crate) fn id(id: u64) -> Self {
        Self::Text(id.to_string().into())
    }

    /// The field of an object.
    #[must_use]
    pub(crate) fn get(&self, name: &str) -> Option<&Json> {
        match self {
            Self::Map(fields) => fields
                .iter()
                .find(|(key, _)| key == name)
                .map(|(_, value)| value),
            _ => None,
        }
    }

    /// Set a field of an object, in place when it is there already; nothing happens to other values.
    pub(crate) fn set(&mut self, name: &'static str, value: Json) {
        if let Self::Map(fields) = self {
            match fields.iter_mut().find(|(key, _)| key == name) {
                Some((_, old)) => *old = value,
                None => fields.push((name.into(), value)),
            }
        }
    }

    /// Take a field out of an object.
    pub(crate) fn remove(&mut self, name: &str) {
        if let Self::Map(fields) = self {
            fields.retain(|(key, _)| key != name);
        }
    }

    pub(crate) fn write(&self, out: &mut String, style: &Style) {
        match self {
            Self::Null => out.push_str("null"),
            Self::Bool(true) => out.push_str("true"),
            Self::Bool(false) => out.push_str("false"),
            Self::Int(number) => {
                let _ = write!(out, "{number}");
            }
            Self::Raw(text) => out.push_str(text),
            Self::Text(text) => write_string(out, text, style.escape),
            Self::List(items) => {
                out.push('[');
                for (at, item) in items.iter().enumerate() {
                    if at > 0 {
                        out.push_str(style.comma);
                    }
                    item.write(out, style);
                }
                out.push(']');
            }
            Self::Map(fields) => {
                out.push('{');
                for (at, (key, value)) in fields.iter().enumerate() {
                    if at > 0 {
                        out.push_str(style.comma);
                    }
                    write_string(out, key, false);
                    out.push_str(style.colon);
                    value.write(out, style);
                }
                out.push('}');
            }
        }
    }
}

fn write_string(out: &mut String, text: &str, escape: bool) {
    out.push('"');
    let special =
        |byte: &u8| *byte < 0x20 || *byte == b'"' || *byte == b'\\' || (escape && *byte >= 0x80);
    let mut rest = text;
    // Most text needs no escape at all: whole runs are copied.
    while let Some(at) = rest.as_bytes().iter().position(special) {
        let (plain, tail) = rest.split_at(at);
        out.push_str(plain);
        let mut chars = tail.chars();
        chars.next().into_iter().for_each(|c| write_escaped(out, c));
        rest = chars.as_str();
    }
    out.push_str(rest);
    out.push('"');
}

fn write_escaped(out: &mut String, c: char) {
    match c {
        '"' => out.push_str("\\\""),
        '\\' => out.push_str("\\\\"),
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        c => {
            for unit in c.encode_utf16(&mut [0u16; 2]) {
                let _ = write!(out, "\\u{unit:04x}");
            }
        }
    }
}

impl From<&'static str> for Json {
    fn from(text: &'static str) -> Self {
        Self::Text(text.into())
    }
}
impl From<String> for Json {
    fn from(text: String) -> Self {
        Self::Text(text.into())
    }
}
impl From<bool> for Json {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}
impl From<i64> for Json {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}
impl From<i32> for Json {
    fn from(value: i32) -> Self {
        Self::Int(value.into())
    }
}
impl From<u32> for Json {
    fn from(value: u32) -> Self {
        Self::Int(value.into())
    }
}
impl From<usize> for Json {
    fn from(value: usize) -> Self {
        Self::Int(i64::try_from(value).unwrap_or(i64::MAX))
    }
}
impl<T: Into<Json>> From<Vec<T>> for Json {
    fn from(items: Vec<T>) -> Self {
        Self::List(items.into_iter().map(Into::into).collect())
    }
}
impl<T: Into<Json>> From<Option<T>> for Json {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// An object: `map! { "id" => Json::id(1), "name" => "general" }`.
macro_rules! map {
    ($($key:literal => $value:expr),* $(,)?) => {
        $crate::payload::json::Json::Map(vec![$(($key.into(), $crate::payload::json::Json::from($value))),*])
    };
}
pub(crate) use map;
