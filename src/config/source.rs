//! Where variables are looked up, and how problems with them are collected.

use std::fmt;

/// A source of variables: the environment, or a table in a test.
pub struct Source {
    look_up: Box<LookUp>,
}

type LookUp = dyn Fn(&str) -> Option<String> + Send + Sync;

impl Source {
    /// The environment of the process.
    #[must_use]
    pub fn environment() -> Self {
        Self::new(|name| std::env::var(name).ok())
    }

    /// Any other source.
    pub fn new(look_up: impl Fn(&str) -> Option<String> + Send + Sync + 'static) -> Self {
        Self {
            look_up: Box::new(look_up),
        }
    }

    /// The value of a variable; an empty one counts as not set, like `NAME=` in a file.
    pub(super) fn get(&self, name: &str) -> Option<String> {
        (self.look_up)(name)
            .map(|value| value.trim().to_owned())
            .filter(|value| !value.is_empty())
    }

    /// Parses a variable; returns its default if it is not set.
    pub(super) fn parse<T: std::str::FromStr>(
        &self,
        name: &'static str,
        default: T,
        expected: &'static str,
        problems: &mut Problems,
    ) -> Option<T> {
        match self.get(name) {
            None => Some(default),
            Some(text) => match text.parse() {
                Ok(value) => Some(value),
                Err(_) => problems.add(name, expected),
            },
        }
    }

    /// Reads a variable with values that are separated by commas; none if it is not set.
    pub(super) fn list<T>(
        &self,
        name: &'static str,
        read: impl Fn(&str) -> Option<T>,
        expected: &'static str,
        problems: &mut Problems,
    ) -> Option<Vec<T>> {
        let text = self.get(name).unwrap_or_default();
        let values = text.split(',').map(str::trim);
        let values = values.filter(|value| !value.is_empty()).map(read);
        match values.collect() {
            Some(values) => Some(values),
            None => problems.add(name, expected),
        }
    }

    /// Runs a reader to its end, and turns the collected problems into an error.
    pub(super) fn collect<T>(
        &self,
        read: impl FnOnce(&mut Problems) -> Option<T>,
    ) -> Result<T, SettingsError> {
        let mut problems = Problems::default();
        match read(&mut problems) {
            Some(settings) if problems.0.is_empty() => Ok(settings),
            _ => Err(SettingsError(problems.0)),
        }
    }
}

/// A problem with one variable. It never contains the value, which may be a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Name of the variable.
    pub variable: &'static str,
    /// What is wrong, and what the value must be.
    pub reason: String,
}

/// The problems collected so far.
#[derive(Default)]
pub(super) struct Problems(Vec<Problem>);

impl Problems {
    /// Adds a problem; returns no value.
    pub(super) fn add<T>(
        &mut self,
        variable: &'static str,
        reason: impl Into<String>,
    ) -> Option<T> {
        self.0.push(Problem {
            variable,
            reason: reason.into(),
        });
        None
    }
}

/// The error for settings that are not valid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct SettingsError(pub Vec<Problem>);

impl fmt::Display for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the settings are not valid (see .env.example):")?;
        for problem in &self.0 {
            write!(f, "\n  {} {}", problem.variable, problem.reason)?;
        }
        Ok(())
    }
}
