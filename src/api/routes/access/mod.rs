//! Keys, signed links and the audit log.

pub(crate) mod audit;
pub(crate) mod keys;
pub(crate) mod links;
