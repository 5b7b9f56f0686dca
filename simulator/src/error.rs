//! What can go wrong when the simulator is used from Rust.
//! What goes wrong for a client of the simulator is an answer of REST or a close code, not an error here.

/// What can go wrong when the simulator is used from Rust.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A listener could not be opened.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// Where.
        address: std::net::SocketAddr,
        /// Why not.
        source: std::io::Error,
    },
    /// There is no such guild.
    #[error("no guild {0}")]
    UnknownGuild(u64),
    /// There is no such channel or thread, or it was deleted.
    #[error("no channel or thread {0}")]
    UnknownChannel(u64),
    /// There is no such message, or it was deleted.
    #[error("no message {0}")]
    UnknownMessage(u64),
    /// There is no such user.
    #[error("no user {0}")]
    UnknownUser(u64),
    /// There is no such role.
    #[error("no role {0}")]
    UnknownRole(u64),
    /// Discord has no such operation.
    #[error("{0}")]
    Invalid(&'static str),
    /// No client is connected, so there is no socket to do this to.
    #[error("no live gateway session")]
    NotConnected,
}
