//! Whose requests are answered: `[access] viewers`.

use std::net::IpAddr;

use super::problem::{Kind, Problem};
use crate::config::Viewers;

pub fn admit(peer: IpAddr, viewers: Viewers) -> Result<(), Problem> {
    match viewers {
        Viewers::Anyone => Ok(()),
        Viewers::Lan if is_near(peer) => Ok(()),
        Viewers::Lan => {
            let detail = "The owner can change that: `viewers` in the table `[access]` of the configuration.";
            Err(Problem::new(Kind::NotOnTheLan, detail).because(format!("peer {peer}")))
        }
    }
}

/// Loopback, private (RFC 1918, RFC 4193) and link-local addresses. Carrier-grade NAT (RFC 6598) is shared
/// with strangers.
fn is_near(peer: IpAddr) -> bool {
    match peer.to_canonical() {
        IpAddr::V4(peer) => peer.is_loopback() || peer.is_private() || peer.is_link_local(),
        IpAddr::V6(peer) => peer.is_loopback() || peer.is_unique_local() || peer.is_unicast_link_local(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_local_network_is_told_from_the_rest() {
        for near in [
            "127.0.0.1",
            "127.9.9.9",
            "10.1.2.3",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "169.254.7.7",
            "::1",
            "fe80::1",
            "fd00::1",
            "fc00::1",
            "::ffff:192.168.1.1",
        ] {
            assert!(admit(near.parse().unwrap(), Viewers::Lan).is_ok(), "{near}");
        }
        for far in [
            "8.8.8.8",
            "172.32.0.1",
            "172.15.0.1",
            "192.169.0.1",
            "100.64.0.1",
            "0.0.0.0",
            "2001:db8::1",
            "::ffff:8.8.8.8",
            "::",
            "fec0::1",
        ] {
            let far = far.parse().unwrap();
            assert_eq!(admit(far, Viewers::Lan).unwrap_err().kind, Kind::NotOnTheLan, "{far}");
            assert!(admit(far, Viewers::Anyone).is_ok(), "{far}");
        }
    }
}
