//! A message in the API's JSON, column by column.

use std::borrow::Cow;

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{
    ArrayBuilder, KnownFormat, ObjectBuilder, OneOfBuilder, RefBuilder, Schema, SchemaFormat,
    SchemaType, Type,
};
use utoipa::{PartialSchema, ToSchema};

use super::hidden::Hidden;
use crate::api::http::values::{Snowflake, Time, snowflake};
use crate::store::{COLUMNS, Cell, Column, Kind, MessageRow, StoreError};

/// An archived message: the columns of [`COLUMNS`], of which the payload is only there where it was requested.
#[derive(Debug)]
pub(crate) struct MessageJson {
    row: MessageRow,
    /// The values of the columns that contain JSON, in their order.
    json: Vec<Box<RawValue>>,
    hidden: Hidden,
}

impl MessageJson {
    /// A row without the values of hidden columns. Fails if a column contains no JSON where it should: then the
    /// response would be none either.
    pub(crate) fn new(mut row: MessageRow, hidden: Hidden) -> Result<Self, StoreError> {
        if hidden.hides_payload() {
            row.raw_json = None;
        }
        let json = COLUMNS.iter().zip(row.cells());
        let json = json.filter_map(|(column, cell)| match cell {
            Cell::Text(text) if column.kind.is_json() => Some(text.to_owned()),
            _ => None,
        });
        let json = json.map(RawValue::from_string).collect::<Result<_, _>>()?;
        Ok(Self { row, json, hidden })
    }
}

impl Serialize for MessageJson {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        let mut json = self.json.iter();
        for (column, cell) in COLUMNS.iter().zip(self.row.cells()) {
            let name = column.name;
            let cell = match self.hidden.hides(*column) {
                true => Cell::Null,
                false => cell,
            };
            match cell {
                Cell::Null if column.is_payload() => {}
                Cell::Null => map.serialize_entry(name, &())?,
                Cell::Text(_) if column.kind.is_json() => {
                    map.serialize_entry(name, &json.next())?;
                }
                Cell::Text(text) => map.serialize_entry(name, text)?,
                Cell::Id(id) => map.serialize_entry(name, &snowflake(id))?,
                Cell::Number(number) => map.serialize_entry(name, &number)?,
                Cell::Boolean(value) => map.serialize_entry(name, &value)?,
                Cell::Time(at) => map.serialize_entry(name, &Time(at))?,
            }
        }
        map.end()
    }
}

impl ToSchema for MessageJson {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed("Message")
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        fn add<T: ToSchema>(schemas: &mut Vec<(String, RefOr<Schema>)>) {
            schemas.push((T::name().into_owned(), T::schema()));
            T::schemas(schemas);
        }
        add::<Snowflake>(schemas);
        add::<Time>(schemas);
        add::<ReactionJson>(schemas);
        add::<PollVotesJson>(schemas);
    }
}

impl PartialSchema for MessageJson {
    fn schema() -> RefOr<Schema> {
        let mut object = ObjectBuilder::new()
            .schema_type(Type::Object)
            .description(Some("An archived message."));
        for column in COLUMNS {
            object = object.property(column.name, described(column));
            if !column.is_payload() {
                object = object.required(column.name);
            }
        }
        object.into()
    }
}

/// The description of a column in the API's document.
fn described(column: Column) -> RefOr<Schema> {
    let can_be_hidden = column.name == "content" || column.name == "author_name";
    let meaning = if can_be_hidden {
        Some(format!(
            "{} Null if the key may not see it.",
            column.meaning
        ))
    } else {
        Some(column.meaning.to_owned())
    };
    let types = |json_type| {
        if column.is_nullable || can_be_hidden {
            SchemaType::from_iter([json_type, Type::Null])
        } else {
            SchemaType::new(json_type)
        }
    };
    let value = |json_type| {
        let schema = ObjectBuilder::new().schema_type(types(json_type));
        let meaning = meaning.clone();
        schema.description(meaning).examples(example(column.name))
    };
    let number = |format| {
        let format = SchemaFormat::KnownFormat(format);
        let schema = value(Type::Integer).format(Some(format));
        schema.minimum(Some(0)).into()
    };
    let named = |name: Cow<'static, str>| {
        let schema = RefBuilder::new().ref_location_from_schema_name(name);
        let schema = schema.description(meaning.clone());
        if !column.is_nullable {
            return schema.into();
        }
        let null = ObjectBuilder::new().schema_type(Type::Null);
        OneOfBuilder::new().item(schema).item(null).into()
    };
    let list = |item: Cow<'static, str>| {
        let item = RefBuilder::new().ref_location_from_schema_name(item);
        let schema = ArrayBuilder::new().schema_type(types(Type::Array));
        schema
            .items(item.build())
            .description(meaning.clone())
            .into()
    };
    match (column.kind, column.name) {
        (Kind::Snowflake, _) => named(Snowflake::name()),
        (Kind::Time, _) => named(Time::name()),
        (Kind::Text, _) => value(Type::String).into(),
        (Kind::Boolean, _) => value(Type::Boolean).into(),
        (Kind::Count | Kind::Small, _) => number(KnownFormat::Int32),
        (Kind::Revision, _) => number(KnownFormat::Int64),
        (Kind::Details, "reactions") => list(ReactionJson::name()),
        (Kind::Details, _) => list(PollVotesJson::name()),
        (Kind::Json, _) => {
            let schema = ObjectBuilder::new().schema_type(Type::Object);
            schema.description(meaning.clone()).into()
        }
    }
}

fn example(column: &str) -> Option<serde_json::Value> {
    match column {
        "author_name" => Some("ada".into()),
        "content" => Some("Good morning <@1201234567890123457>".into()),
        "deleted_by" => Some("gateway".into()),
        "revision" => Some(42.into()),
        _ => None,
    }
}

/// The reactions with one emoji.
#[derive(ToSchema)]
#[schema(as = Reactions)]
#[expect(dead_code, reason = "the column has it as JSON; this describes it")]
pub(crate) struct ReactionJson {
    /// Discord's id of a custom emoji; null for a Unicode emoji.
    #[schema(required = true, pattern = r"^[0-9]{1,20}$")]
    emoji_id: Option<String>,
    /// The Unicode emoji, or the name of the custom emoji.
    #[schema(required = true, example = "👍")]
    emoji_name: Option<String>,
    /// Number of reactions with this emoji.
    #[schema(minimum = 1, example = 3)]
    count: i64,
    /// Number of those reactions that are super reactions.
    #[schema(minimum = 0, example = 0)]
    super_count: i64,
}

/// The votes for one answer of a poll.
#[derive(ToSchema)]
#[schema(as = PollVotes)]
#[expect(dead_code, reason = "the column has it as JSON; this describes it")]
pub(crate) struct PollVotesJson {
    /// The answer's `answer_id` in the payload's `poll.answers`.
    #[schema(example = 1)]
    answer_id: i64,
    /// Number of votes for this answer.
    #[schema(minimum = 1, example = 3)]
    count: i64,
}
