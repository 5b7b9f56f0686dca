//! The address of a caller, for limits and the audit log.

use std::net::IpAddr;

/// The caller's address, in every request that came over a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct ClientAddress(pub(crate) IpAddr);

impl ClientAddress {
    /// The key for limits: an IPv4 address, or the first 64 bits of an IPv6 address, which one caller has as a whole.
    pub(crate) fn network(&self) -> IpAddr {
        match self.0.to_canonical() {
            IpAddr::V4(address) => address.into(),
            IpAddr::V6(address) => {
                let mut segments = address.segments();
                segments[4..].fill(0);
                std::net::Ipv6Addr::from(segments).into()
            }
        }
    }
}
