//! Texts without quotes: where a word ends, and what can be a prefix.

/// The quotes that open a phrase, including the curly ones that the keyboards of phones type.
pub(super) const QUOTES: [char; 3] = ['"', '“', '”'];

/// The number of bytes of the word at the beginning of `text`.
///
/// A word ends at white space, at a quote, and at a parenthesis that has no partner in the word: `print(x)` is
/// one word, but the last character of `(a b)` closes the group.
pub(super) fn length(text: &str) -> usize {
    let mut at = 0;
    while let Some(next) = text[at..].chars().next() {
        match next {
            '(' if is_operator(&text[..at]) => break,
            '(' => match partner(&text[at..]) {
                Some(length) => at += length,
                None => break,
            },
            _ if ends(next) => break,
            _ => at += next.len_utf8(),
        }
    }
    at
}

/// The number of bytes up to and including the parenthesis that closes the first character, if the word
/// contains it.
fn partner(text: &str) -> Option<usize> {
    let mut open = 0;
    for (at, next) in text.char_indices() {
        match next {
            '(' => open += 1,
            ')' => {
                open -= 1;
                if open == 0 {
                    return Some(at + 1);
                }
            }
            _ if ends(next) => return None,
            _ => {}
        }
    }
    None
}

fn ends(next: char) -> bool {
    next.is_whitespace() || next == ')' || QUOTES.contains(&next)
}

/// Whether a word is an operator. `OR(` is an operator before a group, not a function call.
pub(super) fn is_operator(word: &str) -> bool {
    matches!(word, "OR" | "AND" | "NOT" | "|")
}

/// Whether a prefix is long enough: two letters or digits right before the star, or one of a script whose
/// characters are about one word each. Shorter prefixes match nearly everywhere.
pub(super) fn is_stem(stem: &str) -> bool {
    let letters = stem
        .chars()
        .rev()
        .take_while(|&it| it.is_alphanumeric() || joins(it));
    let mut count = 0;
    for letter in letters.filter(|&it| !joins(it)) {
        count += if is_cjk(letter) { 2 } else { 1 };
        if count >= 2 {
            return true;
        }
    }
    false
}

/// Whether a character joins letters to one word: the underscore, apostrophes, combining accents.
fn joins(character: char) -> bool {
    matches!(character, '_' | '\'' | '’' | '\u{300}'..='\u{36f}')
}

/// Chinese, Japanese and Korean characters.
fn is_cjk(character: char) -> bool {
    matches!(u32::from(character),
        // Korean letters and syllables.
        0x1100..=0x11ff | 0x3130..=0x318f | 0xa960..=0xa97f | 0xac00..=0xd7ff | 0xffa0..=0xffdc
        // Kana.
        | 0x3040..=0x30ff | 0x31f0..=0x31ff | 0xff66..=0xff9f | 0x1b000..=0x1b16f
        // Bopomofo, and characters.
        | 0x3100..=0x312f | 0x2e80..=0x2fdf | 0x3005..=0x3007 | 0x3400..=0x4dbf | 0x4e00..=0x9fff
        | 0xf900..=0xfaff | 0x20000..=0x3ffff)
}
