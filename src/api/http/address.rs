//! Who sent a request: the address of the client. Limits and logs go by it, so a client must not be able to choose it.
//!
//! Behind a reverse proxy every connection comes from the proxy. The proxies that the operator trusts are believed when
//! they say in `X-Forwarded-For` from whom a request came. `Forwarded` (RFC 7239) is not read: nginx, Caddy, Traefik and
//! HAProxy set `X-Forwarded-For` and hand on a client's own `Forwarded` unchanged, so it would be the client's word.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use axum::http::{HeaderMap, HeaderName};
use ipnet::IpNet;

/// The header in which each proxy adds from whom it got the request.
const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The address of the client, an extension of every request that came over a socket. It is the peer of the connection,
/// or what a trusted proxy says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ClientAddress(pub IpAddr);

impl ClientAddress {
    /// The key for limits. One customer usually has a whole IPv6 /64, so its addresses count as one; an IPv4 address
    /// that is written as IPv6 is the same client.
    #[must_use]
    pub fn network(&self) -> IpAddr {
        match self.0.to_canonical() {
            IpAddr::V6(address) => {
                let [a, b, c, d, ..] = address.segments();
                Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
            }
            address @ IpAddr::V4(_) => address,
        }
    }
}

/// What is known of the other end of the connection; an extension of every request that came over a socket.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer {
    /// Whether it is a trusted proxy.
    pub(crate) is_trusted: bool,
}

/// The reverse proxies whose word on the client's address counts.
#[derive(Debug, Clone, Default)]
pub struct TrustedProxies(Arc<[IpNet]>);

impl TrustedProxies {
    /// These networks; a single address is a network of one.
    pub fn new(networks: impl IntoIterator<Item = IpNet>) -> Self {
        Self(networks.into_iter().collect())
    }

    /// Whether one of the proxies has this address.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(&address))
    }

    /// The client of a request that came from `peer`: the last address in `X-Forwarded-For` that is not a trusted
    /// proxy's. The addresses before it are what that client claims. A value that no proxy would write makes the whole
    /// header worthless; then the peer is the client.
    pub(crate) fn client(&self, peer: IpAddr, headers: &HeaderMap) -> ClientAddress {
        let peer = peer.to_canonical();
        let mut client = peer;
        let values = headers.get_all(X_FORWARDED_FOR).iter().rev();
        let texts = values.flat_map(|value| value.to_str().unwrap_or("?").rsplit(','));
        for text in texts {
            if !self.contains(client) {
                break;
            }
            match read(text.trim_matches([' ', '\t'])) {
                Some(address) => client = address,
                None => return ClientAddress(peer),
            }
        }
        ClientAddress(client)
    }
}

/// An address as proxies write it: alone, or with the port of the client (Azure and AWS do that).
fn read(text: &str) -> Option<IpAddr> {
    let bare = text
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'))
        .map(|text| text.parse().ok().map(IpAddr::V6));
    let address = match bare {
        Some(address) => address,
        None => text
            .parse()
            .or_else(|_| text.parse().map(|socket: SocketAddr| socket.ip()))
            .ok(),
    };
    address.map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(peer: &str, lines: &[&str]) -> String {
        let proxies = ["10.0.0.0/8", "127.0.0.1/32", "::1/128", "fd00::/8"];
        let proxies = proxies.map(|network| network.parse().expect("a network"));
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(X_FORWARDED_FOR, line.parse().expect("a header"));
        }
        let peer = peer.parse().expect("an address");
        let ClientAddress(address) = TrustedProxies::new(proxies).client(peer, &headers);
        address.to_string()
    }

    #[test]
    fn the_last_address_that_no_trusted_proxy_has_is_the_client() {
        for (peer, lines, expected) in [
            // Only a trusted peer is believed.
            ("203.0.113.9", &["198.51.100.1"][..], "203.0.113.9"),
            ("127.0.0.1", &[], "127.0.0.1"),
            ("127.0.0.1", &["198.51.100.1"], "198.51.100.1"),
            ("::ffff:127.0.0.1", &["198.51.100.1"], "198.51.100.1"),
            ("::1", &["2001:db8::7"], "2001:db8::7"),
            // What stands before the client is its own claim.
            ("127.0.0.1", &["1.1.1.1, 198.51.100.1"], "198.51.100.1"),
            ("127.0.0.1", &["nonsense, 198.51.100.1"], "198.51.100.1"),
            ("127.0.0.1", &["1.1.1.1", "198.51.100.1"], "198.51.100.1"),
            // A chain of proxies, in one line or several.
            ("127.0.0.1", &["198.51.100.1 ,10.2.3.4"], "198.51.100.1"),
            ("127.0.0.1", &["198.51.100.1", "10.2.3.4"], "198.51.100.1"),
            // A request that began at a trusted proxy.
            ("127.0.0.1", &["10.9.9.9, 10.2.3.4"], "10.9.9.9"),
            // With ports.
            ("127.0.0.1", &["198.51.100.1:4711"], "198.51.100.1"),
            ("127.0.0.1", &["[2001:db8::7]:4711"], "2001:db8::7"),
            ("127.0.0.1", &["[2001:db8::7]"], "2001:db8::7"),
            ("127.0.0.1", &["::ffff:198.51.100.1"], "198.51.100.1"),
            // What cannot be read.
            ("127.0.0.1", &["unknown"], "127.0.0.1"),
            ("127.0.0.1", &["198.51.100.1, unknown"], "127.0.0.1"),
            (
                "127.0.0.1",
                &["198.51.100.1, unknown, 10.2.3.4"],
                "127.0.0.1",
            ),
            ("127.0.0.1", &["198.51.100.1,"], "127.0.0.1"),
            ("127.0.0.1", &["[198.51.100.1]"], "127.0.0.1"),
        ] {
            assert_eq!(client(peer, lines), expected, "{peer} {lines:?}");
        }
    }

    #[test]
    fn a_network_is_an_ipv4_address_or_an_ipv6_64() {
        for (address, expected) in [
            ("198.51.100.1", "198.51.100.1"),
            ("::ffff:198.51.100.1", "198.51.100.1"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
            ("2001:db8:1:2::9", "2001:db8:1:2::"),
            ("2001:db8:1:3::9", "2001:db8:1:3::"),
        ] {
            let address = ClientAddress(address.parse().expect("an address"));
            assert_eq!(address.network().to_string(), expected);
        }
    }
}
