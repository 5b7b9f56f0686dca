//! Examples of what the text analysis finds, as tables.

use tantivy::tokenizer::{TokenStream, Tokenizer};

use super::*;

/// The tokens of a text, in brackets if several have the same position.
fn shown(text: &str) -> String {
    let mut words = Words::default();
    let mut stream = words.token_stream(text);
    let mut positions: Vec<Vec<String>> = Vec::new();
    while let Some(token) = stream.next() {
        positions.resize(positions.len().max(token.position + 1), Vec::new());
        positions[token.position].push(token.text.clone());
    }
    let positions = positions.into_iter().map(|mut tokens| match tokens.len() {
        1 => tokens.remove(0),
        _ => format!("[{}]", tokens.join(" ")),
    });
    positions.collect::<Vec<_>>().join(" ")
}

#[test]
fn tokens() {
    for (text, tokens) in [
        // Case, accents, width and ligatures are folded; marks that are letters stay.
        ("Déjà VU, Straße", "deja vu strasse"),
        ("ﬁn ＡＢＣ", "fin abc"),
        ("Đà Nẵng, øl, Łódź", "da nang ol lodz"),
        ("İstanbul ΟΔΟΣ", "istanbul οδοσ"),
        ("हिन्दी में", "हिन्दी में"),
        // Apostrophes join words, hyphens separate them.
        ("l'eau d’Évian", "[leau l eau] [devian d evian]"),
        ("don't", "[dont don t]"),
        ("e-mail", "[email e] mail"),
        ("a-b-c", "[ab a] [bc b] c"),
        // Identifiers: parts have the position of their word, and signs belong to the word after them.
        ("snake_case", "snake [_case case]"),
        ("HTTPServer2", "[httpserver2 http server 2]"),
        ("std::vec::Vec", "std [:vec vec] [:vec vec]"),
        ("foo(&bar)", "foo bar"),
        ("node.js, .NET", "node [.js js] [.net net]"),
        ("C++ and C#", "[c c++] and [c c#]"),
        ("v1.2.3", "[v1 v 1] [.2 2] [.3 3]"),
        ("#42 $HOME", "[#42 42] [$home home]"),
        ("1,000 a,b", "1 [,000 000] a b"),
        ("ada@host.tld", "ada [@host host] [.tld tld]"),
        ("9f86d08", "9f86d08"),
        (
            "https://youtu.be/x?v=Q1",
            "https [/youtu youtu] [.be be] [/x x] v [=q1 q1 q 1]",
        ),
        // Scripts that are found by substring.
        ("東京タワー", "東 京 タ ワ ー"),
        ("か\u{3099} ｶﾞ", "が ガ"),
        ("ที่นี่", "ท ี ่ น ี ่"),
        ("학교에서 go言語", "학 교 에 서 go 言 語"),
        // Emoji, custom emoji, mentions.
        ("👍🏽 ❤️ 👨‍👩‍👧 🇫🇷🇩🇪 1️⃣", "👍 ❤ 👨‍👩‍👧 🇫🇷 🇩🇪 1⃣"),
        (
            "<a:pepeHappy:123> ok",
            "[:pepehappy: :pepehappy pepehappy pepe happy] ok",
        ),
        ("so :cat_jam:", "so [:cat_jam: :cat cat] [_jam jam]"),
        ("<@!12> <@&3> <#4> <t:99:R>", "<@12> <@&3> <#4> <t:99>"),
        ("</play song:77>", "[/play play] song"),
        ("I <3 it", "i [<3 3] it"),
        // Markdown does not stick to words.
        ("**bold** ~~no~~ ||spoiler|| `x` > q", "bold no spoiler x q"),
        ("```rust\nfn main() {}\n```", "rust fn main"),
        ("[text](https://a.io)", "text https [/a a] [.io io]"),
        // Invisible characters.
        ("z\u{335}\u{327}a\u{34d}p a\u{200b}b \u{202e}c", "zap ab c"),
    ] {
        assert_eq!(shown(text), tokens, "{text}");
    }
}

#[test]
fn what_is_typed() {
    for (query, terms) in [
        ("Recherche", "0recherche"),
        ("snake_case", "0snake 1_case"),
        ("don't stop", "0dont 1stop"),
        ("e-mail", "0e 1mail"),
        ("C++", "0c++"),
        ("c++17", "0c++ 1+17"),
        (".NET", "0.net"),
        ("#42", "0#42"),
        ("=x", "0x"),
        ("東京", "0東 1京"),
        ("youtube.com/watch?v=abc", "0youtube 1.com 2/watch 3v 4=abc"),
        (":cat_jam: now", "0:cat_jam: 2now"),
        ("<:cat_jam:123>", "0:cat_jam:"),
        ("👍🏿", "0👍"),
        ("<@!12>", "0<@12>"),
        ("?!", ""),
    ] {
        let typed = typed(query);
        let shown: Vec<_> = typed
            .iter()
            .map(|token| format!("{}{}", token.position, token.text))
            .collect();
        assert_eq!(shown.join(" "), terms, "{query}");
    }
}

#[test]
fn stems_need_neither_a_language_nor_accents() {
    for (typed, written) in [
        ("run", "running"),
        ("recherche", "recherches"),
        ("repetees", "répétée"),
        ("Haus", "Hauses"),
        ("receta", "recetas"),
        ("canção", "cancao"),
        ("ricetta", "ricette"),
        ("fiets", "fietsen"),
        ("книга", "книги"),
    ] {
        let stems = stems_of(written);
        assert!(
            stems_of(typed).iter().any(|stem| stems.contains(stem)),
            "{typed}: {stems:?}"
        );
    }
    for (one, other) in [
        ("wifi", "wife"),
        ("Paris", "par"),
        ("ramen", "RAM"),
        ("tomato", "tom"),
    ] {
        let stems = stems_of(one);
        assert!(
            !stems_of(other).iter().any(|stem| stems.contains(stem)),
            "{one}: {stems:?}"
        );
    }
    for none in ["x1", "東京", "ab", "#42", "👍"] {
        assert_eq!(stems_of(none), Vec::<String>::new());
    }
}

fn wanted(phrases: &[&str], prefixes: &[&str], stems: &[&str]) -> Wanted {
    let phrase = |tokens, is_prefix| Phrase { tokens, is_prefix };
    Wanted {
        phrases: (phrases.iter().map(|text| phrase(typed(text), false)))
            .chain(prefixes.iter().map(|text| phrase(typed_prefix(text), true)))
            .collect(),
        stems: stems.iter().flat_map(|word| stems_of(word)).collect(),
    }
}

#[test]
fn hits_are_marked_where_they_stand() {
    let all = usize::MAX;
    for (text, wanted, most, html) in [
        (
            "Déjà vu <b>",
            wanted(&["deja"], &[], &[]),
            all,
            "<mark>Déjà</mark> vu &lt;b&gt;",
        ),
        (
            "an HTTPServer",
            wanted(&["server"], &[], &[]),
            all,
            "an HTTP<mark>Server</mark>",
        ),
        (
            "the snake_case of snakes",
            wanted(&["snake_case"], &[], &[]),
            all,
            "the <mark>snake_case</mark> of snakes",
        ),
        (
            "new york, york new",
            wanted(&["new york"], &[], &[]),
            all,
            "<mark>new york</mark>, york new",
        ),
        (
            "running runs",
            wanted(&[], &[], &["run"]),
            all,
            "<mark>running</mark> <mark>runs</mark>",
        ),
        (
            "tokenizer 東京",
            wanted(&["東京"], &["token"], &[]),
            all,
            "<mark>tokenizer</mark> <mark>東京</mark>",
        ),
        (
            "東京",
            wanted(&["東", "京"], &[], &[]),
            all,
            "<mark>東京</mark>",
        ),
        (
            "get user_na",
            wanted(&[], &["user_n"], &[]),
            all,
            "get <mark>user_na</mark>",
        ),
        (
            "say :cat_jam: 🎉",
            wanted(&[":cat_jam:", "🎉"], &[], &[]),
            all,
            "say <mark>:cat_jam:</mark> <mark>🎉</mark>",
        ),
        (
            "l'eau & co",
            wanted(&["eau"], &[], &[]),
            all,
            "l&#39;<mark>eau</mark> &amp; co",
        ),
        (
            "one two three four five six seven eight nine ten",
            wanted(&["six"], &[], &[]),
            18,
            "…five <mark>six</mark> seven…",
        ),
        (
            "a long text without any hit",
            wanted(&["x"], &[], &[]),
            12,
            "a long text…",
        ),
        (
            "bread and butter, then bread bread again",
            wanted(&["bread"], &[], &[]),
            18,
            "…<mark>bread</mark> <mark>bread</mark>…",
        ),
    ] {
        let ranges = highlights(text, &wanted);
        assert_eq!(fragment(text, &ranges, most).html, html);
    }
    let text = "é déjà";
    let ranges = highlights(text, &wanted(&["deja"], &[], &[]));
    assert_eq!(fragment(text, &ranges, 10).offsets, vec![2..6]);
}
