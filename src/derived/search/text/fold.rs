//! Folding: spellings that people consider the same word become equal. Letters that keyboards and habits write
//! in two ways are folded as in Lucene's filters for Arabic and Persian, and no further: letters that a reader
//! distinguishes (Urdu's ے and ی, its ھ and ہ) stay different. A wrong match that folding causes costs less
//! than a missed one.

use std::sync::LazyLock;

use icu_casemap::CaseMapper;
use icu_normalizer::{ComposingNormalizer, DecomposingNormalizer};

use super::class;
use super::class::{Class, is_accent};

/// Folds the name of a user or channel for comparisons: case, accents and width folded, white space trimmed and
/// collapsed.
#[must_use]
pub fn fold_name(name: &str) -> String {
    let mut folded = String::with_capacity(name.len());
    for word in name.split_whitespace() {
        let start = folded.len();
        if start > 0 {
            folded.push(' ');
        }
        let before = folded.len();
        fold_into(word, &mut folded);
        if folded.len() == before {
            folded.truncate(start);
        }
    }
    // Compatibility forms (of a lone accent) can contain spaces.
    if folded.contains(char::is_whitespace) {
        return folded.split_whitespace().collect::<Vec<_>>().join(" ");
    }
    folded
}

/// Appends the folded form of `word`: case, width, compatibility forms, accents.
pub(super) fn fold_into(word: &str, out: &mut String) {
    if word.is_ascii() {
        out.extend(word.bytes().map(|byte| byte.to_ascii_lowercase() as char));
    } else if word.chars().all(|c| c < TABLE_END && !is_accent(c)) {
        for c in word.chars() {
            match FOLDED.get(c as usize) {
                Some(folded) => out.push_str(folded),
                None => out.push(c),
            }
        }
    } else {
        fold_by_unicode(word, out);
    }
}

/// The end of Latin, Greek and Cyrillic. Without combining marks their letters can be folded one by one.
const TABLE_END: char = '\u{530}';

/// The folded form of each letter below `TABLE_END`; a look-up is many times faster.
static FOLDED: LazyLock<Vec<Box<str>>> = LazyLock::new(|| {
    let folded = |c: char| {
        let mut folded = String::new();
        fold_by_unicode(c.encode_utf8(&mut [0; 4]), &mut folded);
        folded.into_boxed_str()
    };
    ('\0'..TABLE_END).map(folded).collect()
});

fn fold_by_unicode(word: &str, out: &mut String) {
    let compatible = DecomposingNormalizer::new_nfkd();
    // Accents are removed before the case is folded, because case folding turns the Greek iota below a vowel
    // into a letter.
    let plain = without_accents(&compatible.normalize(word));
    let lower = CaseMapper::new().fold_string(&plain).into_owned();
    let plain = without_accents(&compatible.normalize(&lower));
    let mut replaced = String::with_capacity(plain.len());
    for c in plain.chars() {
        match in_latin(c) {
            Some(letters) => replaced.push_str(letters),
            None => replaced.push(digit(c).or_else(|| in_arabic(c)).unwrap_or(c)),
        }
    }
    out.push_str(&ComposingNormalizer::new_nfc().normalize(&replaced));
}

/// Folds a cluster of a script that is found by substring; its marks are letters and stay.
pub(super) fn fold_character(cluster: &str) -> String {
    let seen: String = cluster
        .chars()
        .filter(|c| !is_accent(*c) && class::of(*c) != Class::Ignorable)
        .collect();
    ComposingNormalizer::new_nfkc()
        .normalize(&seen)
        .into_owned()
}

/// Folds letters with a stroke, ligatures and letters without a dot. Unicode treats them as letters of their
/// own, but people whose keyboards lack them type the plain ones.
fn in_latin(c: char) -> Option<&'static str> {
    Some(match c {
        'ø' => "o",
        'đ' | 'ð' => "d",
        'ł' => "l",
        'ħ' => "h",
        'ŧ' => "t",
        'ı' => "i",
        'æ' => "ae",
        'œ' => "oe",
        'þ' => "th",
        _ => return None,
    })
}

/// Folds letters of the Arabic script that replace each other: Egypt writes ى for ي, and the dots of ة are
/// often omitted; Persian keyboards have ی and ک for ي and ك. An alef with hamza or madda decomposes into an
/// alef and a mark, which was removed before.
fn in_arabic(c: char) -> Option<char> {
    Some(match c {
        // Alef wasla, and alef with a wavy hamza.
        '\u{671}' | '\u{672}' | '\u{673}' => '\u{627}',
        // Teh marbuta and its Urdu form, Urdu's heh, and the rest of heh with yeh above.
        '\u{629}' | '\u{6c3}' | '\u{6c1}' | '\u{6d5}' => '\u{647}',
        // Keheh, and a Sindhi kaf that is written for it.
        '\u{6a9}' | '\u{6aa}' => '\u{643}',
        // Alef maksura, and the Persian yeh.
        '\u{649}' | '\u{6cc}' => '\u{64a}',
        _ => return None,
    })
}

/// The zeros of scripts with digits of their own; the other digits follow in order.
const ZEROS: [char; 21] = [
    '\u{660}', '\u{6f0}', '\u{7c0}', '\u{966}', '\u{9e6}', '\u{a66}', '\u{ae6}', '\u{b66}',
    '\u{be6}', '\u{c66}', '\u{ce6}', '\u{d66}', '\u{de6}', '\u{e50}', '\u{ed0}', '\u{f20}',
    '\u{1040}', '\u{1090}', '\u{17e0}', '\u{1810}', '\u{1946}',
];

/// Folds a digit of another script to the one that people type without a keyboard for that script; people with
/// one type both.
fn digit(c: char) -> Option<char> {
    let zero = ZEROS[..ZEROS.partition_point(|zero| *zero <= c)].last()?;
    let value = u32::from(c) - u32::from(*zero);
    char::from_digit(value, 10)
}

fn without_accents(text: &str) -> String {
    let mut base = ' ';
    text.chars()
        .filter(|&c| {
            if matches!(
                (base, c),
                ('и' | 'И' | 'у' | 'У', '\u{306}') | ('і' | 'І', '\u{308}')
            ) {
                // й, ў and ї are letters of their own, while ё is often written е.
                return true;
            }
            if is_accent(c) || class::of(c) == Class::Ignorable {
                return false;
            }
            base = c;
            true
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_compared_as_people_type_them() {
        for (name, folded) in [
            ("Déjà  Vu ", "deja vu"),
            ("Straße", "strasse"),
            ("ﬁ ＡＢＣ１", "fi abc1"),
            ("İSTANBUL ısı", "istanbul isi"),
            ("ΟΔΥΣΣΕΎΣ", "οδυσσευσ"),
            ("Đặng Łódź Ørsted", "dang lodz orsted"),
            ("Ёлка Йогурт Київ", "елка йогурт київ"),
            ("か\u{3099} ｶﾞ", "が ガ"),
            ("हिन्दी", "हिन्दी"),
            ("مُحَمَّد", "محمد"),
            ("على مستشفى", "علي مستشفي"),
            ("مدرسة", "مدرسه"),
            ("أحمد إيمان آدم ٱلله", "احمد ايمان ادم الله"),
            ("مؤمن رئيس", "مومن رييس"),
            ("کتاب فارسی", "كتاب فارسي"),
            ("ۀ ہ ۃ", "ه ه ه"),
            ("ے ھ", "ے ھ"),
            ("٢٠٢٤ ۲۰۲۴ २०२४ ২০২৪ ๒๐๒๔", "2024 2024 2024 2024 2024"),
            ("ที่", "ที่"),
            ("한글", "한글"),
            ("z\u{335}\u{327}a\u{489}l\u{334}g\u{34d}o", "zalgo"),
            ("a\u{200b}b\u{202e}", "ab"),
        ] {
            assert_eq!(fold_name(name), folded, "{name}");
        }
    }
}
