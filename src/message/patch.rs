//! The fields of partial updates: the last observation of each. A partial update contains only the fields that
//! it changes. It is kept beside the whole payload and applied when the message is shown, so that it may arrive
//! before the payload, after it or twice.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::Observed;
use super::body::{Author, Body, count};
use super::life::either;
use super::payload::Version;

/// Fields that identify the message, or tell when it was edited; they are not changes.
const KEYS: [&str; 6] = [
    "id",
    "channel_id",
    "guild_id",
    "timestamp",
    "edited_timestamp",
    "channel_type",
];

/// A value of a field that was received with the time of an edit.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Edited {
    /// The edit that it belongs to; none for the original.
    edited_at: Option<DateTime<Utc>>,
    /// When it was received. Databases before schema 7 do not have it: the value counts as just after the
    /// payload.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    observed: Option<Observed>,
    /// The field's JSON text.
    value: String,
}

/// A value that was received without the time of an edit: it belongs to the message as it was when the value
/// was received.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Unedited {
    observed: Observed,
    value: String,
}

/// What is known of one field. The two kinds are kept apart because they have no common order: the time of an
/// edit goes before everything else, and the other kind has none.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Stored")]
struct Register {
    #[serde(skip_serializing_if = "Option::is_none")]
    edited: Option<Edited>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unedited: Option<Unedited>,
}

/// A register as it is parsed: before schema 7 it was a single value with its edit.
#[derive(Deserialize)]
struct Stored {
    #[serde(default)]
    edited: Option<Edited>,
    #[serde(default)]
    unedited: Option<Unedited>,
    #[serde(default)]
    edited_at: Option<DateTime<Utc>>,
    #[serde(default)]
    value: Option<String>,
}

impl From<Stored> for Register {
    fn from(stored: Stored) -> Self {
        let old = stored.value.map(|value| Edited {
            edited_at: stored.edited_at,
            observed: None,
            value,
        });
        Self {
            edited: stored.edited.or(old),
            unedited: stored.unedited,
        }
    }
}

impl Register {
    fn join(self, other: Self) -> Self {
        Self {
            edited: either(self.edited, other.edited, Ord::max),
            unedited: either(self.unedited, other.unedited, Ord::max),
        }
    }

    /// The value that replaces that of the payload, with the edit that brought it.
    fn over(&self, whole: &Version) -> Option<(&str, Option<DateTime<Utc>>)> {
        let edited = self.edited.as_ref().filter(|it| {
            let observed = it.observed.is_none_or(|at| at > whole.observed);
            it.edited_at > whole.body.edited_at || it.edited_at == whole.body.edited_at && observed
        });
        let base = edited.and_then(|it| it.observed).unwrap_or(whole.observed);
        let unedited = self.unedited.as_ref().filter(|it| it.observed > base);
        match (unedited, edited) {
            (Some(it), _) => Some((&it.value, edited.and_then(|edited| edited.edited_at))),
            (None, Some(it)) => Some((&it.value, it.edited_at)),
            (None, None) => None,
        }
    }
}

/// The received partial updates of a message, by the names of the fields.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Patch(BTreeMap<String, Register>);

impl Patch {
    /// Whether no partial update was received.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Records that an update contained `field` with this value.
    ///
    /// # Errors
    /// If the field is shown in a column and the value does not have its type.
    pub(super) fn set(
        &mut self,
        field: &str,
        edited_at: Option<DateTime<Utc>>,
        observed: Observed,
        value: &RawValue,
    ) -> Result<(), serde_json::Error> {
        if KEYS.contains(&field) || value.get() == "null" {
            return Ok(());
        }
        check(field, value)?;
        let value = value.get().to_owned();
        let register = match edited_at {
            Some(_) => Register {
                edited: Some(Edited {
                    edited_at,
                    observed: Some(observed),
                    value,
                }),
                unedited: None,
            },
            None => Register {
                edited: None,
                unedited: Some(Unedited { observed, value }),
            },
        };
        let known = self.0.remove(field).unwrap_or_default();
        self.0.insert(field.to_owned(), known.join(register));
        Ok(())
    }

    /// Sets this time for values without a time.
    #[must_use]
    pub(super) fn observed_or(mut self, observed: Observed) -> Self {
        for register in self.0.values_mut() {
            if let Some(edited) = &mut register.edited {
                edited.observed.get_or_insert(observed);
            }
        }
        self
    }

    /// Merges two patches field by field.
    #[must_use]
    pub(super) fn join(mut self, other: Self) -> Self {
        for (field, register) in other.0 {
            let known = self.0.remove(&field).unwrap_or_default();
            self.0.insert(field, known.join(register));
        }
        self
    }

    /// The fields that replace those of a payload, each with its JSON text, and the edit that the message shows
    /// with them.
    pub(super) fn over<'a>(
        &'a self,
        whole: &'a Version,
    ) -> (BTreeMap<&'a str, &'a str>, Option<DateTime<Utc>>) {
        let mut edited_at = whole.body.edited_at;
        let mut fields = BTreeMap::new();
        for (field, register) in &self.0 {
            if let Some((value, edit)) = register.over(whole) {
                fields.insert(field.as_str(), value);
                edited_at = edited_at.max(edit);
            }
        }
        (fields, edited_at)
    }
}

/// Checks the type of a value whose field is shown in a column.
fn check(field: &str, value: &RawValue) -> Result<(), serde_json::Error> {
    match field {
        "author" => serde_json::from_str::<Author>(value.get()).map(drop),
        "content" => serde_json::from_str::<String>(value.get()).map(drop),
        "attachments" | "embeds" => serde_json::from_str::<Vec<IgnoredAny>>(value.get()).map(drop),
        "type" => serde_json::from_str::<i32>(value.get()).map(drop),
        _ => Ok(()),
    }
}

/// Applies a field to the columns of a payload. A value of another type changes nothing.
pub(super) fn lay_over(body: &mut Body, field: &str, value: &str) {
    let length = || serde_json::from_str::<Vec<IgnoredAny>>(value).map(|items| count(&items));
    match field {
        "author" => {
            if let Ok(author) = serde_json::from_str::<Author>(value) {
                body.author_id = author.id;
                body.author_is_bot |= author.is_bot();
                body.author_name = author.username;
            }
        }
        "content" => {
            if let Ok(content) = serde_json::from_str(value) {
                body.content = content;
            }
        }
        "attachments" => body.attachment_count = length().unwrap_or(body.attachment_count),
        "embeds" => body.embed_count = length().unwrap_or(body.embed_count),
        "type" => {
            if let Ok(message_type) = serde_json::from_str(value) {
                body.message_type = message_type;
            }
        }
        _ => {}
    }
}
