//! What partial updates brought: one register per field, each remembering the edit it belongs to.
//! A partial update touches only what it carries; it is kept beside the whole payload and laid
//! over it when the message is shown, so that it may arrive before the payload, after it or twice.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use chrono::{DateTime, Utc};
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::body::{Author, Body, SUPPRESS_EMBEDS, count};

/// A field that a partial update can carry and a column shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PatchField {
    /// `author`
    Author,
    /// `content`
    Content,
    /// `attachments`
    Attachments,
    /// `embeds`
    Embeds,
    /// `flags`
    Flags,
}

/// The latest known value of one field, and the edit that brought it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Register {
    /// The `edited_timestamp` of the update; none for an unfurl, which counts as old as the message.
    edited_at: Option<DateTime<Utc>>,
    /// The field's JSON text.
    value: String,
}

impl Register {
    /// The greater wins; of two lists of one edit the longer is the later (embeds only unfold).
    fn rank(&self) -> impl Ord + '_ {
        (self.edited_at, self.items(), &self.value)
    }

    /// Whether it is shown instead of what a payload has: it is of a later edit, or unfurled more
    /// embeds of the same one.
    fn is_shown(&self, field: PatchField, whole: &Body) -> bool {
        let unfurled = field == PatchField::Embeds
            && self.edited_at == whole.edited_at
            && !whole.embeds_suppressed
            && self.items().unwrap_or(0) > whole.embed_count;
        self.edited_at > whole.edited_at || unfurled
    }

    /// How many items the value has, if it is a list.
    fn items(&self) -> Option<i32> {
        serde_json::from_str::<Vec<IgnoredAny>>(&self.value)
            .ok()
            .map(|items| count(&items))
    }
}

/// All that partial updates said of one message.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Patch(BTreeMap<PatchField, Register>);

impl Patch {
    /// Whether no partial update said anything.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Notes that an update of `edited_at` carried `field` with this value.
    ///
    /// # Errors
    /// If the value is not of the field's type.
    pub(super) fn set(
        &mut self,
        field: PatchField,
        edited_at: Option<DateTime<Utc>>,
        value: &RawValue,
    ) -> Result<(), serde_json::Error> {
        match field {
            PatchField::Author => drop(serde_json::from_str::<Author>(value.get())?),
            PatchField::Content => drop(serde_json::from_str::<String>(value.get())?),
            PatchField::Flags => {
                serde_json::from_str::<u64>(value.get())?;
            }
            PatchField::Attachments | PatchField::Embeds => {
                drop(serde_json::from_str::<Vec<IgnoredAny>>(value.get())?);
            }
        }
        let register = Register {
            edited_at,
            value: value.get().to_owned(),
        };
        self.put(field, register);
        Ok(())
    }

    fn put(&mut self, field: PatchField, register: Register) {
        match self.0.entry(field) {
            Entry::Vacant(entry) => {
                entry.insert(register);
            }
            Entry::Occupied(mut entry) => {
                if register.rank() > entry.get().rank() {
                    entry.insert(register);
                }
            }
        }
    }

    /// Field by field the later of the two.
    #[must_use]
    pub(super) fn join(mut self, other: Self) -> Self {
        for (field, register) in other.0 {
            self.put(field, register);
        }
        self
    }

    /// Lays the fields over a payload's: those of a later edit, and unfurled embeds of the same one.
    pub(super) fn lay_over(&self, body: &mut Body) {
        let whole = body.clone();
        for (field, register) in &self.0 {
            if !register.is_shown(*field, &whole) {
                continue;
            }
            let text = register.value.as_str();
            match field {
                PatchField::Author => {
                    if let Ok(author) = serde_json::from_str::<Author>(text) {
                        body.author_id = author.id;
                        body.author_name = author.username;
                    }
                }
                PatchField::Content => {
                    if let Ok(content) = serde_json::from_str(text) {
                        body.content = content;
                    }
                }
                PatchField::Attachments => {
                    body.attachment_count = register.items().unwrap_or(body.attachment_count);
                }
                PatchField::Flags => {
                    if let Ok(flags) = serde_json::from_str::<u64>(text) {
                        body.embeds_suppressed = flags & SUPPRESS_EMBEDS != 0;
                    }
                }
                PatchField::Embeds => {
                    body.embed_count = register.items().unwrap_or(body.embed_count);
                }
            }
            body.edited_at = body.edited_at.max(register.edited_at);
        }
    }

    /// The JSON text of a field that is shown instead of a payload's own, if there is one.
    #[must_use]
    pub fn shown_over(&self, field: PatchField, whole: &Body) -> Option<&str> {
        let register = self.0.get(&field);
        let register = register.filter(|register| register.is_shown(field, whole));
        register.map(|register| register.value.as_str())
    }
}
