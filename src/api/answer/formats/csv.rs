//! CSV with a header line. Strangers write the content and spreadsheets execute formulas, so a text that begins
//! like a formula gets a leading `'`, unless the client turns that off.

use std::io::Write;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, RecordBatch, StringArray};
use arrow::csv::{Writer, WriterBuilder};
use arrow::datatypes::{DataType, Fields, Schema, SchemaRef, TimeUnit, TimestampMicrosecondType};

use icu_normalizer::ComposingNormalizerBorrowed;
use icu_properties::props::{DefaultIgnorableCodePoint, GeneralCategory};
use icu_properties::{CodePointMapData, CodePointSetData};

use super::encoder::{Broken, Encoder, Out};
use crate::api::http::query::query;
use crate::api::http::syntax::boolean;

/// The characters with which spreadsheets recognise a formula, in their plain forms. The last one is the minus sign.
const FORMULA: [char; 5] = ['=', '+', '-', '@', '\u{2212}'];

/// Characters by which a cell can end for a spreadsheet, so that the next one begins.
const ENDS_CELL: [char; 3] = ['\t', '\r', '\n'];

/// Times as in JSON: RFC 3339 in UTC, with microseconds.
const TIME: &str = "%Y-%m-%dT%H:%M:%S%.6fZ";

/// Local times, without a zone.
const CLOCK: &str = "%Y-%m-%dT%H:%M:%S%.f";

const BYTE_ORDER_MARK: &str = "\u{feff}";

/// UTC as an offset, because the writer would need a table of all zones for names of zones.
const UTC: &str = "+00:00";

query! {
    /// The parameters that only CSV has.
    #[derive(Debug, Clone, Copy, Default)]
    pub(crate) struct CsvOptions {
        /// Whether to leave cells that begin like a spreadsheet formula unescaped. Strangers wrote the texts,
        /// and a spreadsheet executes formulas: use it only for programs that don't.
        optional raw: bool = boolean(), default false;
        /// Whether to begin the file with a byte order mark, by which Excel recognises UTF-8.
        optional bom: bool = boolean(), default false;
    }
}

pub(crate) struct Table {
    writer: Writer<Out>,
    schema: SchemaRef,
    is_guarded: bool,
}

impl Table {
    pub(crate) fn new(
        schema: &SchemaRef,
        options: CsvOptions,
        mut out: Out,
    ) -> Result<Self, Broken> {
        if options.bom() {
            out.write_all(BYTE_ORDER_MARK.as_bytes())?;
        }
        let mut writer = WriterBuilder::new()
            .with_header(true)
            .with_timestamp_tz_format(TIME.to_owned())
            .with_timestamp_format(CLOCK.to_owned())
            .build(out);
        let fields = schema.fields().iter().map(|field| match field.data_type() {
            DataType::Timestamp(unit, Some(_)) => {
                let time = DataType::Timestamp(*unit, Some(UTC.into()));
                Arc::new(field.as_ref().clone().with_data_type(time))
            }
            _ => Arc::clone(field),
        });
        let schema = Arc::new(Schema::new(fields.collect::<Fields>()));
        // The header line is written even if there are no rows.
        writer.write(&RecordBatch::new_empty(Arc::clone(&schema)))?;
        Ok(Self {
            writer,
            schema,
            is_guarded: !options.raw(),
        })
    }
}

impl Encoder for Table {
    fn write(&mut self, rows: &RecordBatch) -> Result<(), Broken> {
        let columns = rows
            .columns()
            .iter()
            .map(|column| match column.data_type() {
                DataType::Timestamp(TimeUnit::Microsecond, Some(_)) => {
                    let times = column.as_primitive::<TimestampMicrosecondType>();
                    Arc::new(times.clone().with_timezone(UTC))
                }
                DataType::Utf8 if self.is_guarded => guarded(column),
                _ => Arc::clone(column),
            });
        let rows = RecordBatch::try_new(Arc::clone(&self.schema), columns.collect())?;
        Ok(self.writer.write(&rows)?)
    }

    fn finish(self: Box<Self>) -> Result<(), Broken> {
        Ok(self.writer.into_inner().end()?)
    }
}

/// Whether a spreadsheet could take a text for a formula. Spreadsheets drop what nobody sees in front of it (Excel drops
/// spaces, LibreOffice when it splits by them, converters also zero-width characters), and input methods write the signs
/// in other widths, so the first visible character counts, in its compatibility form: `＝` and `﹦` are `=`.
fn is_formula(text: &str) -> bool {
    if text.starts_with(|first: char| first.is_ascii_alphanumeric()) {
        return false;
    }
    if text.starts_with(ENDS_CELL) {
        return true;
    }
    let kinds = CodePointMapData::<GeneralCategory>::new();
    let ignorable = CodePointSetData::new::<DefaultIgnorableCodePoint>();
    let is_unseen = |it: char| {
        let kind = kinds.get(it);
        it.is_whitespace()
            || matches!(kind, GeneralCategory::Control | GeneralCategory::Format)
            || ignorable.contains(it)
    };
    let first = text.chars().find(|it| !is_unseen(*it));
    let nfkc = ComposingNormalizerBorrowed::new_nfkc();
    first.is_some_and(|first| {
        nfkc.normalize_iter(std::iter::once(first))
            .next()
            .is_some_and(|plain| FORMULA.contains(&plain))
    })
}

/// A text column with all formulas escaped.
fn guarded(column: &ArrayRef) -> ArrayRef {
    let texts = column.as_string::<i32>();
    if !texts.iter().flatten().any(is_formula) {
        return Arc::clone(column);
    }
    let guarded = texts.iter().map(|text| {
        text.map(|text| {
            if is_formula(text) {
                format!("'{text}")
            } else {
                text.to_owned()
            }
        })
    });
    Arc::new(guarded.collect::<StringArray>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_formula_is_found_behind_what_nobody_sees_and_in_every_width() {
        let signs = [
            "=", "+", "-", "@", "＝", "＋", "－", "＠", "﹦", "﹢", "﹣", "﹫", "⁼", "⁺", "₋",
            "\u{2212}",
        ];
        let unseen = [
            "",
            " ",
            "   ",
            "\u{a0}",
            "\u{3000}",
            "\u{2007}",
            "\u{2028}",
            "\u{200b}",
            "\u{200d}",
            "\u{200e}",
            "\u{202e}",
            "\u{2060}",
            "\u{feff}",
            "\u{ad}",
            "\u{34f}",
            "\u{fe0f}",
            "\u{e0020}",
            "\u{0}",
            "\u{1}",
            "\u{7f}",
            "\u{85}",
            "\u{115f}",
            "\u{3164}",
            " \u{200b}\u{a0}",
        ];
        for sign in signs {
            for before in unseen {
                let text = format!("{before}{sign}SUM(A1)");
                assert!(is_formula(&text), "{text:?}");
            }
        }
        for text in ["\tx", "\rx", "\nx", "\n"] {
            assert!(is_formula(text), "{text:?}");
        }
        for text in [
            "",
            " ",
            "\u{200b}",
            "hello",
            " hello",
            "1+1",
            "a=b",
            "#general",
            "'=1",
            "\"=1\"",
            "(=1)",
            "é=1",
            "你好",
            "👍 +1",
            "…",
            "– a dash",
            "— a dash",
        ] {
            assert!(!is_formula(text), "{text:?}");
        }
    }
}
