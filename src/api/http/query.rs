//! The parameters of a route in one declaration.

use serde_json::Value as Json;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn, ParameterStyle};
use utoipa::openapi::schema::Schema;
use utoipa::openapi::{RefOr, Required};

use super::syntax::Syntax;

/// Declares the parameters of a route, or a group of them, each once:
///
/// ```text
/// query! {
///     /// The parameters of a page.
///     #[derive(Debug)]
///     pub(crate) struct PageQuery {
///         /// Id of the guild (server).
///         required guild_id: GuildId = id(), example "1101234567890123457";
///         /// Only messages written at or after this time.
///         optional from: DateTime<Utc> = time();
///         /// Only messages written before this time.
///         optional to: DateTime<Utc> = time(), not before from;
///         /// Maximum number of messages per page.
///         optional limit: usize = number(1, 500), default 100;
///         /// The order of the messages.
///         optional order: Order = one_of(ORDERS), default Order::Descending => "desc";
///     }
/// }
/// ```
///
/// This makes the struct (an optional parameter is an `Option`), its strict reader
/// ([`QueryParameters`](super::parameters::QueryParameters)) and its OpenAPI description (`IntoParams`). A parameter
/// with a default also gets a method of its name, which returns the given value or the default; where the default is no
/// number or boolean, `=>` says how a caller writes it.
macro_rules! query {
    (
        $(#[$attribute:meta])*
        $visible:vis struct $Query:ident {
            $(
                $(#[doc = $doc:literal])*
                $need:ident $name:ident: $type:ty = $syntax:expr
                    $(, not before $earlier:ident)?
                    $(, default $default:expr $(=> $shown:literal)?)?
                    $(, example $example:literal)?;
            )*
        }
    ) => {
        $(#[$attribute])*
        $visible struct $Query {
            $($(#[doc = $doc])* $visible $name: $crate::api::http::query::query!(@field $need $type),)*
        }

        impl $Query {
            $($(
                $visible fn $name(&self) -> $type {
                    self.$name.unwrap_or($default)
                }
            )?)*
        }

        impl $crate::api::http::parameters::QueryParameters for $Query {
            fn read(given: &mut $crate::api::http::parameters::Parameters) -> Option<Self> {
                use $crate::api::http::syntax::Syntax;
                $(
                    let $name: Option<$type> =
                        given.$need(stringify!($name), |text| Syntax::<$type>::read(&$syntax, text));
                    $(given.in_order((stringify!($earlier), &$earlier), (stringify!($name), &$name));)?
                )*
                Some(Self {
                    $($name: $crate::api::http::query::query!(@value $need $name),)*
                })
            }
        }

        impl utoipa::IntoParams for $Query {
            fn into_params(
                _: impl Fn() -> Option<utoipa::openapi::path::ParameterIn>,
            ) -> Vec<utoipa::openapi::path::Parameter> {
                vec![$(
                    $crate::api::http::query::Declared {
                        name: stringify!($name),
                        is_required: $crate::api::http::query::query!(@is_required $need),
                        meaning: &[$($doc),*],
                        default: $crate::api::http::query::query!(@json $($default $(=> $shown)?)?),
                        example: $crate::api::http::query::query!(@json $($example)?),
                    }
                    .describe::<$type>(&$syntax),
                )*]
            }
        }
    };
    (@field required $type:ty) => { $type };
    (@field optional $type:ty) => { Option<$type> };
    (@value required $name:ident) => { $name? };
    (@value optional $name:ident) => { $name };
    (@is_required required) => { true };
    (@is_required optional) => { false };
    (@json) => { None };
    (@json $value:expr) => { Some(serde_json::Value::from($value)) };
    (@json $value:expr => $shown:literal) => { Some(serde_json::Value::from($shown)) };
}
pub(crate) use query;

/// What a declaration says of a parameter, besides its syntax.
pub(crate) struct Declared {
    pub(crate) name: &'static str,
    pub(crate) is_required: bool,
    /// The lines of its documentation.
    pub(crate) meaning: &'static [&'static str],
    pub(crate) default: Option<Json>,
    pub(crate) example: Option<Json>,
}

impl Declared {
    /// The OpenAPI description of the parameter.
    pub(crate) fn describe<T>(self, syntax: &impl Syntax<T>) -> Parameter {
        let required = match self.is_required {
            true => Required::True,
            false => Required::False,
        };
        let lines: Vec<_> = self.meaning.iter().map(|line| line.trim()).collect();
        let mut schema = syntax.schema();
        if let RefOr::T(Schema::Object(object)) = &mut schema {
            if let Some(words) = &mut object.enum_values {
                // The default stands first.
                words.sort_by_key(|word| Some(word) != self.default.as_ref());
                object.description = Some(format!("The values of `{}`.", self.name));
            }
            object.default = self.default;
        }
        // A list is one value, separated by commas.
        let is_list = matches!(schema, RefOr::T(Schema::Array(_)));
        ParameterBuilder::new()
            .name(self.name)
            .parameter_in(ParameterIn::Query)
            .required(required)
            .description(Some(lines.join("\n")))
            .style(is_list.then_some(ParameterStyle::Form))
            .explode(is_list.then_some(false))
            .schema(Some(schema))
            .example(self.example)
            .build()
    }
}

#[cfg(test)]
mod tests {
    use utoipa::IntoParams;

    use crate::api::http::parameters::Parameters;
    use crate::api::http::syntax::{number, one_of, time};

    query! {
        /// Parameters of every kind.
        #[derive(Debug)]
        struct Sample {
            /// How many.
            required count: usize = number(1, 9), example 3;
            optional from: chrono::DateTime<chrono::Utc> = time();
            optional to: chrono::DateTime<chrono::Utc> = time(), not before from;
            /// First line,
            /// second line.
            optional up: bool = one_of(&[("down", false), ("up", true)]), default true => "up";
        }
    }

    #[test]
    fn one_declaration_reads_and_describes() {
        let read = |query| Parameters::parse(Some(query)).read::<Sample>();
        let sample = read("count=3&from=2025-01-01T00:00:00Z").expect("it is valid");
        assert_eq!((sample.count, sample.up, sample.up()), (3, None, true));
        assert!(sample.from.is_some() && sample.to.is_none());
        assert!(!read("count=3&up=down").expect("it is valid").up());

        let wrong = "count=10&from=2025-01-02T00:00:00Z&to=2025-01-01T00:00:00Z&up=left&x=1";
        let problem = format!("{:?}", read(wrong).expect_err("everything is wrong"));
        for reason in [
            "must be a whole number from 1 to 9",
            "must not be later than to",
            "must be down or up",
            "is not a parameter of this route",
        ] {
            assert!(problem.contains(reason), "{problem}");
        }

        let described = Sample::into_params(|| None);
        let up = serde_json::to_value(&described[3]).expect("it is JSON");
        assert_eq!(up["description"], "First line,\nsecond line.");
        assert_eq!(up["required"], false);
        assert_eq!(up["schema"]["default"], "up");
        assert_eq!(up["schema"]["enum"], serde_json::json!(["up", "down"]));
        let count = serde_json::to_value(&described[0]).expect("it is JSON");
        assert_eq!(count["required"], true);
        assert_eq!(count["example"], 3);
        assert_eq!(count["schema"]["maximum"], 9);
    }
}
