//! Writes a tree as text, in one canonical spelling that the grammar parses to the same tree.

use std::fmt::{self, Write as _};

use chrono::{DateTime, SecondsFormat, Utc};

use super::{Clause, Filter, Mentioned, Sought, Who};

pub(super) fn write(clause: &Clause, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match clause {
        Clause::All(clauses) => joined(clauses, " ", f),
        Clause::Any(clauses) => joined(clauses, " OR ", f),
        Clause::Not(inner) => {
            f.write_char('-')?;
            if is_after_minus(inner) {
                write(inner, f)
            } else {
                group(inner, f)
            }
        }
        Clause::Term(term) => sought(&term.sought, f),
    }
}

fn joined(clauses: &[Clause], between: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    for (place, clause) in clauses.iter().enumerate() {
        if place > 0 {
            f.write_str(between)?;
        }
        match clause {
            Clause::All(_) | Clause::Any(_) => group(clause, f)?,
            Clause::Not(_) | Clause::Term(_) => write(clause, f)?,
        }
    }
    Ok(())
}

fn group(clause: &Clause, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.write_char('(')?;
    write(clause, f)?;
    f.write_char(')')
}

/// Whether a minus before this condition is parsed as an exclusion: `--x` and `->` are words.
fn is_after_minus(clause: &Clause) -> bool {
    match clause {
        Clause::Term(term) => match &term.sought {
            Sought::Word(text) | Sought::Prefix(text) => !text.starts_with(['-', '>']),
            Sought::Phrase(_) | Sought::Filter(_) => true,
        },
        Clause::All(_) | Clause::Any(_) | Clause::Not(_) => false,
    }
}

fn sought(sought: &Sought, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match sought {
        Sought::Word(text) => f.write_str(text),
        Sought::Prefix(text) => write!(f, "{text}*"),
        Sought::Phrase(text) => quoted(text, f),
        Sought::Filter(filter) => self::filter(filter, f),
    }
}

fn filter(filter: &Filter, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match filter {
        Filter::From(who) => {
            f.write_str("from:")?;
            self::who(who, '@', f)
        }
        Filter::In(who) => {
            f.write_str("in:")?;
            self::who(who, '#', f)
        }
        Filter::Mentions(mentioned) => {
            f.write_str("mentions:")?;
            match mentioned {
                Mentioned::Who(who) => self::who(who, '@', f),
                Mentioned::Role(id) => write!(f, "<@&{id}>"),
                Mentioned::Everyone => f.write_str("everyone"),
                Mentioned::Here => f.write_str("here"),
            }
        }
        Filter::Reaction(Who::Name(name)) if is_between_colons(name) => {
            f.write_str("reaction:")?;
            quoted(&format!(":{name}:"), f)
        }
        Filter::Reaction(Who::Name(name)) => {
            f.write_str("reaction:")?;
            quoted(name, f)
        }
        Filter::Reaction(Who::Id(id)) => write!(f, "reaction:{id}"),
        Filter::Has(kind) => write!(f, "has:{}", kind.word()),
        Filter::Is(state) => write!(f, "is:{}", state.word()),
        Filter::Pinned(yes) => write!(f, "pinned:{yes}"),
        Filter::Written { from, to } => match (from, to) {
            (Some(from), Some(to)) => write!(f, "during:{}..{}", time(*from), time(*to)),
            (Some(from), None) => write!(f, "after:{}", time(*from)),
            (None, Some(to)) => write!(f, "before:{}", time(*to)),
            (None, None) => Ok(()),
        },
    }
}

fn time(moment: DateTime<Utc>) -> String {
    moment.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

/// Writes a name in quotes, so that it is parsed as nothing else. The parser removes one sigil.
fn who(who: &Who, sigil: char, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match who {
        Who::Id(id) => write!(f, "{id}"),
        Who::Name(name) if name.starts_with(sigil) => quoted(&format!("{sigil}{name}"), f),
        Who::Name(name) => quoted(name, f),
    }
}

/// Whether the parser would remove the colons around a name.
fn is_between_colons(name: &str) -> bool {
    name.len() > 1 && name.starts_with(':') && name.ends_with(':')
}

fn quoted(text: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.write_char('"')?;
    for character in text.chars() {
        if matches!(character, '"' | '\\') {
            f.write_char('\\')?;
        }
        f.write_char(character)?;
    }
    f.write_char('"')
}
