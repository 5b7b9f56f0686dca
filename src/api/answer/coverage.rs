//! How complete an answer is, in the same words in each of them.

use serde::Serialize;
use utoipa::ToSchema;

use crate::api::http::values::Time;
use crate::store::CoverageSummary;

/// Summary of the coverage over all matching channels; the same on every page.
#[derive(Serialize, ToSchema)]
#[schema(as = Coverage)]
pub(crate) struct CoverageJson {
    /// Whether every message of the requested time is archived. False if no matching channel is known.
    complete: bool,
    /// Whether every edit and delete of those messages is archived too.
    changes_complete: bool,
    /// Number of matching channels and threads.
    #[schema(minimum = 0, example = 12)]
    channels: usize,
    /// Number of channels and threads with at least one gap.
    #[schema(minimum = 0, example = 1)]
    incomplete_channels: usize,
    /// Number of gaps in all channels and threads.
    #[schema(minimum = 0, example = 1)]
    gaps: usize,
    /// Everything that Discord sent until this time is archived. Messages, edits and deletes that came later
    /// may be missing, whatever the ranges say. While the service is connected to Discord, this time is at
    /// most about a minute ago; null if the service was never connected.
    #[schema(required = true)]
    heard_until: Option<Time>,
}

impl From<CoverageSummary> for CoverageJson {
    fn from(coverage: CoverageSummary) -> Self {
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
