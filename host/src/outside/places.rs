//! The addresses of a service: names that resolve into the operator's own network are refused, unless it is allowed.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use ipnet::IpNet;

use super::allowed::WebOrigin;

/// The addresses of a service that may be connected to. An address in the configuration is what the operator means; the
/// target of a name is decided by somebody else.
pub(super) async fn addresses(origin: &WebOrigin, networks: &[IpNet]) -> io::Result<Vec<SocketAddr>> {
    if let Ok(address) = origin.host.parse::<IpAddr>() {
        return Ok(vec![(address, origin.port).into()]);
    }
    let found: Vec<SocketAddr> = tokio::net::lookup_host((origin.host.as_str(), origin.port))
        .await?
        .collect();
    let may = |at: &SocketAddr| !is_private(at.ip()) || networks.iter().any(|network| network.contains(&at.ip()));
    let (may, not): (Vec<_>, Vec<_>) = found.into_iter().partition(may);
    match (may.is_empty(), not.first()) {
        (false, _) => Ok(may),
        (true, Some(at)) => Err(io::Error::other(format!(
            "{} is at {}, a private address: name it in the service's networks, if that is meant",
            origin.host,
            at.ip()
        ))),
        (true, None) => Err(io::Error::other(format!("{} has no address", origin.host))),
    }
}

/// Whether an address is not one of the public Internet (RFC 6890).
fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_private_v4(v4),
        IpAddr::V6(v6) => is_private_v6(v6),
    }
}

fn is_private_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_multicast()
        || a == 0
        || a >= 240
        || (a == 100 && b & 0xc0 == 64)
        || (a == 192 && b == 0 && c == 0)
        || (a == 198 && b & 0xfe == 18)
}

fn is_private_v6(address: Ipv6Addr) -> bool {
    let segments = address.segments();
    // IPv4 in another form: mapped, by NAT64 (RFC 6052), by 6to4 (RFC 3056).
    let within = match segments {
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] | [0x2002, high, low, ..] => {
            Some(Ipv4Addr::from(u32::from(high) << 16 | u32::from(low)))
        }
        _ => None,
    };
    within.is_some_and(is_private_v4)
        || address.is_loopback()
        || address.is_unspecified()
        || address.is_multicast()
        || address.is_unique_local()
        || address.is_unicast_link_local()
        || segments[..6] == [0; 6]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_are_not_of_the_public_internet_are_known() {
        for private in [
            "10.1.2.3",
            "127.0.0.1",
            "169.254.169.254",
            "172.16.0.1",
            "192.168.1.1",
            "100.64.0.1",
            "0.0.0.0",
            "255.255.255.255",
            "224.0.0.1",
            "198.18.0.1",
            "192.0.0.1",
            "::1",
            "::",
            "::127.0.0.1",
            "fc00::1",
            "fe80::1",
            "ff02::1",
            "::ffff:10.0.0.1",
            "64:ff9b::7f00:1",
            "2002:a00:1::",
        ] {
            assert!(is_private(private.parse().unwrap()), "{private}");
        }
        for public in [
            "9.9.9.9",
            "100.128.0.1",
            "172.32.0.1",
            "2620:fe::fe",
            "::ffff:9.9.9.9",
            "64:ff9b::909:909",
        ] {
            assert!(!is_private(public.parse().unwrap()), "{public}");
        }
    }

    #[tokio::test]
    async fn a_name_that_leads_into_ones_own_network_is_refused_unless_it_is_named() {
        let origin = WebOrigin {
            is_tls: false,
            host: "localhost".into(),
            port: 80,
        };
        let refused = addresses(&origin, &[]).await.unwrap_err().to_string();
        assert!(
            refused.contains("private address") && refused.contains("networks"),
            "{refused}"
        );
        let networks = ["127.0.0.0/8".parse().unwrap(), "::1/128".parse().unwrap()];
        assert!(!addresses(&origin, &networks).await.unwrap().is_empty());
        let by_address = WebOrigin {
            host: "127.0.0.1".into(),
            ..origin
        };
        assert_eq!(
            addresses(&by_address, &[]).await.unwrap().len(),
            1,
            "the operator means it"
        );
    }
}
