//! Addresses to listen on: two listeners cannot have one address and port.

use std::net::SocketAddr;

use super::file::Section;
use super::{Monitoring, Relay};

/// Checks all of them together, in the order in which they are opened.
pub(super) fn refuse_twice(root: &mut Section<'_>, relay: &Relay, monitoring: Option<&Monitoring>) {
    let lists = [
        ("listen", &relay.listen),
        ("inside-listen", &relay.inside_listen),
        ("listen-tls", &relay.listen_tls),
    ];
    let mut taken: Vec<SocketAddr> = Vec::new();
    for (key, list) in lists {
        for address in list {
            if let Some(other) = taken.iter().find(|other| overlap(**other, *address)) {
                root.look_into("relay", |s| s.refuse_item(key, &address.to_string(), expected(*other)));
            }
            taken.push(*address);
        }
    }
    if let Some(Monitoring { listen, .. }) = monitoring
        && let Some(other) = taken.iter().find(|other| overlap(**other, *listen))
    {
        root.look_into("monitoring", |s| s.refuse("listen", expected(*other)));
    }
}

fn expected(other: SocketAddr) -> String {
    format!("an address and port that nothing else listens on: {other} is taken before it")
}

/// Whether one address excludes the other. A wildcard takes the port at every address of its family. Whether `[::]`
/// takes the port of IPv4 too depends on the system, and shows when the sockets are opened.
pub fn overlap(one: SocketAddr, other: SocketAddr) -> bool {
    let (here, there) = (one.ip(), other.ip());
    one.port() != 0
        && one.port() == other.port()
        && here.is_ipv4() == there.is_ipv4()
        && (here == there || here.is_unspecified() || there.is_unspecified())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wildcard_overlaps_every_address_of_its_family_at_its_port() {
        let overlaps = |one: &str, other: &str| overlap(one.parse().unwrap(), other.parse().unwrap());
        for (one, other, expected) in [
            ("127.0.0.1:25", "127.0.0.1:25", true),
            ("127.0.0.1:25", "127.0.0.2:25", false),
            ("127.0.0.1:25", "127.0.0.1:26", false),
            ("127.0.0.1:0", "127.0.0.1:0", false),
            ("0.0.0.0:25", "192.0.2.1:25", true),
            ("[::1]:25", "[::]:25", true),
            ("[::]:25", "192.0.2.1:25", false),
        ] {
            assert_eq!(overlaps(one, other), expected, "{one} {other}");
            assert_eq!(overlaps(other, one), expected, "{other} {one}");
        }
    }
}
