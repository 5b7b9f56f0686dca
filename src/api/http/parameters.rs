//! Strict query parameters: all errors are reported at once, and nothing is guessed, clamped or ignored,
//! because a client that misspells a filter would take the response for filtered.

use std::borrow::Cow;
use std::ops::Range;

use percent_encoding::percent_decode_str;

use super::problem::{FieldError, Problem};

/// Why a value was rejected.
pub(crate) type Reason = Cow<'static, str>;

/// The parameters of a route, or a group of them.
pub(crate) trait QueryParameters: Sized {
    /// Takes and reads them. None if one that is required is missing or rejected; then `given` has the error.
    fn read(given: &mut Parameters) -> Option<Self>;
}

/// The parameters of a request, which are taken out one by one.
pub(crate) struct Parameters {
    /// Each name with its value, or with the reason why it could not be decoded.
    pairs: Vec<(String, Result<String, Reason>)>,
    errors: Vec<FieldError>,
}

impl Parameters {
    /// Splits and decodes a query string in the form of HTML forms, where `+` is a space.
    pub(crate) fn parse(query: Option<&str>) -> Self {
        let pairs = query
            .unwrap_or_default()
            .split('&')
            .filter(|pair| !pair.is_empty())
            .map(|pair| {
                let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                match decode(name) {
                    Ok(name) => (name, decode(value)),
                    Err(reason) => (name.to_owned(), Err(reason)),
                }
            })
            .collect();
        Self {
            pairs,
            errors: Vec::new(),
        }
    }

    /// Takes a parameter and reads it; none if it is absent or rejected.
    pub(crate) fn optional<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(&str) -> Result<T, Reason>,
    ) -> Option<T> {
        let mut values = self.pairs.extract_if(.., |(found, _)| found == name);
        let (_, value) = values.next()?;
        let read = if values.next().is_some() {
            Err("is given more than once".into())
        } else {
            value.and_then(|value| match value.as_str() {
                "" => Err("must not be empty".into()),
                value => read(value),
            })
        };
        drop(values);
        read.map_err(|reason| self.reject(name, reason)).ok()
    }

    /// Like [`Parameters::optional`], but a missing parameter is an error.
    pub(crate) fn required<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(&str) -> Result<T, Reason>,
    ) -> Option<T> {
        if !self.pairs.iter().any(|(found, _)| found == name) {
            self.reject(name, "is required");
        }
        self.optional(name, read)
    }

    /// Rejects the first of two parameters if its value is later than that of the second.
    pub(crate) fn in_order<T: PartialOrd>(
        &mut self,
        (first, earlier): (&str, &Option<T>),
        (second, later): (&str, &Option<T>),
    ) {
        if let (Some(earlier), Some(later)) = (earlier, later)
            && earlier > later
        {
            self.reject(first, format!("must not be later than {second}"));
        }
    }

    /// Rejects a parameter that only another route has, with a more helpful reason than that it is unknown.
    pub(crate) fn refuse(&mut self, name: &str, reason: &'static str) {
        let before = self.pairs.len();
        self.pairs.retain(|(found, _)| found != name);
        if self.pairs.len() < before {
            self.reject(name, reason);
        }
    }

    /// Adds an error that concerns a whole parameter.
    pub(crate) fn reject(&mut self, name: &str, reason: impl Into<Reason>) {
        self.errors.push(FieldError {
            field: name.to_owned(),
            reason: reason.into(),
            at: None,
        });
    }

    /// Adds an error that concerns these characters of a value.
    pub(crate) fn reject_at(&mut self, name: &str, at: Range<usize>, reason: impl Into<Reason>) {
        self.errors.push(FieldError {
            field: name.to_owned(),
            reason: reason.into(),
            at: Some([at.start, at.end]),
        });
    }

    /// Reads the parameters of a route that are declared with [`query!`](super::query::query).
    pub(crate) fn read<T: QueryParameters>(mut self) -> Result<T, Problem> {
        let read = T::read(&mut self);
        self.finish_with(read)
    }

    /// Like [`Parameters::finish`], with what was read, which is there if there are no errors.
    pub(crate) fn finish_with<T>(self, read: Option<T>) -> Result<T, Problem> {
        self.finish()?;
        read.ok_or_else(|| {
            Problem::internal("a required parameter is missing, but no error was reported")
        })
    }

    /// Finishes the parsing: parameters that were not taken are unknown, which is an error too.
    pub(crate) fn finish(mut self) -> Result<(), Problem> {
        for (name, _) in std::mem::take(&mut self.pairs) {
            if !self.errors.iter().any(|error| error.field == name) {
                self.reject(&name, "is not a parameter of this route");
            }
        }
        if self.errors.is_empty() {
            Ok(())
        } else {
            Err(Problem::parameters(self.errors))
        }
    }
}

fn decode(text: &str) -> Result<String, Reason> {
    let bytes = text.as_bytes();
    let is_escaped = |at: usize| {
        let digits = bytes.get(at + 1..at + 3);
        digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    };
    if (0..bytes.len()).any(|at| bytes[at] == b'%' && !is_escaped(at)) {
        return Err("contains a % without two hexadecimal digits after it".into());
    }
    let spaced = text.replace('+', " ");
    percent_decode_str(&spaced)
        .decode_utf8()
        .map(Cow::into_owned)
        .map_err(|_| "must be UTF-8".into())
}
