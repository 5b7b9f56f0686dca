//! Keys, signed links, and the cursor of the audit log.

use std::sync::{Arc, LazyLock};

use chrono::{DateTime, Utc};
use secrecy::SecretString;
use tempfile::TempDir;

use super::text;
use crate::audit;
use crate::keys::{Grant, KeyFile, KeyFileError, Keyring, Link, NewKey, Scope};

/// A keyring with a key in its file.
struct Known {
    keyring: Keyring,
    key_id: String,
    token: String,
    /// The folder of the file, which is deleted with it.
    _folder: TempDir,
}

const API_KEY: &str = "the key in the setting API_KEY";

static KNOWN: LazyLock<Known> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    let file = KeyFile::in_folder(folder.path());
    let new = NewKey {
        name: "fuzz".to_owned(),
        scopes: [Scope::Reports].into(),
        ..NewKey::default()
    };
    let (key, token) = new.make(Utc::now()).unwrap();
    let key_id = key.id.clone();
    let pushed = file.change(|keys| {
        keys.push(key);
        Ok::<_, KeyFileError>(())
    });
    pushed.unwrap();
    Known {
        keyring: Keyring::open(file, &SecretString::from(API_KEY)).unwrap(),
        key_id,
        token: token.expose().to_owned(),
        _folder: folder,
    }
});

/// Reads what opens something: after a byte that chooses, a token, a link or a cursor of the audit log, as it is or as
/// a change of a valid one.
///
/// # Panics
/// If anything but a key opens something, a link opens something else than what was signed, or a cursor is accepted in
/// another spelling than its own.
pub fn access(data: &[u8]) {
    let Some((choice, rest)) = data.split_first() else {
        return;
    };
    match choice % 5 {
        0 => presented(rest),
        1 => changed_token(rest),
        2 => followed(rest),
        3 => changed_link(rest),
        _ => audit_cursor(rest),
    }
}

fn presented(bytes: &[u8]) {
    let known = &*KNOWN;
    let grant = known.keyring.grant(bytes);
    let is_key = bytes == API_KEY.as_bytes() || bytes == known.token.as_bytes();
    assert_eq!(grant.is_some(), is_key, "{}", bytes.escape_ascii());
}

fn changed_token(rest: &[u8]) {
    let known = &*KNOWN;
    let token = changed(&known.token, rest);
    let grant = known.keyring.grant(token.as_bytes());
    match grant {
        Some(grant) => assert_eq!((&token, &grant.key_id), (&known.token, &known.key_id)),
        None => assert_ne!(token, known.token),
    }
}

fn followed(rest: &[u8]) {
    let Some(text) = text(rest) else { return };
    let known = &*KNOWN;
    // A secret is there, as after the first link.
    let _ = sign(known, &link(known, "/v1/reports/channels.csv"));
    if let Some((link, _)) = known.keyring.follow(text) {
        // libFuzzer watches comparisons, and so comes by what was signed in an earlier run.
        assert_eq!(sign(known, &link), text, "nobody signed this");
    }
    let Some(link) = Link::read(text) else { return };
    // Whatever is read could have been written, but for parts of which no key's id consists.
    if !link.key_id.contains('.') {
        let signed = sign(known, &link);
        assert_eq!(Link::read(&signed), Some(link));
    }
}

fn changed_link(rest: &[u8]) {
    let known = &*KNOWN;
    let (change, target) = rest.split_at(rest.len().min(CHANGE));
    let Some(target) = text(target) else { return };
    let link = link(known, target);
    let signed = sign(known, &link);
    let text = changed(&signed, change);
    let followed = known.keyring.follow(&text);
    match followed {
        Some((found, grant)) => {
            assert_eq!((&text, &found), (&signed, &link), "a change is signed");
            assert_is_of(known, &grant);
        }
        None => assert_ne!(text, signed, "what was signed is not valid"),
    }
}

fn link(known: &Known, target: &str) -> Link {
    Link {
        key_id: known.key_id.clone(),
        // 2100.
        expires_at: DateTime::from_timestamp(4_102_444_800, 0).unwrap(),
        target: target.to_owned(),
    }
}

fn sign(known: &Known, link: &Link) -> String {
    known.keyring.sign(link).unwrap()
}

fn assert_is_of(known: &Known, grant: &Arc<Grant>) {
    assert_eq!(grant.key_id, known.key_id);
}

/// The number of bytes from which a change is made.
const CHANGE: usize = 3;

/// A text with one of its bytes replaced, taken out, doubled or exchanged with the next, or followed by another byte.
fn changed(text: &str, change: &[u8]) -> String {
    let mut bytes = text.as_bytes().to_vec();
    let &[at, how, byte, ..] = change else {
        return text.to_owned();
    };
    let at = usize::from(at) * bytes.len() / 256;
    match how % 6 {
        0 => bytes[at] = byte,
        1 => drop(bytes.remove(at)),
        2 => bytes.insert(at, bytes[at]),
        3 if at > 0 => bytes.swap(at - 1, at),
        4 => bytes.push(byte),
        _ => {}
    }
    String::from_utf8(bytes).unwrap_or_else(|_| text.to_owned())
}

fn audit_cursor(rest: &[u8]) {
    let Some(text) = text(rest) else { return };
    if let Some(cursor) = audit::Cursor::parse(text) {
        assert_eq!(cursor.to_string(), text);
    }
}
