//! The user's manual: every example in it is parsed, with the result that it gives.

use super::*;

const MANUAL: &str = include_str!("../../../../../docs/search.md");

/// The rows of tables whose first cell is code: the texts in it, and the second cell.
fn rows(text: &str) -> impl Iterator<Item = (Vec<&str>, &str)> {
    text.lines().filter_map(|line| {
        let cells = line.strip_prefix("| `")?.strip_suffix(" |")?;
        let (typed, meaning) = cells.split_once("` |").unwrap();
        Some((typed.split("`, `").collect(), meaning.trim()))
    })
}

#[test]
fn every_example_of_the_manual_is_true() {
    let (language, _) = MANUAL.split_once("## Over HTTP").unwrap();
    let (examples, mistakes) = language.split_once("## When something is wrong").unwrap();
    let mut count = 0;
    for typed in rows(examples).flat_map(|row| row.0) {
        assert!(parse(typed, &context()).is_ok(), "{typed}");
        count += 1;
    }
    for (typed, reason) in rows(mistakes) {
        let mistake = parse(typed[0], &context()).unwrap_err();
        assert_eq!(mistake.reason, reason);
        count += 1;
    }
    assert!(count > 80, "{count}");
}

#[test]
fn what_the_manual_says_is_the_same_is() {
    for (typed, same) in [
        ("a b OR c -d", "(a b) OR (c -d)"),
        ("cat | dog", "cat OR dog"),
        (
            "from:ann from:bob in:general",
            "(from:ann OR from:bob) in:general",
        ),
        ("on:2024-05-17", "during:2024-05-17"),
        ("during:7d", "after:7d"),
        ("authorType:user", "-is:bot"),
        ("has:snapshot", "has:forward"),
    ] {
        assert_eq!(canonical(typed), canonical(same));
    }
}
