//! What responses consist of: messages, the coverage summary, pages of JSON, downloads in every format. No file here
//! knows a route.

pub(crate) mod asset;
pub(crate) mod body;
pub(crate) mod columns;
pub(crate) mod coverage;
pub(crate) mod formats;
pub(crate) mod hidden;
pub(crate) mod message;
pub(crate) mod page;
pub(crate) mod private;
pub(crate) mod stream;
