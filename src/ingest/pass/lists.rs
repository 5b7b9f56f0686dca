//! Reads a list of archived threads from its first page to its last, and checks that it is complete.

use crate::discord::rest::{ArchivedKind, ChannelInfo, Rest, RestError};
use crate::ingest::catalog::Entry;

/// A list of archived threads, as far as it could be read.
#[derive(Debug, Default)]
pub(super) struct ArchivedList {
    pub(super) threads: Vec<ChannelInfo>,
    /// Why threads may be missing from the list; none if it is complete.
    pub(super) lacks: Option<&'static str>,
}

pub(super) async fn list_archived(
    rest: &Rest,
    parent: &Entry,
    kind: ArchivedKind,
) -> Result<ArchivedList, RestError> {
    let mut list = ArchivedList::default();
    let mut before = None;
    loop {
        let page = rest.archived_threads(parent.info.id, kind, before).await?;
        list.threads.extend(page.threads);
        if page.odd > 0 {
            list.lacks = Some("it contains items that can't be parsed");
        }
        if page.is_disordered {
            list.lacks =
                Some("its threads are not in the order in which the next page is requested");
        }
        if page.is_cut {
            list.lacks = Some(
                "more threads were archived at the same moment than fit into a page, and the others can't be requested",
            );
        }
        match page.next_before {
            Some(next) => before = Some(next),
            None => {
                if page.has_more {
                    list.lacks =
                        Some("Discord announces more threads, but the next pages contain none");
                }
                return Ok(list);
            }
        }
    }
}
