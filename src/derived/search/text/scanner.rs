//! A pass over a text. [`super::word`] reads the words; everything else is read here.

use std::ops::Range;

use unicode_segmentation::UnicodeSegmentation;

use super::class::Class;
use super::emoji::{is_presentation, is_skin_tone, keycap};
use super::fold::{fold_character, fold_into};
use super::markup::Markup;
use super::scan::{Form, MAX_BYTES, Scan};
use super::{class, markup};

/// What is directly before the current position.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Before {
    /// The character, if it is a symbol.
    pub(super) sign: Option<char>,
    /// Whether a token is before it, with no space between.
    pub(super) is_connected: bool,
    /// Whether the last character before it is a digit.
    pub(super) after_digit: bool,
}

pub(super) struct Scanner<'a> {
    pub(super) text: &'a str,
    pub(super) at: usize,
    pub(super) before: Before,
    pub(super) scan: &'a mut Scan,
}

impl Scan {
    /// Reads `text`. The tokens of the text before are dropped, and their memory is used again.
    pub(super) fn read(&mut self, text: &str) {
        self.tokens.clear();
        self.arena.clear();
        (self.position, self.last) = (0, None);
        Scanner::new(text, self).run();
    }

    pub(super) fn of(text: &str) -> Self {
        let mut scan = Self::default();
        scan.read(text);
        scan
    }
}

impl<'a> Scanner<'a> {
    pub(super) fn new(text: &'a str, scan: &'a mut Scan) -> Self {
        Self {
            text,
            at: 0,
            before: Before::default(),
            scan,
        }
    }

    pub(super) fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    pub(super) fn run(&mut self) {
        while let Some(c) = self.rest().chars().next() {
            if let Some(length) = keycap(self.rest()) {
                self.emoji(length);
                continue;
            }
            match class::of(c) {
                Class::Word => self.word(),
                Class::Character => self.character(c),
                Class::Emoji => {
                    let length = self.rest().graphemes(true).next().map_or(0, str::len);
                    self.emoji(length.max(c.len_utf8()));
                }
                Class::Space => {
                    self.at += c.len_utf8();
                    self.before = Before::default();
                }
                Class::Ignorable | Class::Mark => {
                    self.at += c.len_utf8();
                    self.before.sign = None;
                }
                Class::Symbol => self.symbol(c),
            }
        }
    }

    fn symbol(&mut self, c: char) {
        if c == '<' && self.markup() {
            return;
        }
        if c == ':'
            && let Some(name) = markup::shortcode(self.rest())
        {
            self.shortcode(name, self.at..self.at + name.len() + 2);
        }
        self.before.after_digit &= self.before.sign.is_none();
        self.before.sign = Some(c);
        self.at += c.len_utf8();
    }

    fn shortcode(&mut self, name: &str, range: Range<usize>) {
        let start = self.scan.arena.len();
        self.scan.arena.push(':');
        fold_into(name, &mut self.scan.arena);
        self.scan.arena.push(':');
        let text = self.scan.kept(start);
        self.scan.push(Form::Shortcode, range, text);
    }

    fn markup(&mut self) -> bool {
        let Some(found) = markup::at(self.rest()) else {
            return false;
        };
        let start = self.at;
        let length = match found {
            Markup::Token {
                sign,
                number,
                length,
            } => {
                let text = self.scan.write(&format!("<{sign}{number}>"));
                self.scan.push(Form::Whole, start..start + length, text);
                self.scan.position += 1;
                length
            }
            Markup::Emoji {
                start: name_start,
                name,
                length,
            } => {
                self.shortcode(name, start..start + length);
                self.words_of(start + name_start, name, ':');
                length
            }
            Markup::Command { name, length } => {
                self.words_of(start + 2, name, '/');
                length
            }
        };
        self.at = start + length;
        self.before = Before {
            is_connected: true,
            ..Before::default()
        };
        self.scan.last = None;
        true
    }

    /// Reads the words of a name inside markup.
    fn words_of(&mut self, start: usize, name: &str, sign: char) {
        let mut inner = Scanner {
            text: &self.text[..start + name.len()],
            at: start,
            before: Before {
                sign: Some(sign),
                is_connected: true,
                after_digit: false,
            },
            scan: self.scan,
        };
        inner.run();
    }

    fn emoji(&mut self, length: usize) {
        let start = self.at;
        self.at += length;
        // Skin tones and presentation selectors don't make another emoji.
        let at = self.scan.arena.len();
        self.scan.arena.extend(
            self.text[start..self.at]
                .chars()
                .filter(|c| {
                    !is_skin_tone(*c)
                        && !is_presentation(*c)
                        && (class::of(*c) != Class::Mark || *c == '\u{20e3}')
                })
                .take(MAX_BYTES / 4),
        );
        if self.scan.arena.len() == at {
            // The text is a single skin tone.
            self.scan
                .arena
                .extend(self.text[start..self.at].chars().take(1));
        }
        let text = self.scan.kept(at);
        self.scan.push(Form::Whole, start..self.at, text);
        self.stands();
    }

    fn character(&mut self, c: char) {
        let start = self.at;
        let next = start + c.len_utf8();
        let stands_alone = self.text[next..]
            .chars()
            .next()
            .is_none_or(|after| after.is_ascii() || matches!(after, '\u{3041}'..='\u{3096}' | '\u{30a1}'..='\u{30fc}' | '\u{4e00}'..='\u{9fff}' | '\u{ac00}'..='\u{d7a3}'));
        if stands_alone
            && matches!(c, '\u{3041}'..='\u{3096}' | '\u{30a1}'..='\u{30fc}' | '\u{4e00}'..='\u{9fff}' | '\u{ac00}'..='\u{d7a3}')
        {
            let text = self.scan.write(&self.text[start..next]);
            self.at = next;
            self.scan.push(Form::Whole, start..next, text);
            self.stands();
            return;
        }
        let length = self
            .rest()
            .graphemes(true)
            .next()
            .map_or(c.len_utf8(), str::len);
        self.at += length;
        for c in fold_character(&self.text[start..self.at]).chars() {
            let text = self.scan.write(c.encode_utf8(&mut [0; 4]));
            self.scan.push(Form::Whole, start..self.at, text);
            self.stands();
        }
    }

    /// Advances after a token.
    fn stands(&mut self) {
        self.scan.position += 1;
        self.scan.last = None;
        self.before = Before {
            is_connected: true,
            ..Before::default()
        };
    }
}
