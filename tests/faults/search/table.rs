//! What the table has, read without the search: which messages have a word.
//!
//! A word of ASCII letters and digits that stands between spaces is looked for by a plain reading of the
//! texts. Where that is no answer (other scripts, words beside signs), the analysis of the search is asked.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::Path;

use duckdb::Connection;
use guildlake::derived::search::text::{TypedToken, Words, typed};
use rand::RngExt;
use rand::rngs::StdRng;
use serde_json::Value;
use tantivy::tokenizer::{TokenStream, Tokenizer};

/// The rows of a record that nobody has open.
pub(crate) struct Table {
    pub(crate) revision: i64,
    rows: Vec<Row>,
    /// Where each token of the analysis stands: in which text of which row, and where in it.
    tokens: HashMap<String, HashSet<(usize, usize, usize)>>,
    /// Decisions by plain reading,
    pub(crate) plain: usize,
    /// and by the analysis of the search.
    pub(crate) analysed: usize,
}

struct Row {
    id: i64,
    deleted: bool,
    /// What somebody reacted with: the id of a guild's own emoji, or the emoji itself.
    reactions: BTreeSet<String>,
    /// What it says in all its places.
    texts: Vec<String>,
}

/// The messages that have a word: all of them, and those of them that are not deleted.
pub(crate) struct Having {
    pub(crate) all: Vec<i64>,
    pub(crate) present: Vec<i64>,
}

impl Table {
    /// Reads a copy of the file and its log: what opens it first may change both. Nothing if there are
    /// no tables yet.
    pub(crate) fn read(folder: &Path) -> Option<Self> {
        let copy = tempfile::tempdir().unwrap();
        for name in ["guildlake.duckdb", "guildlake.duckdb.wal"] {
            if folder.join(name).exists() {
                std::fs::copy(folder.join(name), copy.path().join(name)).unwrap();
            }
        }
        let path = copy.path().join("guildlake.duckdb");
        if !path.exists() {
            return None;
        }
        let connection = Connection::open(path).unwrap();
        let revision = connection
            .query_row("SELECT revision FROM record_state", [], |row| row.get(0))
            .ok()?;
        let sql = "SELECT message_id, deleted, content, raw_json, patch_json, reactions FROM discord_messages \
                   ORDER BY message_id";
        let mut statement = connection.prepare(sql).unwrap();
        let rows = statement.query_map([], |row| {
            let (content, raw): (String, Option<String>) = (row.get(2)?, row.get(3)?);
            let patch: Option<String> = row.get(4)?;
            let reactions: Option<String> = row.get(5)?;
            Ok(Row {
                id: row.get(0)?,
                deleted: row.get(1)?,
                reactions: emoji(reactions.as_deref()),
                texts: texts(content, raw.as_deref(), patch.as_deref()),
            })
        });
        let rows: Vec<Row> = rows.unwrap().map(Result::unwrap).collect();
        let mut tokens: HashMap<String, HashSet<_>> = HashMap::new();
        let mut analysis = Words::default();
        for (row, it) in rows.iter().enumerate() {
            for (text, it) in it.texts.iter().enumerate() {
                let mut stream = analysis.token_stream(it);
                while let Some(token) = stream.next() {
                    let places = tokens.entry(token.text.clone()).or_default();
                    places.insert((row, text, token.position));
                }
            }
        }
        Some(Self {
            revision,
            rows,
            tokens,
            plain: 0,
            analysed: 0,
        })
    }

    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    /// So many different words of it at most.
    pub(crate) fn words(&self, most: usize, dice: &mut StdRng) -> BTreeSet<String> {
        let mut words = BTreeSet::new();
        for _ in 0..most * 10 {
            if words.len() >= most || self.rows.is_empty() {
                break;
            }
            let row = &self.rows[dice.random_range(0..self.rows.len())];
            let texts = row.texts.iter().flat_map(|text| text.split_whitespace());
            let found: Vec<&str> = texts
                .filter(|word| !word.contains(['"', '\\']) && !typed(word).is_empty())
                .collect();
            if !found.is_empty() {
                let word = found[dice.random_range(0..found.len())];
                // A query has room for so many.
                words.insert(word.chars().take(200).collect());
            }
        }
        words
    }

    /// Everything that somebody reacted with.
    pub(crate) fn emoji(&self) -> BTreeSet<String> {
        let all = self.rows.iter().flat_map(|row| &row.reactions);
        all.cloned().collect()
    }

    /// The messages that have a reaction with one of these, or with any.
    pub(crate) fn reacted(&self, with: Option<&[&str]>) -> Having {
        let has = |row: &&Row| match with {
            None => !row.reactions.is_empty(),
            Some(emoji) => emoji.iter().any(|it| row.reactions.contains(*it)),
        };
        let rows = || self.rows.iter().filter(has);
        let present = rows().filter(|row| !row.deleted);
        Having {
            all: rows().map(|row| row.id).collect(),
            present: present.map(|row| row.id).collect(),
        }
    }

    /// What a message says, for who asks why.
    pub(crate) fn texts_of(&self, id: i64) -> Option<&[String]> {
        let row = self.rows.iter().find(|row| row.id == id);
        row.map(|row| row.texts.as_slice())
    }

    /// The messages that have a word, as a phrase: not its stem.
    pub(crate) fn having(&mut self, word: &str) -> Having {
        let phrase = typed(word);
        let analysed_texts = self.texts_having(&phrase);
        let is_plain = word.bytes().all(|byte| byte.is_ascii_alphanumeric());
        let lower = word.to_lowercase();
        let mut having = Having {
            all: Vec::new(),
            present: Vec::new(),
        };
        let (mut plain, mut analysed) = (0, 0);
        for (number, row) in self.rows.iter().enumerate() {
            let has = row.texts.iter().enumerate().any(|(place, text)| {
                let read = (is_plain && text.is_ascii()).then(|| read_plainly(&lower, text));
                if let Some(has) = read.flatten() {
                    plain += 1;
                    return has;
                }
                analysed += 1;
                analysed_texts.contains(&(number, place))
            });
            if has {
                having.all.push(row.id);
                if !row.deleted {
                    having.present.push(row.id);
                }
            }
        }
        self.plain += plain;
        self.analysed += analysed;
        having
    }
}

impl Table {
    /// The texts in which these tokens stand one after the other.
    fn texts_having(&self, phrase: &[TypedToken]) -> HashSet<(usize, usize)> {
        let places = |token: &TypedToken| self.tokens.get(&token.text);
        let Some(first) = phrase.first().and_then(places) else {
            return HashSet::new();
        };
        let stands = |(row, text, start): &&(usize, usize, usize)| {
            phrase.iter().all(|token| {
                let place = (*row, *text, start + token.position);
                places(token).is_some_and(|places| places.contains(&place))
            })
        };
        let found = first.iter().filter(stands);
        found.map(|(row, text, _)| (*row, *text)).collect()
    }
}

/// The emoji of a row's reactions.
fn emoji(reactions: Option<&str>) -> BTreeSet<String> {
    let Some(reactions) = reactions else {
        return BTreeSet::new();
    };
    let reactions: Vec<Value> = serde_json::from_str(reactions).unwrap();
    let emoji = reactions.iter().map(|reaction| {
        let id = reaction["emoji_id"].as_str();
        id.or(reaction["emoji_name"].as_str()).unwrap().to_owned()
    });
    emoji.collect()
}

/// Whether a text has a word between spaces; none if it has it in another way.
fn read_plainly(word: &str, text: &str) -> Option<bool> {
    let text = text.to_lowercase();
    if text.split_whitespace().any(|it| it == word) {
        return Some(true);
    }
    (!text.contains(word)).then_some(false)
}

/// The texts of a message, as Discord's documentation names their places.
fn texts(content: String, raw: Option<&str>, patch: Option<&str>) -> Vec<String> {
    let mut texts = vec![content];
    let Some(raw) = raw else {
        return texts;
    };
    let mut payload: Value = serde_json::from_str(raw).unwrap();
    let patch: Value = patch.map_or(Value::Null, |patch| serde_json::from_str(patch).unwrap());
    // What Discord changed later counts instead of the payload's own.
    for (field, value) in patch.as_object().into_iter().flatten() {
        payload[field] = value.clone();
    }
    let mut take = |from: &Value, names: &[&str]| {
        for name in names {
            texts.extend(from[*name].as_str().map(str::to_owned));
        }
    };
    body(&payload, &mut take);
    for snapshot in list(&payload["message_snapshots"]) {
        take(&snapshot["message"], &["content"]);
        body(&snapshot["message"], &mut take);
    }
    take(&payload["poll"]["question"], &["text"]);
    for answer in list(&payload["poll"]["answers"]) {
        take(&answer["poll_media"], &["text"]);
    }
    for user in list(&payload["mentions"]) {
        take(user, &["username", "global_name"]);
        take(&user["member"], &["nick"]);
    }
    texts
}

fn body(message: &Value, take: &mut impl FnMut(&Value, &[&str])) {
    for embed in list(&message["embeds"]) {
        take(embed, &["title", "description", "url"]);
        take(&embed["author"], &["name"]);
        take(&embed["provider"], &["name"]);
        take(&embed["footer"], &["text"]);
        for field in list(&embed["fields"]) {
            take(field, &["name", "value"]);
        }
    }
    for file in list(&message["attachments"]) {
        take(file, &["filename", "title", "description"]);
    }
    for sticker in list(&message["sticker_items"]) {
        take(sticker, &["name"]);
    }
    let mut inner = vec![&message["components"]];
    while let Some(component) = inner.pop() {
        take(
            component,
            &["content", "label", "placeholder", "description", "title"],
        );
        inner.extend(list(component));
        inner.extend(component.as_object().into_iter().flat_map(|it| it.values()));
    }
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}
