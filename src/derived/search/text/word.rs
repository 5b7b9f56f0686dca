//! Words: sequences of letters and digits, with the signs around them.

use std::ops::Range;

use super::class::Class;
use super::emoji::keycap;
use super::fold::fold_into;
use super::scan::Form;
use super::scanner::{Before, Scanner};
use super::{class, parts};

/// Longer words have no parts, and are not joined with their neighbours.
const MAX_JOINED: usize = 64;

/// A sequence of letters and digits.
#[derive(Debug, Clone)]
struct Atom {
    /// The bytes in the original text.
    range: Range<usize>,
    /// The folded text, in the arena.
    text: Range<usize>,
}

impl Scanner<'_> {
    /// Reads a word, and the words that apostrophes join to it, all at one position.
    pub(super) fn word(&mut self) {
        let mut first = self.scan.tokens.len();
        let before = self.before;
        let hyphenated = self
            .scan
            .last
            .take()
            .filter(|(.., end)| before.sign == Some('-') && *end + 1 == self.at);
        let mut atom = self.atom();
        let mut lead = before.sign.filter(|sign| {
            is_lead(*sign)
                || *sign == ','
                    && before.after_digit
                    && self.text[atom.range.start..].starts_with(|c: char| c.is_ascii_digit())
        });
        let opening = atom.clone();
        loop {
            let after = self.elision().map(|next| {
                self.at = next;
                self.atom()
            });
            if let Some(sign) = lead.take().filter(|_| !atom.text.is_empty()) {
                let text = self
                    .scan
                    .join(sign.encode_utf8(&mut [0; 4]), atom.text.clone(), "");
                let is_meant = before.is_connected
                    || matches!(sign, '.' | '#' | '$' | '@' | '/' | '_' | ':' | '<');
                let form = if is_meant {
                    Form::Led
                } else {
                    Form::LedByChance
                };
                let start = atom.range.start - sign.len_utf8();
                self.scan.push(form, start..atom.range.end, text);
            }
            if let Some(next) = &after {
                self.joined(Form::Elided, &atom, next);
            }
            self.scan
                .push(Form::Whole, atom.range.clone(), atom.text.clone());
            match after {
                Some(next) => {
                    self.parts(&atom);
                    atom = next;
                }
                None => break,
            }
        }
        if let Some(signs) = trail(self.rest()).filter(|_| !atom.text.is_empty()) {
            let text = self.scan.join("", atom.text.clone(), signs);
            let range = atom.range.start..atom.range.end + signs.len();
            self.scan.push(Form::Trailed, range, text);
        }
        self.parts(&atom);
        if let Some((index, text, end)) = hyphenated {
            first += self.hyphenated(index, &text, end, &opening);
        }
        let after_digit = self.text[..self.at].ends_with(|c: char| c.is_ascii_digit());
        self.scan.position += 1;
        self.scan.last = Some((first, atom.text, self.at));
        self.before = Before {
            sign: None,
            is_connected: true,
            after_digit,
        };
    }

    /// The beginning of the word after an apostrophe, if there is one at the current position.
    fn elision(&self) -> Option<usize> {
        let apostrophe = self
            .rest()
            .chars()
            .next()
            .filter(|c| matches!(c, '\'' | '\u{2019}' | '\u{2bc}' | '\u{ff07}'))?;
        let next = self.at + apostrophe.len_utf8();
        let rest = &self.text[next..];
        let is_word = rest
            .chars()
            .next()
            .is_some_and(|c| class::of(c) == Class::Word);
        (is_word && keycap(rest).is_none()).then_some(next)
    }

    /// Adds the joined form of a hyphenated word (`email` for `e-mail`) at the position of its first part,
    /// which is the word before this one. Returns how many tokens that inserts before this word's own.
    fn hyphenated(
        &mut self,
        index: usize,
        first: &Range<usize>,
        end: usize,
        second: &Atom,
    ) -> usize {
        let Some(start) = self.scan.tokens.get(index).map(|token| token.range.start) else {
            return 0;
        };
        let first = Atom {
            range: start..end,
            text: first.clone(),
        };
        let count = self.scan.tokens.len();
        self.joined(Form::Part, &first, second);
        let joined = self.scan.tokens.split_off(count);
        let inserted = joined.len();
        for mut token in joined {
            token.position -= 1;
            self.scan.tokens.insert(index, token);
        }
        inserted
    }

    fn joined(&mut self, form: Form, first: &Atom, second: &Atom) {
        if first.text.len() + second.text.len() > MAX_JOINED {
            return;
        }
        let text = self.scan.join("", first.text.clone(), "");
        let second_text = self.scan.join("", second.text.clone(), "");
        self.scan.push(
            form,
            first.range.start..second.range.end,
            text.start..second_text.end,
        );
    }

    /// Reads letters, digits and their marks.
    fn atom(&mut self) -> Atom {
        let start = self.at;
        let mut end = start;
        let bytes = self.text.as_bytes();
        loop {
            // A shortcut for ASCII, which most texts are.
            while bytes.get(end).is_some_and(u8::is_ascii_alphanumeric) {
                end += 1;
            }
            if end > start
                && bytes[end - 1].is_ascii_digit()
                && bytes.get(end).is_some_and(|byte| !byte.is_ascii())
                && keycap(&self.text[end - 1..]).is_some()
            {
                end -= 1;
                break;
            }
            match self.text[end..].chars().next() {
                Some(c) if !c.is_ascii() => match class::of(c) {
                    Class::Word | Class::Mark | Class::Ignorable if !is_apostrophe(c) => {
                        end += c.len_utf8();
                    }
                    _ => break,
                },
                _ => break,
            }
        }
        // Invisible characters at the end do not belong to the word.
        let seen = self.text[start..end]
            .trim_end_matches(|c: char| !c.is_ascii() && class::of(c) == Class::Ignorable);
        let end_seen = start + seen.len();
        self.at = end_seen.max(start + 1);
        while !self.text.is_char_boundary(self.at) {
            self.at += 1;
        }
        let begin = self.scan.arena.len();
        fold_into(seen, &mut self.scan.arena);
        let text = self.scan.kept(begin);
        Atom {
            range: start..end_seen,
            text,
        }
    }

    /// Adds the parts of a word, at the word's own position.
    fn parts(&mut self, atom: &Atom) {
        let word = &self.text[atom.range.clone()];
        if word.len() > MAX_JOINED {
            return;
        }
        for part in parts::of(word) {
            let begin = self.scan.arena.len();
            fold_into(&word[part.clone()], &mut self.scan.arena);
            let text = self.scan.kept(begin);
            let range = atom.range.start + part.start..atom.range.start + part.end;
            self.scan.push(Form::Part, range, text);
        }
    }
}

fn is_apostrophe(c: char) -> bool {
    matches!(c, '\u{2019}' | '\u{2bc}' | '\u{ff07}')
}

/// A sign that has a meaning before a word.
fn is_lead(c: char) -> bool {
    matches!(c, '_' | '.' | ':' | '/' | '@' | '#' | '$' | '+' | '=' | '<')
}

/// The signs that belong to the word before them: `c++`, `c#`, `canal+`.
fn trail(rest: &str) -> Option<&str> {
    let length = rest
        .bytes()
        .take(3)
        .take_while(|byte| matches!(byte, b'+' | b'#'))
        .count();
    let signs = &rest[..length];
    matches!(signs, "+" | "++" | "#").then_some(signs)
}
