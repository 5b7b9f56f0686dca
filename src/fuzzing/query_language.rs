//! The query language of the search.

use chrono::DateTime;
use chrono_tz::TZ_VARIANTS;

use super::text;
use crate::derived::search::query::{
    Clause, Context, MAX_TERMS, Sought, Term, parse, parse_canonical,
};

/// How many bytes the canonical spelling may have for each byte that was typed: `on:1` becomes two times.
const MAX_GROWTH: usize = 64;

/// Reads a query, after two bytes for the time zone and four for the present time.
///
/// # Panics
/// If a mistake lies outside of the text, a term is not where it says, or the canonical spelling is read as something
/// else or is long out of all proportion.
pub fn query_language(data: &[u8]) {
    let Some((head, typed)) = data.split_first_chunk::<6>() else {
        return;
    };
    let Some(typed) = text(typed) else { return };
    let zone = usize::from(u16::from_be_bytes([head[0], head[1]]));
    let seconds = u32::from_be_bytes([head[2], head[3], head[4], head[5]]);
    let context = Context {
        now: DateTime::from_timestamp(seconds.into(), 0).unwrap(),
        zone: TZ_VARIANTS[zone % TZ_VARIANTS.len()],
    };
    let characters: Vec<char> = typed.chars().collect();
    let clause = match parse(typed, &context) {
        Ok(Some(clause)) => clause,
        Ok(None) => {
            assert!(typed.trim().is_empty(), "what was typed is not blank");
            return;
        }
        Err(mistake) => {
            let at = &mistake.at;
            assert!(at.start <= at.end && at.end <= characters.len(), "{at:?}");
            assert!(!mistake.reason.is_empty());
            // What the grammar says if it has no better reason.
            assert!(!mistake.reason.starts_with("This can't be read"));
            return;
        }
    };
    let mut terms = 0;
    for_each_term(&clause, &mut |term| {
        terms += 1;
        let typed: String = characters[term.at.clone()].iter().collect();
        match &term.sought {
            Sought::Word(word) => assert_eq!(&typed, word),
            Sought::Prefix(stem) => assert_eq!(typed, format!("{stem}*")),
            Sought::Phrase(_) => assert!(typed.starts_with(['"', '“', '”'])),
            Sought::Filter(_) => assert!(typed.contains(':')),
        }
    });
    assert!((1..=MAX_TERMS).contains(&terms), "{terms} terms");
    let canonical = clause.to_string();
    assert!(canonical.len() <= MAX_GROWTH * (typed.len() + 1));
    let again = parse_canonical(&canonical, &context).unwrap().unwrap();
    assert_eq!(again.to_string(), canonical);
    assert_eq!(placeless(again), placeless(clause), "{canonical}");
}

fn for_each_term(clause: &Clause, check: &mut impl FnMut(&Term)) {
    match clause {
        Clause::All(clauses) | Clause::Any(clauses) => {
            assert!(clauses.len() >= 2);
            clauses.iter().for_each(|it| for_each_term(it, check));
        }
        Clause::Not(inner) => for_each_term(inner, check),
        Clause::Term(term) => check(term),
    }
}

/// The same tree with all terms at the same position.
fn placeless(clause: Clause) -> Clause {
    match clause {
        Clause::All(clauses) => Clause::All(clauses.into_iter().map(placeless).collect()),
        Clause::Any(clauses) => Clause::Any(clauses.into_iter().map(placeless).collect()),
        Clause::Not(inner) => Clause::Not(Box::new(placeless(*inner))),
        Clause::Term(term) => Clause::Term(Term { at: 0..0, ..term }),
    }
}
