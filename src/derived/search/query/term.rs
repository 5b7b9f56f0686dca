//! The smallest parts: operators, words, phrases, and a filter's name with its value.

use winnow::combinator::{alt, opt, peek, preceded, repeat, terminated};
use winnow::error::{ErrMode, ParserError};
use winnow::prelude::*;
use winnow::stream::Stream;
use winnow::token::{any, none_of, one_of, take_while};

use super::bare;
use super::filter::{self, Key, Value};
use super::input::{Input, Parsed, here, mistake, place, space};
use super::{Clause, Mistake, Sought};

/// Parses a word or a prefix.
pub(super) fn word(input: &mut Input<'_>) -> Parsed<Sought> {
    let start = here(input);
    let text = bare(input)?;
    let at = start..here(input);
    if text == "NOT" {
        let reason = "To exclude a term, type a minus right before it, such as -word: put quotes around NOT to search for the word.";
        return Err(mistake(input, at, reason));
    }
    let Some(star) = text.find('*') else {
        return Ok(Sought::Word(text.to_owned()));
    };
    let stem = &text[..star];
    if star + 1 < text.len() || stem.is_empty() {
        let reason = "A star must be at the end of a word, such as hel*: put quotes around a text to search for its stars.";
        return Err(mistake(input, start + star..start + star + 1, reason));
    }
    if !bare::is_stem(stem) {
        let reason = "A star needs at least two letters or digits right before it (one that is Chinese, Japanese or Korean).";
        return Err(mistake(input, at, reason));
    }
    Ok(Sought::Prefix(stem.to_owned()))
}

/// Parses the name of a known filter with its colon; a name that is nearly one is a mistake.
pub(super) fn filter_key(input: &mut Input<'_>) -> Parsed<Key> {
    let start = here(input);
    let letters = take_while(1.., |it: char| it.is_ascii_alphabetic());
    let name: &str = terminated(letters, ':').parse_next(input)?;
    // `std::vec` and `in://x` are text, whatever their beginning.
    let is_text = input.starts_with(':') || input.starts_with("//");
    // But `reaction::wave:` contains an emoji as Discord's users type it.
    let value = &input[..bare::length(input)];
    let is_shortcode = value.len() > 2 && value.starts_with(':') && value.ends_with(':');
    let known = Key::named(name);
    if let Some(key) = known.filter(|key| !is_text || *key == Key::Reaction && is_shortcode) {
        return Ok(key);
    }
    match Key::near(name).filter(|_| !is_text) {
        None => Err(ErrMode::Backtrack(Mistake::from_input(input))),
        Some(near) => {
            let near = near.name();
            let reason = format!(
                "There is no filter {name}: - type {near}: instead, or put quotes around it to search for the text."
            );
            Err(mistake(input, start..start + name.len(), reason))
        }
    }
}

/// Parses a filter's value, after its name and colon.
pub(super) fn filter(input: &mut Input<'_>, key: Key, start: usize) -> Parsed<Clause> {
    let after_key = here(input);
    space(input)?;
    let spaced = here(input) > after_key;
    let value_start = here(input);
    if input.starts_with('(') {
        let name = key.name();
        let reason = format!("A filter takes one value: type ({name}:a OR {name}:b).");
        return Err(mistake(input, value_start..value_start + 1, reason));
    }
    // After a space the next term is the value, unless it is clearly something else.
    let is_other = spaced
        && (input.starts_with('-')
            || peek(opt(operator)).parse_next(input)?.is_some()
            || peek(opt(filter_key)).parse_next(input)?.is_some());
    // `from:@"Bob Smith"`.
    let sigil =
        opt(terminated(one_of(['@', '#']), peek(one_of(bare::QUOTES)))).parse_next(input)?;
    let value = if is_other {
        Value::Bare(String::new())
    } else if input.starts_with(bare::QUOTES) {
        let quoted = quoted(input)?;
        Value::Quoted(sigil.map_or_else(String::new, String::from) + &quoted)
    } else {
        Value::Bare(bare(input)?.to_owned())
    };
    if value.text().is_empty() {
        let reason = format!("{}: needs a value: {}.", key.name(), key.values());
        return Err(mistake(input, after_key..after_key, reason));
    }
    let at = place(input, start..here(input));
    filter::clause(key, &value, input.state.context, at)
        .map_err(|reason| mistake(input, value_start..here(input), reason))
}

/// Parses a text in quotes; a backslash before a quote or a backslash makes it a character of the text.
pub(super) fn quoted(input: &mut Input<'_>) -> Parsed<String> {
    let start = here(input);
    let open = any.parse_next(input)?;
    let closes = move |it: char| it == '"' || (open != '"' && bare::QUOTES.contains(&it));
    let escaped = preceded('\\', one_of(move |it| it == '\\' || closes(it)));
    let plain = none_of(move |it| it == '\\' || closes(it));
    let text: String = repeat(0.., alt((plain, escaped, '\\'))).parse_next(input)?;
    if opt(one_of(closes)).parse_next(input)?.is_none() {
        let reason = "This quote is never closed: put a \" where the phrase ends, or \\\" inside of quotes to search for the character.";
        return Err(mistake(input, start..start + open.len_utf8(), reason));
    }
    if text.trim().is_empty() {
        let reason = "These quotes are empty: put words between them, or remove them.";
        return Err(mistake(input, start..here(input), reason));
    }
    Ok(text)
}

/// Parses a word or value without quotes; it can be empty.
fn bare<'t>(input: &mut Input<'t>) -> Parsed<&'t str> {
    let length = bare::length(input);
    Ok(input.next_slice(length))
}

/// Parses the operator between alternatives.
pub(super) fn or(input: &mut Input<'_>) -> Parsed<()> {
    alt((keyword("OR"), keyword("|"))).parse_next(input)
}

/// Parses an operator that ends a sequence of terms.
pub(super) fn operator(input: &mut Input<'_>) -> Parsed<()> {
    alt((or, keyword("AND"))).parse_next(input)
}

/// Parses exactly this word.
pub(super) fn keyword<'t>(word: &'static str) -> impl Parser<Input<'t>, (), ErrMode<Mistake>> {
    move |input: &mut Input<'t>| {
        let text = bare(input)?;
        if text == word {
            Ok(())
        } else {
            Err(ErrMode::Backtrack(Mistake::from_input(input)))
        }
    }
}
