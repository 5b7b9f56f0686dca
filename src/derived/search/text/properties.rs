//! Properties that hold for every text.

use std::collections::HashSet;
use std::time::Duration;

use proptest::prelude::*;
use rustix::time::{ClockId, clock_gettime};

use super::scan::{Form, Scan};
use super::*;

/// Difficult texts: signs next to words, marks, markup, scripts.
fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        8 => prop::sample::select(vec![
            "a", "B", "foo", "Bar", "HTTPServer", "x2", "1", "42", "000", "é", "ß", "ﬁ", "İ", "Σ", "ё", "й", "मे", "ता",
            "東", "京", "か", "ガ", "ｶﾞ", "ー", "한", "ㄱ", "ที่", "ำ", "👍", "🏽", "👍🏿", "❤️", "👨‍👩‍👧", "🇫🇷", "🇩", "1️⃣",
        ]),
        8 => prop::sample::select(vec![
            " ", " ", "\n", "_", ".", ":", "::", "/", "://", "-", "'", "’", "+", "++", "#", "@", ",", "<", ">", "**", "(", "=",
            "\u{301}", "\u{200b}", "\u{200d}", "\u{fe0f}", "\u{20e3}", "\u{3099}", "\u{345}", "\u{ad}", "\u{3164}", "\u{e0061}",
        ]),
        2 => prop::sample::select(vec!["<@123>", "<:cat_jam:12>", ":cat_jam:", "<t:5:R>", "</play song:1>", "``", "don't"]),
        1 => Just("\u{1e9e}"),
    ];
    prop::collection::vec(piece, 0..14).prop_map(|pieces| pieces.concat())
}

fn assert_found(text: &str, scan: &Scan, phrase: &[TypedToken], is_prefix: bool) {
    let Some(last) = phrase.len().checked_sub(1) else {
        return;
    };
    let stands = |start: usize| {
        phrase.iter().enumerate().all(|(index, typed)| {
            scan.tokens.iter().any(|token| {
                token.position == start + typed.position
                    && (scan.text(token) == typed.text
                        || is_prefix && index == last && scan.text(token).starts_with(&typed.text))
            })
        })
    };
    let found = scan.tokens.iter().any(|token| stands(token.position));
    assert!(found, "{phrase:?} is not in {text:?}: {scan:?}");
}

/// The positions at which a text can be cut between words: not inside a part, and not inside markup.
fn cuts(text: &str, scan: &Scan) -> (Vec<usize>, Vec<usize>) {
    let mut markup = Vec::new();
    for (start, _) in text.match_indices('<') {
        if markup::at(&text[start..]).is_some() {
            let length = text[start..].find('>').unwrap_or_default();
            markup.push(start..start + length + 1);
        }
    }
    let is_outside = |at: usize| !markup.iter().any(|it| it.start < at && at < it.end);
    let words = || scan.tokens.iter().filter(|token| token.form != Form::Part);
    let starts: HashSet<_> = words().map(|token| token.range.start).collect();
    let ends: HashSet<_> = words().map(|token| token.range.end).collect();
    let kept = |places: HashSet<usize>| places.into_iter().filter(|at| is_outside(*at)).collect();
    (kept(starts), kept(ends))
}

fn check(text: &str) {
    let scan = Scan::of(text);
    let mut last = (0, 0);
    for token in &scan.tokens {
        assert!(
            text.get(token.range.clone())
                .is_some_and(|it| !it.is_empty()),
            "{token:?} of {text:?}"
        );
        assert!(
            last <= (token.position, token.range.start),
            "{scan:?} of {text:?}"
        );
        last = (token.position, token.range.start);
        assert!(!scan.text(token).is_empty() && scan.text(token).len() <= MAX_BYTES);
    }
    assert_found(text, &scan, &typed(text), false);
    let (starts, ends) = cuts(text, &scan);
    for &start in &starts {
        for &end in ends.iter().filter(|end| start < **end) {
            let piece = &text[start..end];
            let typed = typed(piece);
            if typed.is_empty() {
                // The piece is only the sign between two names.
                assert!(
                    !piece.contains(char::is_alphanumeric),
                    "{piece:?} of {text:?}"
                );
                continue;
            }
            assert_found(text, &scan, &typed, false);
            assert_found(text, &scan, &typed_prefix(piece), true);
            let phrase = Phrase {
                tokens: typed,
                is_prefix: false,
            };
            let ranges = highlights(
                text,
                &Wanted {
                    phrases: vec![phrase],
                    stems: Vec::new(),
                },
            );
            assert!(!ranges.is_empty(), "{piece:?} of {text:?}");
            let shown = fragment(text, &ranges, 8);
            assert_eq!(shown.offsets.len(), ranges.len());
            assert!(shown.html.contains("<mark>"));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn what_stands_in_a_text_is_found_in_it(text in text()) {
        check(&text);
    }

    #[test]
    fn any_text_is_read(text in ".{0,40}") {
        check(&text);
        let _ = stems_of(&text);
    }

    #[test]
    fn folding_twice_is_folding_once(text in prop_oneof![text(), ".{0,20}".prop_map(String::from)]) {
        let folded = fold_name(&text);
        assert_eq!(fold_name(&folded), folded);
    }

    #[test]
    fn any_fragment_is_safe(text in text(), ranges in prop::collection::vec((0usize..40, 0usize..40), 0..4), most in 0usize..30) {
        let ranges: Vec<_> = ranges.into_iter().map(|(start, end)| start..end).collect();
        let html = fragment(&text, &ranges, most).html.replace("<mark>", "").replace("</mark>", "");
        assert!(!html.contains(['<', '>', '"']));
    }
}

/// The time that this thread has worked: what else the machine does is not in it.
fn worked() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(
        u64::try_from(time.tv_sec).unwrap(),
        u32::try_from(time.tv_nsec).unwrap(),
    )
}

/// Reads a text, whose tokens must all be short; answers how long the work took.
fn read(text: &str) -> Duration {
    let start = worked();
    let scan = Scan::of(text);
    let took = worked() - start;
    let mut lengths = scan.tokens.iter().map(|token| scan.text(token).len());
    assert!(lengths.all(|length| length <= MAX_BYTES));
    took
}

/// Eight times the text takes eight times the work, and not the square of that. What disturbs a measurement is not
/// there each time.
#[test]
fn hostile_texts_are_read_in_linear_time() {
    const TIMES: usize = 8;
    for piece in [
        "a\u{301}",
        "\u{301}",
        "<",
        "<@",
        ":a",
        "'a",
        "a'",
        "a-",
        "東\u{301}",
        "1\u{fe0f}",
        "aB",
        "👍\u{200d}",
        "\u{3099}",
        "ｶﾞ",
    ] {
        let (short, long) = (piece.repeat(12_500), piece.repeat(12_500 * TIMES));
        let factor = || read(&long).as_secs_f64() / read(&short).as_secs_f64();
        let mut factors = std::iter::repeat_with(factor).take(5);
        let is_linear = |factor: f64| {
            println!("{piece:?}: {factor:.1} times the work");
            factor < 2.5 * TIMES as f64
        };
        assert!(factors.any(is_linear), "{piece:?}");
    }
}
