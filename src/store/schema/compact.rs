//! A message's row in a compact binary form, without its payload, for a store beside the record that keeps rows by
//! channel and id. What the key says (channel, id, and the time in the id) is not in the value.

use chrono::DateTime;
use integer_encoding::VarInt;

use super::columns::{Column, Kind};
use super::message::{COLUMNS, Cell, MessageRow, Part, place_of};
use crate::message::{ChannelId, MessageId};
use crate::store::StoreError;

/// The number of columns of a message.
const N: usize = COLUMNS.len();

/// The columns whose values are known from the key.
const MESSAGE_ID: usize = place_of("message_id");
const CHANNEL_ID: usize = place_of("channel_id");
const CREATED_AT: usize = place_of("created_at");

/// A message's row in this form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompactRow {
    /// The channel or thread of the message.
    pub channel_id: ChannelId,
    /// The message's id.
    pub message_id: MessageId,
    /// The values of the other columns.
    pub value: Vec<u8>,
}

impl CompactRow {
    /// Writes a row in this form.
    pub(crate) fn of(row: &MessageRow) -> Self {
        Self::of_cells(row.channel_id, row.message_id, &row.cells())
    }

    /// Writes the row with these values in this form.
    pub(crate) fn of_cells(
        channel_id: ChannelId,
        message_id: MessageId,
        cells: &[Cell<'_>; N],
    ) -> Self {
        Self {
            channel_id,
            message_id,
            value: encode(cells),
        }
    }

    /// Reads the row.
    ///
    /// # Errors
    /// If the value is not one that this version of the program wrote.
    pub fn read(&self) -> Result<MessageRow, StoreError> {
        read_compact(self.channel_id, self.message_id, &self.value)
    }
}

/// Reads a row from the value that [`CompactRow`] has. `raw_json` is null.
///
/// # Errors
/// If the value is not one that this version of the program wrote.
pub fn read_compact(
    channel_id: ChannelId,
    message_id: MessageId,
    value: &[u8],
) -> Result<MessageRow, StoreError> {
    let cells = decode(channel_id, message_id, value).ok_or_else(|| damaged(message_id))?;
    MessageRow::of_cells(&cells).ok_or_else(|| damaged(message_id))
}

/// Identifies the form: it changes with the names, the kinds and the order of the columns, so that a value is never
/// read as something else than it was written as.
#[must_use]
pub fn compact_form() -> u32 {
    let columns = kept().map(|(_, column)| {
        let Column { name, kind, .. } = column;
        format!("{name} {kind:?} {};", column.is_nullable)
    });
    crc32fast::hash(columns.collect::<String>().as_bytes())
}

/// The columns in the value, each with its place among all columns.
fn kept() -> impl Iterator<Item = (usize, Column)> {
    let all = COLUMNS.into_iter().enumerate();
    all.filter(|(at, _)| {
        let is_in_key = [MESSAGE_ID, CHANNEL_ID].contains(at);
        !is_in_key && !matches!(Part::of(*at), Part::InId | Part::Payload)
    })
}

/// The value: a word with one bit for each value that is true or not null, and then the values that are not
/// null. Ids and times have eight bytes, because most of them repeat from row to row, which the compression of a
/// block finds; numbers are as short as they can be.
pub(crate) fn encode(cells: &[Cell<'_>; N]) -> Vec<u8> {
    let mut value = vec![0; size_of::<u32>()];
    let mut bits = Bits::default();
    for (at, column) in kept() {
        let cell = cells[at];
        if column.is_nullable {
            bits.push(cell != Cell::Null);
        }
        match cell {
            Cell::Null => {}
            Cell::Boolean(is_true) => bits.push(is_true),
            Cell::Id(id) => value.extend(id.to_le_bytes()),
            Cell::Time(at) => value.extend(at.timestamp_micros().to_le_bytes()),
            Cell::Number(number) => value.extend(number.encode_var_vec()),
            Cell::Text(text) => {
                value.extend(text.len().encode_var_vec());
                value.extend(text.as_bytes());
            }
        }
    }
    value[..size_of::<u32>()].copy_from_slice(&bits.word.to_le_bytes());
    value
}

/// The cells of a value; none if it has another form.
fn decode(channel_id: ChannelId, message_id: MessageId, value: &[u8]) -> Option<[Cell<'_>; N]> {
    let (word, mut rest) = value.split_first_chunk()?;
    let mut bits = Bits {
        word: u32::from_le_bytes(*word),
        next: 0,
    };
    let mut cells = [Cell::Null; N];
    for (at, column) in kept() {
        if column.is_nullable && !bits.take() {
            continue;
        }
        cells[at] = match column.kind {
            Kind::Boolean => Cell::Boolean(bits.take()),
            Kind::Snowflake => Cell::Id(take_word(&mut rest)?),
            Kind::Time => Cell::Time(DateTime::from_timestamp_micros(take_word(&mut rest)?)?),
            Kind::Count | Kind::Small | Kind::Revision => {
                let (number, length) = i64::decode_var(rest)?;
                rest = rest.get(length..)?;
                Cell::Number(number)
            }
            Kind::Text | Kind::Json | Kind::Details => {
                let (bytes, length) = usize::decode_var(rest)?;
                let (text, after) = rest.get(length..)?.split_at_checked(bytes)?;
                rest = after;
                Cell::Text(std::str::from_utf8(text).ok()?)
            }
        };
    }
    cells[MESSAGE_ID] = Cell::Id(message_id.as_i64());
    cells[CHANNEL_ID] = Cell::Id(channel_id.as_i64());
    cells[CREATED_AT] = Cell::Time(message_id.created_at());
    rest.is_empty().then_some(cells)
}

fn take_word(rest: &mut &[u8]) -> Option<i64> {
    let (word, after) = rest.split_first_chunk()?;
    *rest = after;
    Some(i64::from_le_bytes(*word))
}

/// The bits of a value, in the order of the columns.
#[derive(Default)]
struct Bits {
    word: u32,
    next: u32,
}

impl Bits {
    fn push(&mut self, bit: bool) {
        self.word |= u32::from(bit) << self.next;
        self.next += 1;
    }

    fn take(&mut self) -> bool {
        let bit = self.word >> self.next & 1 == 1;
        self.next += 1;
        bit
    }
}

/// Adding a column must not overflow the word.
const _: () = {
    let mut bits = 0;
    let mut at = 0;
    while at < N {
        bits += COLUMNS[at].is_nullable as u32 + matches!(COLUMNS[at].kind, Kind::Boolean) as u32;
        at += 1;
    }
    assert!(bits <= u32::BITS);
};

fn damaged(message_id: MessageId) -> StoreError {
    StoreError::Damaged(format!(
        "the compact row of message {message_id} can't be read"
    ))
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, Utc};
    use proptest::prelude::*;

    use super::*;

    fn time() -> impl Strategy<Value = DateTime<Utc>> {
        (0..4_102_444_800_000_000_i64)
            .prop_map(|micros| DateTime::from_timestamp_micros(micros).expect("a time"))
    }

    fn row() -> impl Strategy<Value = MessageRow> {
        let ids = prop::array::uniform4(1..i64::MAX);
        let texts = (
            ".{0,40}",
            ".{0,300}",
            any::<Option<String>>(),
            any::<Option<String>>(),
        );
        let times = (prop::option::of(time()), prop::option::of(time()), time());
        let counts = (
            any::<[i32; 3]>(),
            any::<Option<i32>>(),
            any::<i64>(),
            any::<[bool; 2]>(),
        );
        (ids, texts, times, counts).prop_map(|(ids, texts, times, counts)| {
            let message_id: MessageId = ids[0].try_into().expect("an id");
            MessageRow {
                message_id,
                guild_id: ids[1].try_into().expect("an id"),
                channel_id: ids[2].try_into().expect("an id"),
                author_id: ids[3].try_into().expect("an id"),
                author_name: texts.0,
                author_is_bot: counts.3[0],
                content: texts.1,
                created_at: message_id.created_at(),
                edited_at: times.0,
                deleted: counts.3[1],
                deleted_by: counts.3[1].then(|| "gateway".to_owned()),
                deleted_after: times.1,
                deleted_before: times.0,
                content_removed_at: times.1,
                message_type: counts.0[0],
                attachment_count: counts.0[1],
                embed_count: counts.0[2],
                reaction_count: counts.1,
                reactions: texts.2,
                poll_votes: texts.3,
                ingested_at: times.2,
                revision: counts.2,
                raw_json: None,
            }
        })
    }

    proptest! {
        #[test]
        fn a_row_is_read_as_it_was_written(row in row()) {
            let compact = CompactRow::of(&row);
            prop_assert_eq!(compact.read().expect("a row"), row);
        }

        #[test]
        fn a_value_that_was_cut_is_refused(row in row(), cut in any::<prop::sample::Index>()) {
            let mut compact = CompactRow::of(&row);
            compact.value.truncate(cut.index(compact.value.len()));
            prop_assert!(compact.read().is_err());
        }

        #[test]
        fn foreign_bytes_are_read_or_refused_without_a_panic(value: Vec<u8>) {
            let id = MessageId::try_from(1_i64 << 40).expect("an id");
            let channel_id = ChannelId::try_from(7_i64).expect("an id");
            let _ = read_compact(channel_id, id, &value);
        }
    }
}
