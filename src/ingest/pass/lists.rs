//! Reading a list of archived threads from its first page to its last, and whether that was all.

use crate::discord::rest::{ArchivedKind, ChannelInfo, Rest, RestError};
use crate::ingest::catalog::Entry;

/// A list of archived threads, as far as it could be read.
#[derive(Debug, Default)]
pub(super) struct ArchivedList {
    pub(super) threads: Vec<ChannelInfo>,
    /// Why threads may be missing, if they may.
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
            list.lacks = Some("it holds items that can't be read");
        }
        if page.is_disordered {
            list.lacks =
                Some("its threads do not stand in the order by which its next page is found");
        }
        if page.is_cut {
            list.lacks = Some(
                "more threads were archived at one moment than a page holds, and no page has the others",
            );
        }
        match page.next_before {
            Some(next) => before = Some(next),
            None => {
                if page.has_more {
                    list.lacks =
                        Some("Discord says that there is more, and its pages do not go on");
                }
                return Ok(list);
            }
        }
    }
}
