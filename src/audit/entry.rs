//! An entry of the audit log.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// What happened: a request was answered, or a key was changed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// When it ended.
    pub at: DateTime<Utc>,
    /// `request`, or `key` for a change of keys.
    pub event: String,
    /// Who did it; none for the command line.
    pub actor: Option<Actor>,
    /// The id of the request, which is in the log too; empty for the command line.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub request_id: String,
    /// The caller's network: the first 24 bits of an IPv4 address, the first 48 bits of an IPv6 address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<IpAddr>,
    /// The method of the request.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub method: String,
    /// The path, without the query string.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub path: String,
    /// The guild that was asked for; none if the request named none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guild_id: Option<String>,
    /// The channel that was asked for, or whose message it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel_id: Option<String>,
    /// The HTTP status.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The number of rows in the whole answer; none if it has no rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<u64>,
    /// The number of bytes of the body that were sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// Whether the whole body was sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub complete: Option<bool>,
    /// The change of a key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change: Option<KeyChange>,
}

/// The key with which something was done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    /// The id of the key; `API_KEY` for the key in that setting.
    pub key_id: String,
    /// The name of the key at that time.
    pub key_name: String,
    /// Whether a signed link of the key was read.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub by_link: bool,
}

/// A change of a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyChange {
    /// `created`, `rotated`, `revoked`, or `linked` for a link that was signed.
    pub what: String,
    /// The id of the key that was changed.
    pub key_id: String,
    /// The name of the key that was changed.
    pub key_name: String,
    /// What the key may do, or which path a link opens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

impl Entry {
    /// An entry for a change of a key.
    #[must_use]
    pub fn of_key(actor: Option<Actor>, change: KeyChange) -> Self {
        Self {
            at: Utc::now(),
            event: "key".to_owned(),
            actor,
            change: Some(change),
            ..Self::default()
        }
    }

    /// The network of an address, which says where a caller is without naming a person's device.
    #[must_use]
    pub fn network_of(address: IpAddr) -> IpAddr {
        match address.to_canonical() {
            IpAddr::V4(address) => {
                let [a, b, c, _] = address.octets();
                Ipv4Addr::new(a, b, c, 0).into()
            }
            IpAddr::V6(address) => {
                let [a, b, c, ..] = address.segments();
                Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0).into()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_cut_to_its_network() {
        let cut = |text: &str| Entry::network_of(text.parse().unwrap()).to_string();
        assert_eq!(cut("203.0.113.77"), "203.0.113.0");
        assert_eq!(cut("::ffff:203.0.113.77"), "203.0.113.0");
        assert_eq!(cut("2001:db8:1:2:3::4"), "2001:db8:1::");
    }
}
