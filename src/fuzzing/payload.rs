//! What Discord sends for messages: whole payloads, updates, gateway frames, pages of history.

use chrono::{DateTime, TimeDelta, Utc};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::text;
use crate::discord::dispatch::read_frame;
use crate::discord::news::{Heard, News, Received};
use crate::discord::rest::{HistoryCursor, HistoryPage};
use crate::message::{
    DeletedBy, Gone, GuildId, Message, MessageId, Observed, Source, State, read_update,
};

/// The guild of a channel that a payload does not tell.
const GUILD: u64 = 1_100_000_000_000_000_000;

/// Reads a byte for the sources and the order, and then lines, of which each is taken for a payload, for an update and
/// for a frame; all of them together are taken for a page of history too. What was read of the lines is joined.
///
/// # Panics
/// If a payload that is read is not kept byte for byte, one that can't be read is lost, the merge rule depends on order
/// or repetition, or what is stored of a message is restored as something else.
pub fn payload(data: &[u8]) {
    let Some((choice, rest)) = data.split_first() else {
        return;
    };
    page(rest);
    let mut known: Vec<Message> = Vec::new();
    for (n, line) in rest.split(|byte| *byte == b'\n').take(4).enumerate() {
        let Some(line) = text(line) else { continue };
        let observed = observed(i64::from(choice & 3) * (n as i64 % 3));
        let source =
            [Source::Import, Source::Rest, Source::Gateway][(usize::from(*choice) + n) % 3];
        known.extend(whole(line, source, observed));
        known.extend(update(line, observed));
        known.extend(frame(line, observed));
    }
    let Some(first) = known.first() else { return };
    let (id, guild_id, channel_id) = (first.id, first.guild_id, first.channel_id);
    // Ends of the same message, announced and inferred.
    let times = (observed(1).at, observed(2).at);
    if choice & 4 > 0 {
        let by = [DeletedBy::Gateway, DeletedBy::Bulk][usize::from(choice >> 4 & 1)];
        let gone = Gone::new(id, times.0, times.1, by);
        known.push(Message::told_gone(id, guild_id, channel_id, gone));
    }
    if choice & 8 > 0 {
        let gone = Gone::new(id, times.0, times.1, DeletedBy::Rescan);
        known.push(Message::not_shown(id, guild_id, channel_id, gone, times.0));
    }
    for message in &mut known {
        message.id = id;
        message.guild_id = guild_id;
        message.channel_id = channel_id;
    }
    joined(&known);
}

fn observed(seconds: i64) -> Observed {
    let start = DateTime::from_timestamp(1_950_000_000, 0).unwrap();
    Observed::frame(start + TimeDelta::seconds(seconds), seconds.unsigned_abs())
}

fn guild() -> GuildId {
    GuildId::try_from(GUILD).unwrap()
}

fn whole(raw: &str, source: Source, observed: Observed) -> Option<Message> {
    let message = match Message::read(guild(), source, observed, raw) {
        Ok(message) => message,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            return None;
        }
    };
    let version = message.versions.current().unwrap();
    assert_eq!(
        (&*version.raw, version.source, version.observed),
        (raw, source, observed)
    );
    // Nothing has to be stored beside a payload that nothing followed.
    assert_eq!(State::of(&message).to_json().unwrap(), None);
    Some(message)
}

fn update(raw: &str, observed: Observed) -> Option<Message> {
    match read_update(guild(), observed, raw) {
        Ok(message) => {
            let kept = message.versions.current().map(|version| &*version.raw);
            assert!(kept.is_none_or(|kept| kept == raw), "{raw}");
            assert!(kept.is_some() || whole(raw, Source::Gateway, observed).is_none());
            Some(message)
        }
        Err(error) => {
            assert!(!error.to_string().is_empty());
            assert!(whole(raw, Source::Gateway, observed).is_none(), "{raw}");
            None
        }
    }
}

/// The parts of a frame by which it is compared.
#[derive(Deserialize)]
struct Parts<'a> {
    #[serde(borrow)]
    d: &'a RawValue,
}

fn frame(text: &str, observed: Observed) -> Option<Message> {
    let heard = Heard {
        after: observed.at,
        now: observed.at,
        observed_at: observed.at,
        taken: Some((2, observed.at)),
    };
    let guild_of = |_| Some(guild());
    let Ok(Received::Dispatch(dispatch)) = read_frame(text, heard, &guild_of) else {
        return None;
    };
    assert_eq!(dispatch.is_repeat, dispatch.sequence <= 2);
    let is_message = ["MESSAGE_CREATE", "MESSAGE_UPDATE"].contains(&dispatch.name.as_str());
    let sent = || serde_json::from_str::<Parts<'_>>(text).unwrap().d.get();
    match dispatch.news {
        News::Message(message, partial) => {
            assert!(is_message);
            let kept = message.versions.current().map(|version| &*version.raw);
            assert_eq!(kept.or(partial.as_deref()), Some(sent()));
            Some(*message)
        }
        News::Unreadable {
            payload, reason, ..
        } => {
            assert_eq!(payload, sent(), "what can't be read is kept as it was sent");
            assert!(!reason.is_empty());
            None
        }
        News::Other if is_message => {
            // A direct message.
            let value: Value = serde_json::from_str(sent()).unwrap();
            assert!(value["guild_id"].is_null() && value["channel_id"].is_null());
            None
        }
        News::Reaction(message, event) => {
            assert_eq!(message.id, event.message_id);
            Some(*message)
        }
        News::Gone(gone) => gone.into_iter().next(),
        _ => None,
    }
}

fn page(body: &[u8]) {
    let Ok(page) = HistoryPage::read(body) else {
        return;
    };
    let mut rest = text(body).expect("JSON is UTF-8");
    for item in &page.items {
        let at = rest.find(&*item.raw).expect("an item as it was sent");
        rest = &rest[at + item.raw.len()..];
        if let Ok(message) = Message::read(guild(), Source::Rest, observed(0), &item.raw) {
            assert_eq!(item.id, Some(message.id), "{}", item.raw);
        }
        assert!(
            item.id
                .is_none_or(|id| page.min_id <= Some(id) && page.max_id >= Some(id))
        );
    }
    let cursors = [
        HistoryCursor::Latest,
        HistoryCursor::Oldest,
        HistoryCursor::Before(id(1)),
        HistoryCursor::After(id(i64::MAX.unsigned_abs())),
    ];
    for cursor in cursors {
        let is_ahead = page.next(cursor).is_none_or(|next| next != cursor);
        assert!(is_ahead, "a walk would not end");
        let _ = page.disorder(cursor);
    }
}

fn id(id: u64) -> MessageId {
    MessageId::try_from(id).unwrap()
}

fn joined(known: &[Message]) {
    let join = |a: &Message, b: &Message| a.clone().join(b.clone());
    for a in known {
        assert_eq!(&join(a, a), a);
        for b in known {
            let ab = join(a, b);
            assert_eq!(ab, join(b, a));
            assert_eq!(join(&ab, a), ab);
            assert_eq!(join(&ab, b), ab);
        }
    }
    let mut whole = known[0].clone();
    for message in known {
        whole = join(&whole, message);
        restored(&whole);
    }
    let mut turned = known[known.len() - 1].clone();
    for message in known.iter().rev() {
        turned = join(message, &turned);
    }
    assert_eq!(
        turned, whole,
        "the order of what was observed does not count"
    );
    let Some(shown) = whole.shown() else { return };
    if let Some(changed) = &shown.changed_fields {
        let changed: Value = serde_json::from_str(changed).expect("changed fields are JSON");
        assert!(changed.as_object().is_some_and(|fields| !fields.is_empty()));
    }
    for list in [&shown.reactions, &shown.poll_votes].into_iter().flatten() {
        let list: Value = serde_json::from_str(list).expect("counts are JSON");
        assert!(list.is_array());
    }
}

/// What the record stores of a message makes the same message, apart from its earlier versions.
fn restored(message: &Message) {
    let state = State::of(message).to_json().unwrap();
    let state: State = state
        .map(|json| serde_json::from_str(&json).expect("a state reads as itself"))
        .unwrap_or_default();
    let unknown = || Message::unknown(message.id, message.guild_id, message.channel_id);
    let mut again = match message.versions.current() {
        Some(version) => Message::read(
            message.guild_id,
            version.source,
            version.observed,
            &version.raw,
        )
        .expect("it was read before"),
        None => unknown(),
    };
    let gone = message.gone().map(|gone| Gone {
        after: micros(gone.after),
        before: micros(gone.before),
        ..gone
    });
    state.restore(&mut again, gone);
    let expected = Message {
        versions: again.versions.clone(),
        ..message.clone()
    };
    let again = Message {
        id: message.id,
        guild_id: message.guild_id,
        channel_id: message.channel_id,
        ..again
    };
    assert_eq!(
        again.versions.current().map(|version| &version.body),
        message.versions.current().map(|version| &version.body)
    );
    assert_eq!(again, expected, "a stored message is restored as it was");
}

/// A time as a column holds it.
fn micros(at: DateTime<Utc>) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(at.timestamp_micros()).unwrap()
}
