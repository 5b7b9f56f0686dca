//! The query of a request and the form errors of Discord.
//! `+` stays `+`: clients send time stamps with an offset, and not all of them escape it.

use super::Answer;
use crate::payload::json::{Json, map};

/// The pairs of a query.
#[derive(Debug, Default)]
pub(crate) struct Query(Vec<(String, String)>);

impl Query {
    pub(crate) fn new(text: &str) -> Self {
        let pairs = text.split('&').filter(|pair| !pair.is_empty());
        Self(
            pairs
                .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
                .map(|(k, v)| (decode(k), decode(v)))
                .collect(),
        )
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    /// The `limit`, or the answer that refuses it.
    pub(crate) fn limit(&self, least: usize, default: usize) -> Result<usize, Answer> {
        let Some(text) = self.get("limit") else {
            return Ok(default);
        };
        match text.parse::<i64>() {
            Ok(number) if number > 100 => Err(form_error(
                "limit",
                "NUMBER_TYPE_MAX",
                "int value should be less than or equal to 100.",
            )),
            Ok(number) => match usize::try_from(number) {
                Ok(number) if number >= least => Ok(number),
                _ => Err(form_error(
                    "limit",
                    "NUMBER_TYPE_MIN",
                    &format!("int value should be greater than or equal to {least}."),
                )),
            },
            Err(_) => Err(form_error(
                "limit",
                "NUMBER_TYPE_COERCE",
                &format!("Value \"{text}\" is not int."),
            )),
        }
    }

    /// A snowflake, or the answer that refuses it.
    pub(crate) fn snowflake(&self, name: &'static str) -> Result<Option<u64>, Answer> {
        match self.get(name).map(str::parse::<u64>) {
            None => Ok(None),
            Some(Ok(id)) => Ok(Some(id)),
            Some(Err(_)) => {
                let text = self.get(name).unwrap_or_default();
                Err(form_error(
                    name,
                    "NUMBER_TYPE_COERCE",
                    &format!("Value \"{text}\" is not snowflake."),
                ))
            }
        }
    }
}

/// 400 with code 50035, as Discord writes it.
pub(crate) fn form_error(field: &'static str, code: &'static str, message: &str) -> Answer {
    let error = map! { "code" => code, "message" => message.to_owned() };
    let errors = Json::Map(vec![(field.into(), map! { "_errors" => vec![error] })]);
    let body = map! { "message" => "Invalid Form Body", "code" => 50_035, "errors" => errors };
    Answer::json(400, body.compact())
}

fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let hex = (bytes[at] == b'%')
            .then(|| text.get(at + 1..at + 3))
            .flatten();
        match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                out.push(byte);
                at += 3;
            }
            None => {
                out.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}
