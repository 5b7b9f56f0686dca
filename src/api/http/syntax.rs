//! How the value of a parameter is written: how it is read, and how OpenAPI describes it. The values that several routes
//! have stand here; a route makes its own with [`syntax`].

use std::str::FromStr;

use chrono::{DateTime, Utc};
use utoipa::ToSchema;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{
    ArrayBuilder, KnownFormat, ObjectBuilder, Ref, Schema, SchemaFormat, Type,
};

use super::parameters::Reason;
use super::values::{Snowflake, Time, read_id, read_time};

/// How values of a type are written.
pub(crate) trait Syntax<T> {
    fn read(&self, text: &str) -> Result<T, Reason>;
    fn schema(&self) -> RefOr<Schema>;
}

impl<T, R, S> Syntax<T> for (R, S)
where
    R: Fn(&str) -> Result<T, Reason>,
    S: Fn() -> RefOr<Schema>,
{
    fn read(&self, text: &str) -> Result<T, Reason> {
        (self.0)(text)
    }

    fn schema(&self) -> RefOr<Schema> {
        (self.1)()
    }
}

/// A syntax of a route's own.
pub(crate) fn syntax<T, S: Into<RefOr<Schema>>>(
    read: impl Fn(&str) -> Result<T, Reason>,
    schema: impl Fn() -> S,
) -> impl Syntax<T> {
    (read, move || schema().into())
}

/// The schema of a text, to be refined.
pub(crate) fn string() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String)
}

/// A Discord id.
pub(crate) fn id<T: FromStr>() -> impl Syntax<T> {
    syntax(read_id, || Ref::from_schema_name(Snowflake::name()))
}

/// A time with an offset from UTC.
pub(crate) fn time() -> impl Syntax<DateTime<Utc>> {
    syntax(read_time, || Ref::from_schema_name(Time::name()))
}

/// `true` or `false`.
pub(crate) fn boolean() -> impl Syntax<bool> {
    syntax(
        |text| text.parse().map_err(|_| "must be true or false".into()),
        || ObjectBuilder::new().schema_type(Type::Boolean),
    )
}

/// A whole number from `low` to `high`.
pub(crate) fn number(low: usize, high: usize) -> impl Syntax<usize> {
    let read = move |text: &str| {
        let is_canonical = !text.starts_with('0') && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse()
            .ok()
            .filter(|number| is_canonical && (low..=high).contains(number))
            .ok_or_else(|| format!("must be a whole number from {low} to {high}").into())
    };
    syntax(read, move || {
        ObjectBuilder::new()
            .schema_type(Type::Integer)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::Int32)))
            .minimum(Some(low))
            .maximum(Some(high))
    })
}

/// Any text.
pub(crate) fn text() -> impl Syntax<String> {
    syntax(|text| Ok(text.to_owned()), || string().min_length(Some(1)))
}

/// A text of at most so many characters.
pub(crate) fn text_up_to(length: usize) -> impl Syntax<String> {
    let read = move |text: &str| {
        if text.chars().count() > length {
            return Err(format!("must have at most {length} characters").into());
        }
        Ok(text.to_owned())
    };
    syntax(read, move || {
        string().min_length(Some(1)).max_length(Some(length))
    })
}

/// One of these words, each of which stands for a value.
pub(crate) fn one_of<T: Copy>(words: &[(&'static str, T)]) -> impl Syntax<T> {
    let read = |text: &str| {
        let named = words.iter().find(|(word, _)| *word == text);
        named.map(|(_, value)| *value).ok_or_else(|| {
            let words: Vec<_> = words.iter().map(|(word, _)| *word).collect();
            let (last, others) = words.split_last().unwrap_or((&"", &[]));
            format!("must be {} or {last}", others.join(", ")).into()
        })
    };
    syntax(read, || {
        string().enum_values(Some(words.iter().map(|(word, _)| *word)))
    })
}

/// The schema of a list of words, separated by commas, none of which may stand twice.
pub(crate) fn list_of(words: impl IntoIterator<Item = &'static str>) -> ArrayBuilder {
    ArrayBuilder::new()
        .items(string().enum_values(Some(words)))
        .unique_items(true)
        .min_items(Some(1))
}
