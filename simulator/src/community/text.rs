//! What people say, in ten languages and some code.
//! Real sentences, joined until a length drawn from a log-normal distribution is reached; now and then a link, a
//! mention, an emoji or a block of code.

use rand::Rng;
use rand::seq::IndexedRandom;
use rand_distr::{Distribution, LogNormal};

const ENGLISH: &[&str] = &[
    "Has anyone tried the new release yet?",
    "It works on my machine, honestly.",
    "The build is green again.",
    "I will look at it tomorrow morning.",
    "Thanks, that fixed it!",
    "Could you share the logs?",
    "We should write that down somewhere.",
    "The meeting moved to Thursday at four.",
    "That is a very good question.",
    "I disagree, but I see your point.",
    "Don't forget to back up the database first.",
    "lol",
    "+1",
    "Nice work everyone.",
    "The docs say the opposite of what it does.",
    "Who is on call this weekend?",
    "Let's not do that on a Friday.",
];
const FRENCH: &[&str] = &[
    "Quelqu’un a-t-il déjà essayé la nouvelle version ?",
    "Ça marche très bien chez moi.",
    "Je m’en occupe demain matin.",
    "Merci beaucoup, c’est réglé !",
    "On se retrouve à dix-huit heures à l’entrée.",
    "Où est passé le fichier de l’année dernière ?",
    "C’est une excellente idée, à condition d’être prêts.",
    "Il faut d’abord vérifier les données.",
    "À bientôt, et bon week-end !",
];
const GERMAN: &[&str] = &[
    "Hat das schon jemand ausprobiert?",
    "Bei mir läuft es ohne Probleme.",
    "Ich schaue es mir morgen früh an.",
    "Vielen Dank, jetzt geht’s wieder!",
    "Können wir das nächste Woche besprechen?",
    "Übrigens: die Straße ist heute gesperrt.",
    "Das Passwort steht natürlich nicht im Wiki.",
    "Größere Änderungen bitte vorher ankündigen.",
];
const SPANISH: &[&str] = &[
    "¿Alguien ha probado la nueva versión?",
    "A mí me funciona sin problemas.",
    "Mañana por la mañana lo reviso.",
    "¡Muchas gracias, ya está arreglado!",
    "¿Dónde está el archivo del año pasado?",
    "Nos vemos el miércoles a las ocho.",
];
const PORTUGUESE: &[&str] = &[
    "Alguém já testou a nova versão?",
    "Aqui está funcionando muito bem.",
    "Amanhã de manhã eu vejo isso.",
    "Obrigado, já está resolvido!",
    "A reunião não vai acontecer hoje.",
    "Vocês viram a mensagem do João?",
];
const JAPANESE: &[&str] = &[
    "新しいバージョンを試した人はいますか？",
    "こちらでは問題なく動いています。",
    "明日の朝に確認します。",
    "ありがとうございます、直りました！",
    "会議は木曜日の四時からです。",
    "了解です。",
    "これは面白いですね。",
];
const KOREAN: &[&str] = &[
    "새 버전 써 보신 분 계신가요?",
    "저는 문제없이 잘 됩니다.",
    "내일 아침에 확인해 볼게요.",
    "감사합니다, 해결됐어요!",
    "회의는 목요일 네 시로 옮겼습니다.",
    "네, 알겠습니다.",
];
const THAI: &[&str] = &[
    "มีใครลองเวอร์ชันใหม่หรือยัง",
    "ของฉันใช้งานได้ดี",
    "พรุ่งนี้เช้าจะดูให้นะ",
    "ขอบคุณมาก แก้ได้แล้ว",
];
const ARABIC: &[&str] = &[
    "هل جرّب أحد الإصدار الجديد؟",
    "يعمل عندي بدون مشاكل.",
    "سأنظر فيه صباح الغد.",
    "شكراً جزيلاً، تم الإصلاح!",
];
const RUSSIAN: &[&str] = &[
    "Кто-нибудь уже пробовал новую версию?",
    "У меня всё работает.",
    "Посмотрю завтра утром.",
    "Спасибо, теперь всё в порядке!",
    "Встреча перенесена на четверг.",
    "Ещё раз: сначала сделайте резервную копию.",
];

/// The languages, the first being spoken most.
const LANGUAGES: [&[&str]; 10] = [
    ENGLISH, FRENCH, GERMAN, SPANISH, PORTUGUESE, JAPANESE, KOREAN, THAI, ARABIC, RUSSIAN,
];

const CODE: &[&str] = &[
    "```rust\nfn main() {\n    println!(\"{}\", 1 << 10);\n}\n```",
    "```sql\nSELECT count(*) FROM messages WHERE content LIKE '%\\_%';\n```",
    "`cargo test --workspace`",
    "```py\nimport duckdb\nduckdb.sql(\"select 'a\\tb'\")\n```",
    "```json\n{\"a\": [1, 2.0, null], \"b\": \"\\u00e9\"}\n```",
];
const EMOJI: &[&str] = &[
    "😀",
    "🎉",
    "👩‍🚀",
    "🇫🇷",
    "❤️",
    "👍🏽",
    "<:party:583929493842223104>",
    "<a:wave:583929493842223105>",
    "¯\\_(ツ)_/¯",
];

/// A title for a thread, a poll, an embed.
pub(crate) fn title(rng: &mut impl Rng) -> String {
    let language = LANGUAGES.choose(rng).copied().unwrap_or(ENGLISH);
    let sentence = language.choose(rng).copied().unwrap_or("Untitled");
    sentence
        .trim_end_matches(['.', '?', '!', '。', '？', '！'])
        .chars()
        .take(90)
        .collect()
}

/// Something said. `home` is the channel's own language, which most people there speak.
pub(crate) fn say(rng: &mut impl Rng, home: u64) -> String {
    let home = if home.is_multiple_of(3) {
        0
    } else {
        (home % 10) as usize
    };
    let language = match rng.random_range(0..10) {
        0 => LANGUAGES.choose(rng).copied().unwrap_or(ENGLISH),
        1 => ENGLISH,
        _ => LANGUAGES[home],
    };
    let lengths = LogNormal::new(3.9_f64, 0.95).expect("the deviation is positive");
    let wanted = (lengths.sample(rng) as usize).clamp(1, 1900);
    let mut text = String::new();
    let mut length = 0;
    while length < wanted {
        if length > 0 {
            text.push(if rng.random_bool(0.1) { '\n' } else { ' ' });
        }
        let sentence = language.choose(rng).copied().unwrap_or("…");
        text.push_str(sentence);
        length += sentence.chars().count() + 1;
    }
    match rng.random_range(0..40) {
        0 => {
            text.push('\n');
            text.push_str(CODE.choose(rng).copied().unwrap_or("`x`"));
        }
        1..=5 => {
            text.push(' ');
            text.push_str(EMOJI.choose(rng).copied().unwrap_or("🙂"));
        }
        6 => text = format!("**{text}** ||spoiler \"quoted\"\t||"),
        _ => {}
    }
    if text.chars().count() > 2000 {
        text.chars().take(2000).collect()
    } else {
        text
    }
}
