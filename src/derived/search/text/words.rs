//! The tokenizer of the field that is searched exactly.

use tantivy::tokenizer::{Token, TokenStream, Tokenizer};

use super::scan::Scan;

/// All tokens of a text; the documentation of the module `text` describes them.
///
/// Offsets are bytes of the original text. Several tokens can have one position (a word, its forms and its
/// parts), and a name between colons spans the positions of its words.
#[derive(Debug, Clone, Default)]
pub struct Words {
    scan: Scan,
}

impl Tokenizer for Words {
    type TokenStream<'a> = WordStream<'a>;

    fn token_stream<'a>(&'a mut self, text: &'a str) -> WordStream<'a> {
        self.scan.read(text);
        WordStream {
            scan: &self.scan,
            next: 0,
            token: Token::default(),
        }
    }
}

/// The tokens of one text.
#[derive(Debug)]
pub struct WordStream<'a> {
    scan: &'a Scan,
    next: usize,
    token: Token,
}

impl TokenStream for WordStream<'_> {
    fn advance(&mut self) -> bool {
        let Some(found) = self.scan.tokens.get(self.next) else {
            return false;
        };
        self.next += 1;
        self.token.position = found.position;
        self.token.offset_from = found.range.start;
        self.token.offset_to = found.range.end;
        self.token.text.clear();
        self.token.text.push_str(self.scan.text(found));
        true
    }

    fn token(&self) -> &Token {
        &self.token
    }

    fn token_mut(&mut self) -> &mut Token {
        &mut self.token
    }
}
