//! The language as a table: what is typed, and how it is parsed. The canonical text has parentheses around
//! every nested group, quotes around every phrase and name, and ids without quotes.

mod dates;
mod manual;
mod mistakes;
mod properties;

use super::*;

/// A Wednesday in Paris, in summer time: 2024-07-17 14:30.
fn context() -> Context {
    Context {
        now: "2024-07-17T12:30:00Z".parse().unwrap(),
        zone: chrono_tz::Europe::Paris,
    }
}

fn canonical(text: &str) -> String {
    match parse(text, &context()) {
        Ok(Some(clause)) => clause.to_string(),
        Ok(None) => String::new(),
        Err(mistake) => format!("{mistake}"),
    }
}

fn understood(examples: &[(&str, &str)]) {
    for (typed, meant) in examples {
        assert_eq!(canonical(typed), *meant, "{typed}");
    }
}

#[test]
fn words_phrases_and_operators() {
    understood(&[
        // A blank query finds everything.
        ("", ""),
        (" \t\u{3000}", ""),
        // Side by side is AND.
        ("cat", "cat"),
        ("cat dog", "cat dog"),
        ("cat AND dog", "cat dog"),
        ("cat and dog or NoT", "cat and dog or NoT"),
        // NOT before AND before OR.
        ("cat OR dog", "cat OR dog"),
        ("cat|dog | bird", "cat|dog OR bird"),
        ("a b OR c -d", "(a b) OR (c -d)"),
        ("a (b OR c) -d", "a (b OR c) -d"),
        ("a OR (b OR c)", "a OR (b OR c)"),
        ("a OR(b c)", "a OR (b c)"),
        ("(a)|(b)", "a OR b"),
        ("((((a))))", "a"),
        // Exclusions.
        ("-cat", "-cat"),
        (
            "-cat -\"a dog\" -(a OR b) -from:bob",
            "-cat -\"a dog\" -(a OR b) -from:\"bob\"",
        ),
        ("-(a)", "-a"),
        ("-(-a)", "-(-a)"),
        // Phrases.
        ("\"a dog\"", "\"a dog\""),
        (
            r#""she said \"no\" in C:\\tmp or C:\tmp""#,
            r#""she said \"no\" in C:\\tmp or C:\\tmp""#,
        ),
        ("“typed on a phone” ”x“", "\"typed on a phone\" \"x\""),
        ("\"a“b\"", "\"a“b\""),
        (
            "\"from:bob\" \"OR\" \"-a\" \"b*\"",
            "\"from:bob\" \"OR\" \"-a\" \"b*\"",
        ),
        ("a\"b c\"d", "a \"b c\" d"),
        // Prefixes.
        (
            "hel* 日* d'ac* v2* snake_ca*",
            "hel* 日* d'ac* v2* snake_ca*",
        ),
        ("-he*", "-he*"),
    ]);
}

#[test]
fn odd_words_are_words() {
    for word in [
        "C++",
        "snake_case",
        "https://x.y/z?a=b:c",
        "https://en.wikipedia.org/wiki/Rust_(game)",
        ":custom_emoji:",
        "<:name:123>",
        "<@123>",
        "3.14",
        "12:30",
        "foo-bar",
        "don't",
        "#general",
        "key:value",
        "id:5",
        "it:",
        "was:",
        "std::vec",
        "from::x",
        "from::x:",
        "reaction::add",
        "reaction::",
        "in://x",
        "frommage:x",
        "rfoo:x",
        "form::x",
        "print(x)",
        "f(g(x),y)",
        "a()b",
        "--release",
        "->",
        "-->",
        "=>",
        "||spoiler||",
        "|x",
        "a|b",
        "||",
        "&&",
        "ORB",
        "Or",
        "\\",
        "a\\",
        "👍🏽",
        "नमस्ते",
        "a\u{0}b",
    ] {
        let clause = parse(word, &context()).unwrap().unwrap();
        let term = Term {
            at: 0..word.chars().count(),
            sought: Sought::Word(word.to_owned()),
        };
        assert_eq!(clause, Clause::Term(term));
        assert_eq!(canonical(&format!("(x {word})")), format!("x {word}"));
    }
    understood(&[
        ("time 12:30", "time 12:30"),
        // A parenthesis without a partner in its word begins or ends a group.
        ("f(a b)", "f (a b)"),
        ("(see print(x))", "see print(x)"),
        ("-(--x) -(->) -(>x)", "-(--x) -(->) -(>x)"),
    ]);
}

#[test]
fn filters() {
    understood(&[
        // Users: by name, by id, or as Discord writes a mention.
        ("from:bob", "from:\"bob\""),
        ("from: bob", "from:\"bob\""),
        ("FROM:@Bob", "from:\"Bob\""),
        ("from:\"Bob Smith\"", "from:\"Bob Smith\""),
        ("from:@\"Bob Smith\" x", "from:\"Bob Smith\" x"),
        ("from:\"@Bob\"", "from:\"Bob\""),
        ("from:@@bob", "from:\"@@bob\""),
        ("from:123", "from:123"),
        ("from:<@123> x", "from:123 x"),
        ("from:<@!123>", "from:123"),
        ("from:\"123\"", "from:\"123\""),
        ("from:\"me\"", "from:\"me\""),
        ("from:user_1.2", "from:\"user_1.2\""),
        ("from:bob(they)", "from:\"bob(they)\""),
        ("(from:bob)", "from:\"bob\""),
        ("from:from:x", "from:\"from:x\""),
        ("from:-x", "from:\"-x\""),
        ("from:OR", "from:\"OR\""),
        // Channels.
        ("in:general", "in:\"general\""),
        ("in:#general", "in:\"general\""),
        ("in:<#123>", "in:123"),
        ("in:123", "in:123"),
        (
            "in:\"a thread\" in: #\"another one\"",
            "in:\"a thread\" OR in:\"another one\"",
        ),
        // Mentions.
        ("mentions:bob", "mentions:\"bob\""),
        ("mentions:123", "mentions:123"),
        ("mentions:<@123>", "mentions:123"),
        ("mentions:<@!123>", "mentions:123"),
        ("mentions:<@&123>", "mentions:<@&123>"),
        ("mentions:@everyone", "mentions:everyone"),
        ("mentions:HERE", "mentions:here"),
        ("mentions:\"everyone\"", "mentions:\"everyone\""),
        // Contents.
        ("has:link has:EMBED", "has:link has:embed"),
        (
            "has:file has:image has:video has:sound",
            "has:file has:image has:video has:sound",
        ),
        (
            "has:sticker has:poll has:forward",
            "has:sticker has:poll has:forward",
        ),
        ("has:snapshot", "has:forward"),
        ("-has: link", "-has:link"),
        ("has:Reaction", "has:reaction"),
        // Reactions: a Unicode emoji, or a custom one.
        ("reaction:👍", "reaction:\"👍\""),
        ("-reaction: 👍🏽 x", "-reaction:\"👍🏽\" x"),
        ("reaction:wave", "reaction:\"wave\""),
        ("reaction::wave:", "reaction:\"wave\""),
        ("reaction: :wave:", "reaction:\"wave\""),
        ("reaction:\":wave:\"", "reaction:\"wave\""),
        ("reaction:\"::wave::\"", "reaction:\"::wave::\""),
        ("reaction:<:wave:123>", "reaction:123"),
        ("reaction:<a:wave:123> x", "reaction:123 x"),
        ("reaction:123", "reaction:123"),
        ("reaction:\"123\"", "reaction:\"123\""),
        (
            "reaction:1\u{fe0f}\u{20e3}",
            "reaction:\"1\u{fe0f}\u{20e3}\"",
        ),
        ("reaction:a reaction:b", "reaction:\"a\" reaction:\"b\""),
        (
            "(reaction:a OR -reaction:b)",
            "reaction:\"a\" OR -reaction:\"b\"",
        ),
        ("pinned:true pinned: False", "pinned:true pinned:false"),
        (
            "is:edited is:deleted is:reply is:bot",
            "is:edited is:deleted is:reply is:bot",
        ),
        ("authorType:bot", "is:bot"),
        ("authortype: user", "-is:bot"),
        ("-authorType:user", "-(-is:bot)"),
    ]);
}

#[test]
fn several_authors_or_channels_side_by_side_mean_any_of_them() {
    understood(&[
        ("from:a from:b", "from:\"a\" OR from:\"b\""),
        ("from:a x from:b", "(from:\"a\" OR from:\"b\") x"),
        (
            "in:a from:b in:c from:d",
            "(in:\"a\" OR in:\"c\") (from:\"b\" OR from:\"d\")",
        ),
        ("-from:a -from:b", "-from:\"a\" -from:\"b\""),
        ("from:a OR from:b x", "from:\"a\" OR (from:\"b\" x)"),
        ("from:a (from:b x)", "from:\"a\" (from:\"b\" x)"),
        ("mentions:a mentions:b", "mentions:\"a\" mentions:\"b\""),
        ("has:link has:file", "has:link has:file"),
    ]);
}

#[test]
fn a_term_knows_its_place_in_characters() {
    let clause = parse("été -from: \"Bob\" 日*", &context())
        .unwrap()
        .unwrap();
    let Clause::All(clauses) = clause else {
        panic!("{clause}");
    };
    let place = |clause: &Clause| match clause {
        Clause::Term(term) => term.at.clone(),
        Clause::Not(inner) => match &**inner {
            Clause::Term(term) => term.at.clone(),
            other => panic!("{other}"),
        },
        other => panic!("{other}"),
    };
    let places: Vec<_> = clauses.iter().map(place).collect();
    assert_eq!(places, [0..3, 5..16, 17..19]);
}
