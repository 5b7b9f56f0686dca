//! The grammar: a recursive descent parser with winnow, in one pass and without backtracking.
//!
//! ```text
//! either = all { ("OR" | "|") all }
//! all    = negated { ["AND"] negated }
//! negated = ["-"] term
//! term   = "(" either ")" | filter | phrase | word
//! ```

use std::ops::Range;

use winnow::combinator::{opt, peek};
use winnow::error::ErrMode;
use winnow::prelude::*;
use winnow::stream::LocatingSlice;
use winnow::token::any;

use super::input::{Input, Parsed, Progress, here, mistake, place, space};
use super::term::{self, keyword, operator, or, quoted, word};
use super::{Clause, Context, Filter, Limits, Mistake, Sought, Term, bare};

pub(super) fn query(
    text: &str,
    context: &Context,
    limits: Limits,
) -> Result<Option<Clause>, Mistake> {
    let mut input = Input {
        input: LocatingSlice::new(text),
        state: Progress {
            text,
            context,
            limits,
            terms: 0,
            depth: 0,
        },
    };
    whole(&mut input).map_err(|error| match error {
        ErrMode::Cut(mistake) => mistake,
        // Every failed attempt has an alternative, so this error never ends the parse.
        ErrMode::Backtrack(_) | ErrMode::Incomplete(_) => Mistake {
            at: place(&input, here(&input)..here(&input)),
            reason: "This can't be read: put quotes around it to search for the text.".to_owned(),
        },
    })
}

fn whole(input: &mut Input<'_>) -> Parsed<Option<Clause>> {
    let clause = either(input)?;
    let start = here(input);
    match opt(')').parse_next(input)? {
        None => Ok(clause),
        Some(_) => Err(mistake(
            input,
            start..here(input),
            "This parenthesis has no opening one: put quotes around a text to search for its parentheses.",
        )),
    }
}

/// Parses alternatives; none if there is nothing.
fn either(input: &mut Input<'_>) -> Parsed<Option<Clause>> {
    let mut sides = Vec::new();
    let mut operator = None;
    loop {
        match (all(input)?, operator) {
            (Some(side), _) => sides.push(side),
            (None, Some(at)) => return Err(without_side(input, at)),
            (None, None) => {}
        }
        let (found, at) = opt(or).with_span().parse_next(input)?;
        match found {
            Some(()) if sides.is_empty() => return Err(without_side(input, at)),
            Some(()) => operator = Some(at),
            None => return Ok(one_or(sides, Clause::Any)),
        }
    }
}

/// Parses terms side by side; none if there is none.
fn all(input: &mut Input<'_>) -> Parsed<Option<Clause>> {
    let mut clauses = Vec::new();
    loop {
        space(input)?;
        let (and, at) = opt(keyword("AND")).with_span().parse_next(input)?;
        if and.is_some() && clauses.is_empty() {
            return Err(without_side(input, at));
        }
        space(input)?;
        match negated(input)? {
            Some(clause) => clauses.push(clause),
            None if and.is_some() => return Err(without_side(input, at)),
            None => return Ok(one_or(any_of_one_kind(clauses), Clause::All)),
        }
    }
}

/// Merges authors, and channels. A message has one author and is in one channel, so several of them side by
/// side mean any of them.
fn any_of_one_kind(clauses: Vec<Clause>) -> Vec<Clause> {
    let kind = |clause: &Clause| match clause {
        Clause::Term(term) => match term.sought {
            Sought::Filter(Filter::From(_)) => Some(0),
            Sought::Filter(Filter::In(_)) => Some(1),
            _ => None,
        },
        _ => None,
    };
    let mut merged: Vec<Clause> = Vec::with_capacity(clauses.len());
    // The position of the first of each kind.
    let mut first = [None::<usize>; 2];
    for clause in clauses {
        let Some(kind) = kind(&clause) else {
            merged.push(clause);
            continue;
        };
        match first[kind] {
            None => {
                first[kind] = Some(merged.len());
                merged.push(clause);
            }
            Some(place) => match &mut merged[place] {
                Clause::Any(of_kind) => of_kind.push(clause),
                single => {
                    let other = std::mem::replace(single, Clause::Any(Vec::new()));
                    *single = Clause::Any(vec![other, clause]);
                }
            },
        }
    }
    merged
}

fn one_or(mut clauses: Vec<Clause>, many: fn(Vec<Clause>) -> Clause) -> Option<Clause> {
    match clauses.len() {
        0 | 1 => clauses.pop(),
        _ => Some(many(clauses)),
    }
}

fn negated(input: &mut Input<'_>) -> Parsed<Option<Clause>> {
    let start = here(input);
    // `--release` and `->` are pasted code.
    let is_minus = input.starts_with('-') && !input[1..].starts_with(['-', '>']);
    if !is_minus {
        return term(input);
    }
    any.void().parse_next(input)?;
    let at = start..here(input);
    let alone = "A minus excludes the term right after it, such as -word: put quotes around it to search for the character.";
    if input.starts_with(char::is_whitespace) {
        return Err(mistake(input, at, alone));
    }
    match term(input)? {
        Some(clause) => Ok(Some(Clause::Not(Box::new(clause)))),
        None => Err(mistake(input, at, alone)),
    }
}

/// Parses a term or a group; none before the end, a closing parenthesis or an operator.
fn term(input: &mut Input<'_>) -> Parsed<Option<Clause>> {
    let Some(next) = input.chars().next() else {
        return Ok(None);
    };
    if next == ')' || peek(opt(operator)).parse_next(input)?.is_some() {
        return Ok(None);
    }
    if next == '(' {
        return group(input).map(Some);
    }
    let start = here(input);
    if input.state.terms == input.state.limits.terms {
        let most = input.state.limits.terms;
        let end = start + next.len_utf8();
        let reason = format!("A query has at most {most} words, phrases and filters.");
        return Err(mistake(input, start..end, reason));
    }
    input.state.terms += 1;
    if let Some(key) = opt(term::filter_key).parse_next(input)? {
        return term::filter(input, key, start).map(Some);
    }
    let sought = if bare::QUOTES.contains(&next) {
        Sought::Phrase(quoted(input)?)
    } else {
        word(input)?
    };
    let at = place(input, start..here(input));
    Ok(Some(Clause::Term(Term { at, sought })))
}

fn group(input: &mut Input<'_>) -> Parsed<Clause> {
    let start = here(input);
    any.void().parse_next(input)?;
    let at = start..here(input);
    if input.state.depth == input.state.limits.depth {
        let most = input.state.limits.depth;
        let reason = format!("Parentheses can be nested at most {most} deep.");
        return Err(mistake(input, at, reason));
    }
    input.state.depth += 1;
    let clause = either(input)?;
    input.state.depth -= 1;
    if opt(')').parse_next(input)?.is_none() {
        let reason = "This parenthesis is never closed: put a ) where the group ends, or quotes around a text to search for its parentheses.";
        return Err(mistake(input, at, reason));
    }
    clause.ok_or_else(|| {
        let reason = "These parentheses are empty: put words between them, or remove them.";
        mistake(input, start..here(input), reason)
    })
}

fn without_side(input: &Input<'_>, at: Range<usize>) -> ErrMode<Mistake> {
    let operator = &input.state.text[at.clone()];
    let reason = format!(
        "{operator} must be between two terms, such as cat {operator} dog: put quotes around it to search for the word."
    );
    mistake(input, at, reason)
}
