//! Mistakes: each has its position, marked here below the text, and says what to type instead.

use super::*;

/// The text, the marks below its mistake (one ^ if something is missing there), and the reason.
const MISTAKES: &[(&str, &str, &str)] = &[
    (
        "say \"hello",
        "    ^",
        "This quote is never closed: put a \" ",
    ),
    ("“a\\” b", "^", "This quote is never closed"),
    ("5\" nails", " ^", "This quote is never closed"),
    ("a \"\"", "  ^^", "These quotes are empty"),
    ("a \"  \"", "  ^^^^", "These quotes are empty"),
    (
        "a (b OR c",
        "  ^",
        "This parenthesis is never closed: put a ) ",
    ),
    ("((a)", "^", "This parenthesis is never closed"),
    (":(", " ^", "This parenthesis is never closed"),
    (
        "a) b",
        " ^",
        "This parenthesis has no opening one: put quotes",
    ),
    (":)", " ^", "This parenthesis has no opening one"),
    ("a ()", "  ^^", "These parentheses are empty"),
    (
        "OR a",
        "^^",
        "OR must be between two terms, such as cat OR dog",
    ),
    ("été OR", "    ^^", "OR must be between two terms"),
    ("a OR OR b", "  ^^", "OR must be between"),
    (
        "a |",
        "  ^",
        "| must be between two terms, such as cat | dog",
    ),
    ("(a OR)", "   ^^", "OR must be between"),
    ("AND a", "^^^", "AND must be between"),
    ("a AND", "  ^^^", "AND must be between"),
    ("a AND OR b", "  ^^^", "AND must be between"),
    ("a AND)", "  ^^^", "AND must be between"),
    (
        "cat NOT dog",
        "    ^^^",
        "To exclude a term, type a minus right before it",
    ),
    ("-", "^", "A minus excludes the term right after it"),
    ("foo - bar", "    ^", "A minus excludes"),
    ("(-)", " ^", "A minus excludes"),
    ("-OR", "^", "A minus excludes"),
    ("*", "^", "A star must be at the end of a word"),
    ("a *bc", "  ^", "A star must be at the end"),
    ("f*o", " ^", "A star must be at the end"),
    ("foo**", "   ^", "A star must be at the end"),
    ("\"foo\"*", "     ^", "A star must be at the end"),
    (
        "a*",
        "^^",
        "A star needs at least two letters or digits right before it",
    ),
    ("C++*", "^^^^", "A star needs at least two letters"),
    (
        "example.c*",
        "^^^^^^^^^^",
        "A star needs at least two letters",
    ),
    (
        "from:",
        "     ^",
        "from: needs a value: the name or id of a user.",
    ),
    ("a (from: )", "        ^", "from: needs a value"),
    ("from: in:general", "     ^", "from: needs a value"),
    ("from: OR b", "     ^", "from: needs a value"),
    ("from: -b", "     ^", "from: needs a value"),
    ("from:\"\"", "     ^^", "These quotes are empty"),
    (
        "from:@",
        "     ^",
        "from: can't be @: type the name or id of a user.",
    ),
    (
        "from:me",
        "     ^^",
        "A search does not know who you are: type your name or id",
    ),
    (
        "mentions:@me",
        "         ^^^",
        "A search does not know who you are",
    ),
    (
        "from:(a OR b)",
        "     ^",
        "A filter takes one value: type (from:a OR from:b).",
    ),
    ("from:<#1>", "     ^^^^", "from: can't be <#1>"),
    ("from:<@&1>", "     ^^^^^", "from: can't be <@&1>"),
    (
        "from:0",
        "     ^",
        "An id is a whole number from 1 to 9223372036854775807",
    ),
    (
        "in:9223372036854775808",
        "   ^^^^^^^^^^^^^^^^^^^",
        "An id is",
    ),
    ("mentions:<@&0>", "         ^^^^^", "An id is"),
    (
        "has:car",
        "    ^^^",
        "has: can't be car: type link, embed, file, image, video, sound, sticker, poll, forward or reaction.",
    ),
    ("-has: car", "      ^^^", "has: can't be car"),
    (
        "reaction:",
        "         ^",
        "reaction: needs a value: an emoji, or the name or id of a custom emoji.",
    ),
    (
        "reaction:<:wave>",
        "         ^^^^^^^",
        "reaction: can't be <:wave>: type an emoji, or the name or id",
    ),
    (
        "reaction:<@123>",
        "         ^^^^^^",
        "reaction: can't be <@123>",
    ),
    ("reaction: ::", "          ^^", "reaction: can't be ::"),
    ("reaction:0", "         ^", "An id is a whole number"),
    (
        "reaction:<:wave:9223372036854775808>",
        "         ^^^^^^^^^^^^^^^^^^^^^^^^^^^",
        "An id is",
    ),
    (
        "reaction:(👍 OR 👎)",
        "         ^",
        "A filter takes one value: type (reaction:a OR reaction:b).",
    ),
    (
        "reactions:wave",
        "^^^^^^^^^",
        "There is no filter reactions: - type reaction: instead",
    ),
    (
        "is:gone",
        "   ^^^^",
        "is: can't be gone: type edited, deleted, reply or bot.",
    ),
    (
        "pinned:yes",
        "       ^^^",
        "pinned: can't be yes: type true or false.",
    ),
    (
        "authorType:webhook",
        "           ^^^^^^^",
        "Webhooks count as bots: type is:bot.",
    ),
    (
        "authorType:x",
        "           ^",
        "authorType: can't be x: type user or bot.",
    ),
    (
        "form:bob",
        "^^^^",
        "There is no filter form: - type from: instead, or put quotes around it",
    ),
    ("rfom:x", "^^^^", "There is no filter rfom: - type from:"),
    (
        "a -form:",
        "   ^^^^",
        "There is no filter form: - type from:",
    ),
    (
        "Befor:2024",
        "^^^^^",
        "There is no filter Befor: - type before:",
    ),
    (
        "mention:bob",
        "^^^^^^^",
        "There is no filter mention: - type mentions:",
    ),
    (
        "from: afer:x",
        "      ^^^^",
        "There is no filter afer: - type after:",
    ),
    (
        "before:",
        "       ^",
        "before: needs a value: a date such as 2024-05-17, 2024-05, 2024, today",
    ),
];

#[test]
fn a_mistake_points_at_its_place() {
    for (text, marks, reason) in MISTAKES {
        let mistake = parse(text, &context()).unwrap_err();
        let width = mistake.at.len().max(1);
        let pointed = " ".repeat(mistake.at.start) + &"^".repeat(width);
        assert_eq!(&pointed, marks, "{text}: {mistake}");
        assert!(mistake.reason.starts_with(reason), "{text}: {mistake}");
        assert!(mistake.reason.ends_with(['.', ')']), "{text}: {mistake}");
    }
}

#[test]
fn a_mistake_is_shown_with_its_character_from_one() {
    let mistake = parse("a )", &context()).unwrap_err();
    assert!(
        mistake
            .to_string()
            .starts_with("character 3: This parenthesis")
    );
}

#[test]
fn a_mistake_repeats_little_of_what_was_typed() {
    for key in [
        "from:<",
        "has:",
        "pinned:",
        "before:",
        "on:",
        "on:2024-",
        "on:2024..",
        "on::",
    ] {
        let value = "9".repeat(MAX_CHARACTERS - key.len());
        if let Err(mistake) = parse(&(key.to_owned() + &value), &context()) {
            assert!(mistake.reason.len() < 300, "{mistake}");
        }
    }
}

#[test]
fn what_quotes_are_advised_for_can_be_searched_in_quotes() {
    for (text, _, reason) in MISTAKES {
        if reason.contains("quotes around") {
            let quoted = format!("\"{}\"", text.replace('"', "\\\""));
            assert!(parse(&quoted, &context()).is_ok(), "{text}");
        }
    }
}

#[test]
fn each_limit_is_its_own_mistake() {
    let at_limit = "é".repeat(MAX_CHARACTERS);
    assert!(parse(&at_limit, &context()).is_ok());
    let mistake = parse(&(at_limit + "éé"), &context()).unwrap_err();
    assert_eq!(mistake.at, MAX_CHARACTERS..MAX_CHARACTERS + 2);
    assert!(
        mistake
            .reason
            .starts_with("A query has at most 1000 characters")
    );

    let terms = |count: usize| vec!["a", "\"b\"", "is:bot"].into_iter().cycle().take(count);
    let join = |count| terms(count).collect::<Vec<_>>().join(" OR ");
    assert!(parse(&join(MAX_TERMS), &context()).is_ok());
    let text = join(MAX_TERMS) + " last";
    let mistake = parse(&text, &context()).unwrap_err();
    assert_eq!(mistake.at, text.len() - 4..text.len() - 3);
    assert!(mistake.reason.starts_with("A query has at most 64 words"));

    let nested = |depth| "(".repeat(depth) + "a" + &")".repeat(depth);
    assert!(parse(&nested(MAX_DEPTH), &context()).is_ok());
    let mistake = parse(&nested(MAX_DEPTH + 1), &context()).unwrap_err();
    assert_eq!(mistake.at, MAX_DEPTH..MAX_DEPTH + 1);
    assert!(
        mistake
            .reason
            .starts_with("Parentheses can be nested at most 16")
    );
    // Groups side by side are not nested.
    assert!(parse(&"(a) ".repeat(MAX_DEPTH + 1), &context()).is_ok());
}
