//! Properties that hold for every text and every tree.

use chrono::{DateTime, Utc};
use proptest::collection::vec;
use proptest::option::weighted;
use proptest::prelude::*;
use proptest::sample::select;

use super::*;

/// Limits that are large enough for the canonical text of every generated tree.
const ROOMY: Limits = Limits {
    characters: 1_000_000,
    terms: 100_000,
    depth: 100,
};

const PIECES: &[&str] = &[
    " ",
    " ",
    " ",
    "\u{3000}",
    "(",
    ")",
    "(",
    ")",
    "\"",
    "\"",
    "“",
    "”",
    "\\",
    "-",
    "--",
    "->",
    "*",
    "|",
    "||",
    ":",
    "::",
    "//",
    "..",
    "@",
    "#",
    "<@",
    "<@!",
    "<@&",
    "<#",
    ">",
    " OR ",
    "OR",
    " AND ",
    "AND",
    " NOT ",
    "a",
    "été",
    "日本",
    "👍🏽",
    "cat",
    "don't",
    "12",
    "123456789012345678",
    "from:",
    "FROM: ",
    "in:",
    "mentions:",
    "has:",
    "reaction:",
    "<:",
    ":wave:",
    "has:link",
    "before:",
    "after:",
    "during:",
    "on:",
    "pinned:",
    "pinned:true",
    "is:",
    "is:bot",
    "authorType:",
    "user",
    "form:",
    "key:",
    "me",
    "everyone",
    "2024",
    "-05",
    "-17",
    "T12:00:00Z",
    "today",
    "week",
    "last-year",
    "7d",
    "6mo",
    "99999y",
    "\u{0}",
    "\u{301}",
    "\n",
];

/// Words for generated trees.
const WORDS: &[&str] = &[
    "cat", "C++", "--x", "->", ">", "a:b", "f(x)", "a|b", "|b", "\\", "日",
];

/// The same tree with all terms at the same position.
fn placeless(clause: Clause) -> Clause {
    match clause {
        Clause::All(clauses) => Clause::All(clauses.into_iter().map(placeless).collect()),
        Clause::Any(clauses) => Clause::Any(clauses.into_iter().map(placeless).collect()),
        Clause::Not(inner) => Clause::Not(Box::new(placeless(*inner))),
        Clause::Term(term) => Clause::Term(Term { at: 0..0, ..term }),
    }
}

fn reads_as_itself(clause: Clause) {
    let text = clause.to_string();
    let again = parse_within(&text, &context(), ROOMY).unwrap().unwrap();
    assert_eq!(again.to_string(), text);
    assert_eq!(placeless(again), placeless(clause), "{text}");
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

fn holds(text: &str) {
    let characters: Vec<char> = text.chars().collect();
    match parse(text, &context()) {
        Ok(None) => assert!(text.trim().is_empty()),
        Ok(Some(clause)) => {
            let mut end = 0;
            let mut terms = 0;
            for_each_term(&clause, &mut |term| {
                terms += 1;
                // Merged authors and channels stand before the terms that were between them.
                end = end.max(term.at.end);
                let typed: String = characters[term.at.clone()].iter().collect();
                match &term.sought {
                    Sought::Word(word) => assert_eq!(&typed, word),
                    Sought::Prefix(stem) => assert_eq!(typed, format!("{stem}*")),
                    Sought::Phrase(_) => assert!(typed.starts_with(['"', '“', '”'])),
                    Sought::Filter(_) => assert!(typed.contains(':')),
                }
            });
            assert!(end <= characters.len() && (1..=MAX_TERMS).contains(&terms));
            reads_as_itself(clause);
        }
        Err(mistake) => {
            assert!(mistake.at.start <= mistake.at.end && mistake.at.end <= characters.len());
            assert!(!mistake.reason.starts_with("This can't be read"), "{text}");
        }
    }
}

fn text_of(pattern: &'static str) -> impl Strategy<Value = String> {
    pattern.prop_filter("is not blank", |text: &String| !text.trim().is_empty())
}

fn who() -> impl Strategy<Value = Who> {
    prop_oneof![
        (1..=i64::MAX.cast_unsigned()).prop_map(Who::Id),
        text_of("\\PC{1,8}").prop_map(Who::Name),
        select(vec!["@", "#x", "me", "12", "OR", "\"", "\\"])
            .prop_map(|it| Who::Name(it.to_owned())),
    ]
}

fn moment() -> impl Strategy<Value = DateTime<Utc>> {
    // 1970 to 2999.
    (0..32_472_144_000_i64, 0..1_000_000_000_u32)
        .prop_map(|(seconds, nanos)| DateTime::from_timestamp(seconds, nanos).unwrap())
}

fn filter() -> impl Strategy<Value = Filter> {
    let mentioned = prop_oneof![
        who().prop_map(Mentioned::Who),
        (1..=i64::MAX.cast_unsigned()).prop_map(Mentioned::Role),
        Just(Mentioned::Everyone),
        Just(Mentioned::Here),
    ];
    let written = (weighted(0.7, moment()), moment(), any::<bool>());
    prop_oneof![
        who().prop_map(Filter::From),
        who().prop_map(Filter::In),
        mentioned.prop_map(Filter::Mentions),
        select(Kind::WORDS).prop_map(|it| Filter::Has(it.1)),
        who().prop_map(Filter::Reaction),
        select(vec![":", "::", ":a:", "::a::", "<:a:1>", "👍"])
            .prop_map(|it| Filter::Reaction(Who::Name(it.to_owned()))),
        select(State::WORDS).prop_map(|it| Filter::Is(it.1)),
        any::<bool>().prop_map(Filter::Pinned),
        written.prop_map(|(one, other, is_open)| match one {
            None => Filter::Written {
                from: None,
                to: Some(other)
            },
            Some(one) if is_open || one == other => Filter::Written {
                from: Some(one),
                to: None
            },
            Some(one) => {
                let (from, to) = (Some(one.min(other)), Some(one.max(other)));
                Filter::Written { from, to }
            }
        }),
    ]
}

fn tree() -> impl Strategy<Value = Clause> {
    let sought = prop_oneof![
        select(WORDS).prop_map(|it| Sought::Word(it.to_owned())),
        select(vec!["cat", "--ab", "日"]).prop_map(|it| Sought::Prefix(it.to_owned())),
        text_of("\\PC{1,8}").prop_map(Sought::Phrase),
        filter().prop_map(Sought::Filter),
    ];
    let term = sought.prop_map(|sought| Clause::Term(Term { at: 0..0, sought }));
    term.prop_recursive(5, 40, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 2..5).prop_map(side_by_side),
            vec(inner.clone(), 2..5).prop_map(Clause::Any),
            inner.prop_map(|it| Clause::Not(Box::new(it))),
        ]
    })
}

/// A conjunction with at most one author and one channel, because several would be merged.
fn side_by_side(mut clauses: Vec<Clause>) -> Clause {
    let (mut authors, mut channels) = (0, 0);
    clauses.retain(|clause| {
        let Clause::Term(term) = clause else {
            return true;
        };
        let count = match &term.sought {
            Sought::Filter(Filter::From(_)) => &mut authors,
            Sought::Filter(Filter::In(_)) => &mut channels,
            _ => return true,
        };
        *count += 1;
        *count == 1
    });
    match clauses.len() {
        1 => clauses.remove(0),
        _ => Clause::All(clauses),
    }
}

proptest! {
    #[test]
    fn every_text_is_a_query_or_a_mistake_inside_of_it(text in "\\PC{0,60}") {
        holds(&text);
    }

    #[test]
    fn every_text_of_the_languages_pieces_too(pieces in vec(select(PIECES), 0..24)) {
        holds(&pieces.concat());
    }

    #[test]
    fn a_tree_reads_as_itself(tree in tree()) {
        reads_as_itself(tree);
    }

    #[test]
    fn quotes_make_anything_literal(text in text_of("[\\PC\"\\\\]{1,40}")) {
        let quoted = format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
        let at = 0..quoted.chars().count();
        let clause = Clause::Term(Term { at, sought: Sought::Phrase(text) });
        prop_assert_eq!(parse(&quoted, &context()), Ok(Some(clause)));
    }
}
