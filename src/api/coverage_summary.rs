//! How complete an answer is, in the same words in each of them.

use serde::Serialize;
use utoipa::ToSchema;

use super::row::Time;
use crate::store::{Completeness, ReportCoverage};

/// In short, for everything asked for, whatever the page.
#[derive(Serialize, ToSchema)]
#[schema(as = Coverage)]
pub(super) struct CoverageSummary {
    /// Every message of the time asked for is in the record. Never true of what is not known.
    complete: bool,
    /// And every edit and delete of them.
    changes_complete: bool,
    /// Channels and threads.
    #[schema(minimum = 0, example = 12)]
    channels: usize,
    /// Those of which messages may be missing.
    #[schema(minimum = 0, example = 1)]
    incomplete_channels: usize,
    /// How many gaps those have.
    #[schema(minimum = 0, example = 1)]
    gaps: usize,
    /// What Discord told until then is in the record: messages, edits and deletes that came later
    /// may not be, whatever the ranges say. While the service follows it is a minute ago; null if
    /// it never did.
    #[schema(required = true)]
    heard_until: Option<Time>,
}

impl From<&Completeness> for CoverageSummary {
    fn from(completeness: &Completeness) -> Self {
        let incomplete = completeness.channels.iter().filter(|it| !it.is_complete());
        Self {
            complete: completeness.is_complete(),
            changes_complete: completeness.has_all_changes(),
            channels: completeness.channels.len(),
            incomplete_channels: incomplete.count(),
            gaps: completeness.gaps(),
            heard_until: completeness.heard_until.map(Time),
        }
    }
}

impl From<&ReportCoverage> for CoverageSummary {
    fn from(coverage: &ReportCoverage) -> Self {
        Self {
            complete: coverage.is_complete,
            changes_complete: coverage.has_all_changes,
            channels: coverage.channels,
            incomplete_channels: coverage.incomplete_channels,
            gaps: coverage.gaps,
            heard_until: coverage.heard_until.map(Time),
        }
    }
}
