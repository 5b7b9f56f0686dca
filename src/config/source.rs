//! Where settings come from, and how what is wrong with them is gathered.

use std::fmt;

/// A place to look variables up: the environment, or a table in a test.
pub struct Source {
    look_up: Box<LookUp>,
}

type LookUp = dyn Fn(&str) -> Option<String> + Send + Sync;

impl Source {
    /// The process's environment.
    #[must_use]
    pub fn environment() -> Self {
        Self::new(|name| std::env::var(name).ok())
    }

    /// Any other place.
    pub fn new(look_up: impl Fn(&str) -> Option<String> + Send + Sync + 'static) -> Self {
        Self {
            look_up: Box::new(look_up),
        }
    }

    /// A variable; an empty one counts as not set, as `NAME=` in a file means it.
    pub(super) fn get(&self, name: &str) -> Option<String> {
        (self.look_up)(name)
            .map(|value| value.trim().to_owned())
            .filter(|value| !value.is_empty())
    }

    /// A variable of a type that reads itself; its default if it is not set.
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

    /// Runs a reading to its end, and turns what it noted into an error.
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

/// What is wrong with one variable. Never its value: that may be a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The variable.
    pub variable: &'static str,
    /// What is wrong, and what it has to be.
    pub reason: String,
}

/// What is wrong so far.
#[derive(Default)]
pub(super) struct Problems(Vec<Problem>);

impl Problems {
    /// Notes a problem; there is no value then.
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

/// Settings that can't be used.
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
