//! The tokenizer of the field that is searched by stems.

use std::collections::HashMap;
use std::sync::LazyLock;

use frostem::{Algorithm, Stemmer};
use tantivy::tokenizer::{Token, TokenStream, Tokenizer};

use super::fold::fold_into;
use super::scan::{Form, Scan};

/// A message does not say its language, so a Latin word gets the stems of each of these: 1.4 on average. Each
/// stemmer adds forms of its language that the others miss, except Portuguese, which Spanish and Italian nearly
/// cover. With them `tests/relevance` has 0.87 of its best order (nDCG@10), without any 0.79.
const LATIN: [Algorithm; 7] = [
    Algorithm::English,
    Algorithm::French,
    Algorithm::German,
    Algorithm::Spanish,
    Algorithm::Portuguese,
    Algorithm::Italian,
    Algorithm::Dutch,
];

static STEMMERS: LazyLock<Vec<Stemmer>> =
    LazyLock::new(|| LATIN.into_iter().map(Stemmer::new).collect());

/// Shorter words have no endings, and longer ones are not words.
const LETTERS: std::ops::RangeInclusive<usize> = 3..=40;
/// The minimum length of a stem, except for English: shorter ones are shared by unrelated words (`paris` and
/// `par`, `ramen` and `ram`). English has no such stems, and also removes the plural's `s` of Romance words.
const MIN_STEM: usize = 4;
/// The number of words whose stems are cached; then the cache is cleared.
const REMEMBERED: usize = 20_000;

/// The distinct stems of a text's words, by the stemmers of several languages.
///
/// Positions only increase, because the field is used for frequencies.
#[derive(Debug, Clone, Default)]
pub struct Stems {
    scan: Scan,
    known: HashMap<String, Box<[String]>>,
}

impl Tokenizer for Stems {
    type TokenStream<'a> = StemStream<'a>;

    fn token_stream<'a>(&'a mut self, text: &'a str) -> StemStream<'a> {
        self.scan.read(text);
        if self.known.len() > REMEMBERED {
            self.known.clear();
        }
        for token in &self.scan.tokens {
            let word = self.scan.text(token);
            if token.form == Form::Whole && !self.known.contains_key(word) {
                self.known
                    .insert(word.to_owned(), of_folded(word).into_boxed_slice());
            }
        }
        StemStream {
            stems: self,
            next: 0,
            next_stem: 0,
            token: Token::default(),
        }
    }
}

/// The stems of one text.
#[derive(Debug)]
pub struct StemStream<'a> {
    stems: &'a Stems,
    next: usize,
    next_stem: usize,
    token: Token,
}

impl TokenStream for StemStream<'_> {
    fn advance(&mut self) -> bool {
        while let Some(found) = self.stems.scan.tokens.get(self.next) {
            let stems = match found.form {
                Form::Whole => self.stems.known.get(self.stems.scan.text(found)),
                _ => None,
            };
            if let Some(stem) = stems.and_then(|stems| stems.get(self.next_stem)) {
                self.next_stem += 1;
                self.token.position = self.token.position.wrapping_add(1);
                self.token.offset_from = found.range.start;
                self.token.offset_to = found.range.end;
                self.token.text.clear();
                self.token.text.push_str(stem);
                return true;
            }
            self.next += 1;
            self.next_stem = 0;
        }
        false
    }

    fn token(&self) -> &Token {
        &self.token
    }

    fn token_mut(&mut self) -> &mut Token {
        &mut self.token
    }
}

/// The distinct stems of a word; empty if it is not a word of letters.
///
/// The word is folded first, so that accents need not be typed.
#[must_use]
pub fn stems_of(word: &str) -> Vec<String> {
    let mut folded = String::new();
    fold_into(word, &mut folded);
    of_folded(&folded)
}

/// Like [`stems_of`], for a word that is folded already.
pub(super) fn of_folded(word: &str) -> Vec<String> {
    let mut stems: Vec<String> = Vec::new();
    if !LETTERS.contains(&word.chars().count()) {
        return stems;
    }
    let mut add = |stem: &str| {
        if !stems.iter().any(|known| known == stem) {
            stems.push(stem.to_owned());
        }
    };
    if word.bytes().all(|byte| byte.is_ascii_lowercase()) {
        for (algorithm, stemmer) in LATIN.iter().zip(STEMMERS.iter()) {
            let stem = stemmer.stem(word);
            if *algorithm == Algorithm::English || stem.len() >= MIN_STEM {
                add(&stem);
            }
        }
    } else if let Some(algorithm) = by_script(word) {
        add(&Stemmer::new(algorithm).stem(word));
    }
    stems
}

/// The stemmer for a word that is not Latin.
fn by_script(word: &str) -> Option<Algorithm> {
    let all = |is_letter: fn(char) -> bool| word.chars().all(is_letter);
    if all(|c| matches!(c, '\u{400}'..='\u{4ff}')) {
        Some(Algorithm::Russian)
    } else if all(|c| matches!(c, '\u{370}'..='\u{3ff}')) {
        Some(Algorithm::Greek)
    } else if all(|c| matches!(c, '\u{620}'..='\u{6ff}')) {
        Some(Algorithm::Arabic)
    } else {
        None
    }
}
