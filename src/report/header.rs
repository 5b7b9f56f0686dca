//! The header of a report: the comment at the beginning of its file, up to the first line that is not a
//! comment.

use std::borrow::Cow;
use std::collections::HashSet;

use strum::VariantNames;

use super::{ColumnKind, Kind, Parameter, Report, ReportColumn};

/// Why a header is not valid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {reason}")]
pub struct HeaderError {
    /// The line of the error, from 1.
    pub line: usize,
    /// The reason.
    pub reason: Cow<'static, str>,
}

/// Parses a report from the text of its file.
pub(super) fn parse(name: &str, sql: &str) -> Result<Report, HeaderError> {
    let mut report = Report {
        name: name.to_owned(),
        title: String::new(),
        description: String::new(),
        reads_history: false,
        needs_content: false,
        parameters: Vec::new(),
        columns: Vec::new(),
        sql: sql.to_owned(),
    };
    for (line, entry) in entries(sql)? {
        let result = match entry.split_once(": ") {
            Some(("title", title)) => {
                report.title = title.to_owned();
                Ok(())
            }
            Some(("description", description)) => {
                report.description = description.to_owned();
                Ok(())
            }
            Some(("reads", "history")) => {
                report.reads_history = true;
                Ok(())
            }
            Some(("needs", "content")) => {
                report.needs_content = true;
                Ok(())
            }
            Some((key, rest)) => match key.split_once(' ') {
                Some(("param", name)) => {
                    parameter(name, rest).map(|parameter| report.parameters.push(parameter))
                }
                Some(("column", name)) => {
                    column(name, rest).map(|column| report.columns.push(column))
                }
                _ => Err(
                    "the entry must be title, description, reads, needs, param or column".into(),
                ),
            },
            None => Err("the entry must have the form `key: value`".into()),
        };
        result.map_err(|reason| HeaderError { line, reason })?;
    }
    let missing = [
        ("title", report.title.is_empty()),
        ("description", report.description.is_empty()),
        ("column", report.columns.is_empty()),
    ];
    if let Some((key, _)) = missing.iter().find(|(_, is_missing)| *is_missing) {
        let reason = format!("the header has no `-- {key}`").into();
        return Err(HeaderError { line: 1, reason });
    }
    let names = report.parameters.iter().map(|it| &it.name);
    if let Some(name) = twice(names).or_else(|| twice(report.columns.iter().map(|it| &it.name))) {
        let reason = format!("the header contains `{name}` twice").into();
        return Err(HeaderError { line: 1, reason });
    }
    Ok(report)
}

/// The entries of the header, each with the number of its first line; continued lines are joined.
fn entries(sql: &str) -> Result<Vec<(usize, String)>, HeaderError> {
    let mut entries: Vec<(usize, String)> = Vec::new();
    for (number, line) in sql.lines().enumerate() {
        let line_number = number + 1;
        let Some(text) = line.strip_prefix("--") else {
            break;
        };
        if let Some(more) = text.strip_prefix("   ") {
            let Some((_, entry)) = entries.last_mut() else {
                let reason = "the line continues an entry, but there is none before it".into();
                return Err(HeaderError {
                    line: line_number,
                    reason,
                });
            };
            entry.push(' ');
            entry.push_str(more.trim());
        } else {
            entries.push((line_number, text.trim().to_owned()));
        }
    }
    Ok(entries)
}

/// `TYPE[, required][ = DEFAULT]. What it means.`
fn parameter(name: &str, text: &str) -> Result<Parameter, Cow<'static, str>> {
    let (kind, description) = described(text)?;
    let (kind, default) = match kind.split_once(" = ") {
        Some((kind, default)) => (kind, Some(default)),
        None => (kind, None),
    };
    let (kind, is_required) = match kind.strip_suffix(", required") {
        Some(kind) => (kind, true),
        None => (kind, false),
    };
    let kind = parameter_kind(kind)?;
    let default = default
        .map(|text| kind.read(text))
        .transpose()
        .map_err(|reason| format!("the default {reason}"))?;
    Ok(Parameter {
        name: checked(name)?,
        kind,
        is_required,
        default,
        description,
    })
}

fn parameter_kind(text: &str) -> Result<Kind, Cow<'static, str>> {
    if let Some(words) = text.strip_prefix("one of ") {
        return Ok(Kind::OneOf(words.split('|').map(str::to_owned).collect()));
    }
    if let Some(range) = text.strip_prefix("integer ") {
        let (low, high) = range.split_once("..").ok_or("a range must be LOW..HIGH")?;
        let number = |text: &str| text.parse().map_err(|_| "a range must be LOW..HIGH");
        return Ok(Kind::Integer(number(low)?, number(high)?));
    }
    match text {
        "id" => Ok(Kind::Id),
        "time" => Ok(Kind::Time),
        "day" => Ok(Kind::Day),
        "integer" => Ok(Kind::Integer(i64::MIN, i64::MAX)),
        "boolean" => Ok(Kind::Boolean),
        "zone" => Ok(Kind::Zone),
        "text" => Ok(Kind::Text),
        _ => Err(format!(
            "`{text}` is not a parameter type; the types are id, time, day, integer, integer 1..100, boolean, zone, text, one of a|b|c"
        )
        .into()),
    }
}

/// `TYPE. What it means.`
fn column(name: &str, text: &str) -> Result<ReportColumn, Cow<'static, str>> {
    let (kind, description) = described(text)?;
    let Ok(kind) = kind.parse::<ColumnKind>() else {
        let known = ColumnKind::VARIANTS.join(", ");
        return Err(format!("`{kind}` is not a column type; the types are {known}").into());
    };
    Ok(ReportColumn {
        name: checked(name)?,
        kind,
        description,
    })
}

fn described(text: &str) -> Result<(&str, String), Cow<'static, str>> {
    match text.split_once(". ") {
        Some((kind, description)) => Ok((kind, description.to_owned())),
        None => Err("the entry must have the form `TYPE. What it means.`".into()),
    }
}

/// Whether a name has only lower-case letters, digits and `_`, and is not too long.
pub(super) fn is_name(name: &str) -> bool {
    let is_ours = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    !name.is_empty() && name.len() <= 64 && name.bytes().all(is_ours)
}

/// Checks a name, which must need no quotes anywhere.
fn checked(name: &str) -> Result<String, Cow<'static, str>> {
    if is_name(name) {
        Ok(name.to_owned())
    } else {
        Err(format!("`{name}` is not a valid name; use lower-case letters, digits and _").into())
    }
}

fn twice<'a>(mut names: impl Iterator<Item = &'a String>) -> Option<&'a String> {
    let mut seen = HashSet::new();
    names.find(|name| !seen.insert(*name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Value;

    #[test]
    fn a_header_is_read_and_what_is_wrong_in_it_is_named() {
        let text = "-- title: Words\n-- description: How many\n--   there are.\n\
                    -- param limit: integer 1..9 = 5. At most.\n\
                    -- param unit: one of day|week, required. Which.\n\
                    -- column words: integer. So many.\n\nSELECT 1 AS words;\n-- param x: y\n";
        let report = parse("words", text).unwrap();
        assert_eq!(report.description, "How many there are.");
        assert_eq!(report.parameters[0].kind, Kind::Integer(1, 9));
        assert_eq!(report.parameters[0].default, Some(Value::Integer(5)));
        assert!(report.parameters[1].is_required);
        assert_eq!(report.columns[0].kind, ColumnKind::Integer);

        let lines =
            "-- title: Words\n-- description: How many.\n-- column words: integer. So many.\n";
        for (wrong, reason) in [
            (
                "-- param limit: integer 1..9 = 50. At most.",
                "the default must be a whole number from 1 to 9",
            ),
            (
                "-- param limit: integer 1-9. At most.",
                "a range must be LOW..HIGH",
            ),
            (
                "-- param limit: word. At most.",
                "`word` is not a parameter type",
            ),
            (
                "-- param limit: integer",
                "the entry must have the form `TYPE. What it means.`",
            ),
            (
                "-- param Limit: integer. At most.",
                "`Limit` is not a valid name",
            ),
            (
                "-- column word: varchar. One.",
                "`varchar` is not a column type",
            ),
            ("-- author: Ada", "the entry must be title"),
        ] {
            let error = parse("words", &format!("{lines}{wrong}\n\nSELECT 1")).unwrap_err();
            assert_eq!(error.line, 4);
            assert!(error.reason.starts_with(reason), "{error}");
        }
        let twice = parse("words", &format!("{lines}-- column words: text. Again.\n"));
        assert!(twice.unwrap_err().reason.contains("`words` twice"));
    }
}
