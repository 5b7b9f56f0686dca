//! The filters: their names and their possible values.

use std::ops::Range;

use super::excerpt::shown;
use super::{Clause, Context, Filter, Kind, Mentioned, Sought, State, Term, Who, when};

/// The name before a filter's colon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Key {
    From,
    In,
    Mentions,
    Has,
    Reaction,
    Before,
    After,
    During,
    Pinned,
    Is,
    AuthorType,
}

/// The names; the first name of a key is the one that is suggested. Discord's client also accepts `on` and
/// `authorType`.
const NAMES: [(&str, Key); 12] = [
    ("from", Key::From),
    ("in", Key::In),
    ("mentions", Key::Mentions),
    ("has", Key::Has),
    ("reaction", Key::Reaction),
    ("before", Key::Before),
    ("after", Key::After),
    ("during", Key::During),
    ("on", Key::During),
    ("pinned", Key::Pinned),
    ("is", Key::Is),
    ("authorType", Key::AuthorType),
];

/// The minimum length of a name that is suggested for a mistyped one: `it:`, `as:` and `was:` are more likely
/// text.
const MIN_SUGGESTED: usize = 4;

impl Key {
    pub(super) fn named(name: &str) -> Option<Self> {
        let known = NAMES.iter().find(|it| it.0.eq_ignore_ascii_case(name));
        known.map(|it| it.1)
    }

    /// The filter whose name differs by one letter, or by two exchanged neighbouring letters.
    pub(super) fn near(name: &str) -> Option<Self> {
        let name = name.to_ascii_lowercase();
        let long = NAMES.iter().filter(|it| it.0.len() >= MIN_SUGGESTED);
        let mut near =
            long.filter(|it| is_near(name.as_bytes(), it.0.to_ascii_lowercase().as_bytes()));
        near.next().map(|it| it.1)
    }

    pub(super) fn name(self) -> &'static str {
        let known = NAMES.iter().find(|it| it.1 == self);
        known.map_or("", |it| it.0)
    }

    /// The possible values, in words.
    pub(super) fn values(self) -> String {
        match self {
            Self::From => "the name or id of a user".to_owned(),
            Self::In => "the name or id of a channel".to_owned(),
            Self::Mentions => "the name or id of a user or role, everyone or here".to_owned(),
            Self::Has => one_of(Kind::WORDS),
            Self::Reaction => "an emoji, or the name or id of a custom emoji".to_owned(),
            Self::Is => one_of(State::WORDS),
            Self::Pinned => "true or false".to_owned(),
            Self::AuthorType => "user or bot".to_owned(),
            Self::Before | Self::After | Self::During => when::DATES.to_owned(),
        }
    }
}

/// Whether one text becomes the other by adding, removing or changing one letter, or by exchanging two
/// neighbouring letters.
fn is_near(one: &[u8], other: &[u8]) -> bool {
    let same_before = one.iter().zip(other).take_while(|(a, b)| a == b).count();
    let (one, other) = (&one[same_before..], &other[same_before..]);
    match (one, other) {
        ([_, one @ ..], rest) if one == rest => true,
        (rest, [_, other @ ..]) if rest == other => true,
        ([_, one @ ..], [_, other @ ..]) if one == other => true,
        ([a, b, one @ ..], [c, d, other @ ..]) => (a, b) == (d, c) && one == other,
        _ => false,
    }
}

/// A filter's value. A value in quotes can only be a name or a date.
#[derive(Debug)]
pub(super) enum Value {
    Bare(String),
    Quoted(String),
}

impl Value {
    pub(super) fn text(&self) -> &str {
        match self {
            Self::Bare(text) | Self::Quoted(text) => text,
        }
    }
}

/// The condition for a filter with this value, typed at `at`.
///
/// # Errors
/// The reason why the value is not valid, with the possible values.
pub(super) fn clause(
    key: Key,
    value: &Value,
    context: &Context,
    at: Range<usize>,
) -> Result<Clause, String> {
    let text = value.text();
    let mut is_not = false;
    let filter = match key {
        Key::From => Filter::From(person(key, value)?),
        Key::In => Filter::In(named(key, value, '#')?),
        Key::Mentions => Filter::Mentions(mentioned(key, value)?),
        // Discord's API calls a forwarded message a snapshot.
        Key::Has if text.eq_ignore_ascii_case("snapshot") => Filter::Has(Kind::Forward),
        Key::Has => Filter::Has(word(key, text, Kind::WORDS)?),
        Key::Reaction => Filter::Reaction(emoji(key, value)?),
        Key::Is => Filter::Is(word(key, text, State::WORDS)?),
        Key::Pinned => Filter::Pinned(word(key, text, &[("true", true), ("false", false)])?),
        Key::AuthorType if text.eq_ignore_ascii_case("webhook") => {
            return Err("Webhooks count as bots: type is:bot.".to_owned());
        }
        Key::AuthorType => {
            is_not = word(key, text, &[("user", true), ("bot", false)])?;
            Filter::Is(State::Bot)
        }
        Key::Before => when::before(text, context)?,
        Key::After => when::after(text, context)?,
        Key::During => when::during(text, context)?,
    };
    let sought = Sought::Filter(filter);
    let clause = Clause::Term(Term { at, sought });
    Ok(if is_not {
        Clause::Not(Box::new(clause))
    } else {
        clause
    })
}

/// The value of one of these words.
fn word<T: Copy>(key: Key, text: &str, words: &[(&str, T)]) -> Result<T, String> {
    let found = words.iter().find(|it| it.0.eq_ignore_ascii_case(text));
    found.map(|it| it.1).ok_or_else(|| wrong(key, text))
}

fn one_of<T>(words: &[(&str, T)]) -> String {
    let words: Vec<_> = words.iter().map(|it| it.0).collect();
    match words.split_last() {
        Some((last, others)) => format!("{} or {last}", others.join(", ")),
        None => String::new(),
    }
}

fn wrong(key: Key, text: &str) -> String {
    let text = shown(text);
    format!("{}: can't be {text}: type {}.", key.name(), key.values())
}

fn mentioned(key: Key, value: &Value) -> Result<Mentioned, String> {
    let Value::Bare(text) = value else {
        return person(key, value).map(Mentioned::Who);
    };
    if let Some(role) = tag(text, "<@&") {
        return id(role).map(Mentioned::Role);
    }
    match text.strip_prefix('@').unwrap_or(text) {
        all if all.eq_ignore_ascii_case("everyone") => Ok(Mentioned::Everyone),
        here if here.eq_ignore_ascii_case("here") => Ok(Mentioned::Here),
        _ => person(key, value).map(Mentioned::Who),
    }
}

fn person(key: Key, value: &Value) -> Result<Who, String> {
    if let Value::Bare(text) = value
        && text
            .strip_prefix('@')
            .unwrap_or(text)
            .eq_ignore_ascii_case("me")
    {
        let name = key.name();
        return Err(format!(
            "A search does not know who you are: type your name or id, or {name}:\"me\" for a user with that name."
        ));
    }
    named(key, value, '@')
}

/// Parses an id, a mention as Discord writes it, or a name with or without its sigil.
fn named(key: Key, value: &Value, sigil: char) -> Result<Who, String> {
    let text = value.text();
    let name = text.strip_prefix(sigil).unwrap_or(text);
    if name.trim().is_empty() {
        return Err(wrong(key, text));
    }
    if matches!(value, Value::Quoted(_)) {
        return Ok(Who::Name(name.to_owned()));
    }
    let tags: &[&str] = if sigil == '@' {
        &["<@!", "<@"]
    } else {
        &["<#"]
    };
    if let Some(number) = tags.iter().find_map(|open| tag(text, open)) {
        return id(number).map(Who::Id);
    }
    if text.starts_with('<') {
        return Err(wrong(key, text));
    }
    if is_number(text) {
        return id(text).map(Who::Id);
    }
    Ok(Who::Name(name.to_owned()))
}

/// Parses an emoji, `<:name:123>` as Discord writes a custom emoji, its id, or its name with or without colons.
fn emoji(key: Key, value: &Value) -> Result<Who, String> {
    let text = value.text();
    let name = text
        .strip_prefix(':')
        .and_then(|it| it.strip_suffix(':'))
        .unwrap_or(text);
    if name.trim().is_empty() {
        return Err(wrong(key, text));
    }
    if matches!(value, Value::Quoted(_)) {
        return Ok(Who::Name(name.to_owned()));
    }
    if text.starts_with('<') {
        let number = ["<:", "<a:"].iter().find_map(|open| {
            let (name, number) = text
                .strip_prefix(open)?
                .strip_suffix('>')?
                .split_once(':')?;
            (!name.is_empty() && is_number(number)).then_some(number)
        });
        return id(number.ok_or_else(|| wrong(key, text))?).map(Who::Id);
    }
    if is_number(text) {
        return id(text).map(Who::Id);
    }
    Ok(Who::Name(name.to_owned()))
}

/// The digits of a mention such as `<@123>`.
fn tag<'a>(text: &'a str, open: &str) -> Option<&'a str> {
    let number = text.strip_prefix(open)?.strip_suffix('>')?;
    is_number(number).then_some(number)
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|it| it.is_ascii_digit())
}

/// Parses a snowflake that fits into a BIGINT, without leading zeros.
fn id(digits: &str) -> Result<u64, String> {
    let number = digits.parse().ok();
    number
        .filter(|id: &u64| !digits.starts_with('0') && i64::try_from(*id).is_ok())
        .ok_or_else(|| {
            "An id is a whole number from 1 to 9223372036854775807: put quotes around a name of digits."
                .to_owned()
        })
}
