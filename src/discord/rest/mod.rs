//! Discord's REST API, read only: GET requests that return the bytes as they were received. This module follows
//! Discord's rules (rate limits, invalid requests) and retries transient failures. Callers see a result, a
//! refusal with a meaning, or [`RestError::Unavailable`] for "later".

mod answer;
mod ask;
mod calls;
mod client;
mod error;
mod guard;
mod history;
mod limits;
mod model;
mod refusals;
mod route;
mod send;
mod settings;
mod stats;
mod threads;

pub use client::Rest;
pub use error::{Call, Fault, RestError};
pub use history::{Disorder, HistoryCursor, HistoryPage, PageItem};
pub use model::{
    Application, ChannelInfo, CurrentUser, GatewayInfo, GuildInfo, Listed, RoleId, RoleInfo,
    SessionStartLimit, ThreadMetadata,
};
pub use route::ArchivedKind;
pub use settings::RestSettings;
pub use stats::RestStatus;
pub use threads::{ArchivedBefore, ThreadPage};
