//! The PROXY protocol, versions 1 and 2 (HAProxy, doc/proxy-protocol.txt): a load balancer's description of a
//! connection, before the client's first octet.
//!
//! The octets behind the header are the client's and may begin a TLS handshake, so none of them may be read together
//! with the header: [`read`] says how many octets certainly still belong to it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// How much of the header has been recognised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProxyHeader {
    /// At least so many more octets belong to the header.
    Wants(usize),
    /// The header is complete.
    Whole(Proxied),
}

/// The origin of the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proxied {
    Client(SocketAddr),
    /// The balancer itself, which checks whether the relay is alive.
    Balancer,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProxyError {
    #[error("what it begins with is no PROXY header")]
    NoHeader,
    #[error("the PROXY header is longer than {MOST} octets")]
    TooLong,
    #[error("the line of the PROXY header cannot be read")]
    BadLine,
    #[error("version {0} of the PROXY protocol is not known")]
    Version(u8),
    #[error("command {0} of the PROXY protocol is not known")]
    Command(u8),
    #[error("the PROXY header names no address of TCP over IPv4 or IPv6")]
    Address,
}

const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";
const WORD: &[u8; 6] = b"PROXY ";

/// The longest line of version 1 in octets, with its CRLF.
const LONGEST_LINE: usize = 107;

/// The longest header of version 2 that is accepted, in octets: addresses, and room for what balancers add about TLS.
const MOST: usize = 4096;

/// Examines the beginning of a connection.
pub fn read(octets: &[u8]) -> Result<ProxyHeader, ProxyError> {
    let begins = |with: &[u8]| octets.iter().zip(with).all(|(a, b)| a == b);
    if begins(SIGNATURE) {
        return version_2(octets);
    }
    match begins(WORD) {
        true => version_1(octets),
        false => Err(ProxyError::NoHeader),
    }
}

fn version_1(octets: &[u8]) -> Result<ProxyHeader, ProxyError> {
    // "PROXY UNKNOWN" and CRLF is the shortest line of all.
    const SHORTEST: usize = 15;
    let Some(line) = octets.strip_suffix(b"\r\n") else {
        return match octets.len() {
            read if read >= LONGEST_LINE || octets.contains(&b'\n') => Err(ProxyError::BadLine),
            // The CRLF is missing, or only its LF.
            read => {
                let end = if octets.ends_with(b"\r") { 1 } else { 2 };
                Ok(ProxyHeader::Wants(SHORTEST.saturating_sub(read).max(end)))
            }
        };
    };
    let line = std::str::from_utf8(line).map_err(|_| ProxyError::BadLine)?;
    let words: Vec<&str> = line.split(' ').collect();
    let port = |text: &str| text.parse::<u16>().ok().filter(|_| !text.starts_with('+'));
    let both = |from: &str, to: &str, is_of_family: fn(&IpAddr) -> bool| {
        let address = |text: &str| text.parse().ok().filter(is_of_family);
        address(to).and(address(from))
    };
    match words[..] {
        ["PROXY", "UNKNOWN", ..] => Ok(ProxyHeader::Whole(Proxied::Balancer)),
        ["PROXY", family @ ("TCP4" | "TCP6"), from, to, from_port, to_port] => {
            let address = match family {
                "TCP4" => both(from, to, IpAddr::is_ipv4),
                _ => both(from, to, IpAddr::is_ipv6),
            };
            let port = port(to_port).and(port(from_port));
            match (address, port) {
                (Some(address), Some(port)) => Ok(ProxyHeader::Whole(Proxied::Client((address, port).into()))),
                _ => Err(ProxyError::BadLine),
            }
        }
        _ => Err(ProxyError::BadLine),
    }
}

fn version_2(octets: &[u8]) -> Result<ProxyHeader, ProxyError> {
    const FIXED: usize = 16;
    let Some((fixed, rest)) = octets.split_first_chunk::<FIXED>() else {
        // While the octets may still be version 1, the shortest line of version 1 is a lower bound.
        let surely = if octets.len() < SIGNATURE.len() {
            SIGNATURE.len()
        } else {
            FIXED
        };
        return Ok(ProxyHeader::Wants(surely - octets.len()));
    };
    let (version_and_command, family) = (fixed[12], fixed[13]);
    let length = usize::from(u16::from_be_bytes([fixed[14], fixed[15]]));
    if version_and_command >> 4 != 2 {
        return Err(ProxyError::Version(version_and_command >> 4));
    }
    if length > MOST - FIXED {
        return Err(ProxyError::TooLong);
    }
    match length.checked_sub(rest.len()) {
        Some(0) => {}
        Some(wanted) => return Ok(ProxyHeader::Wants(wanted)),
        None => return Err(ProxyError::TooLong),
    }
    match version_and_command & 0xf {
        0 => Ok(ProxyHeader::Whole(Proxied::Balancer)),
        1 => client(family, rest).map(|client| ProxyHeader::Whole(Proxied::Client(client))),
        command => Err(ProxyError::Command(command)),
    }
}

/// Reads source and destination, then their ports. What balancers add behind them does not identify the client.
fn client(family: u8, octets: &[u8]) -> Result<SocketAddr, ProxyError> {
    const TCP_OVER_IPV4: u8 = 0x11;
    const TCP_OVER_IPV6: u8 = 0x21;
    let port = |at: usize| {
        octets
            .get(at..at + 2)
            .map(|port| u16::from_be_bytes([port[0], port[1]]))
    };
    let client = match family {
        TCP_OVER_IPV4 => octets
            .first_chunk::<4>()
            .zip(port(8))
            .filter(|_| octets.len() >= 12)
            .map(|(address, port)| (Ipv4Addr::from(*address), port).into()),
        TCP_OVER_IPV6 => octets
            .first_chunk::<16>()
            .zip(port(32))
            .filter(|_| octets.len() >= 36)
            .map(|(address, port)| (Ipv6Addr::from(*address), port).into()),
        _ => None,
    };
    client.ok_or(ProxyError::Address)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads a header as a connection does: never an octet that may not belong to it.
    fn header(octets: &[u8]) -> Result<(Proxied, usize), ProxyError> {
        let mut taken = 0;
        loop {
            match read(&octets[..taken])? {
                ProxyHeader::Whole(proxied) => return Ok((proxied, taken)),
                ProxyHeader::Wants(wanted) => {
                    assert!(wanted > 0);
                    taken += wanted;
                    if taken > octets.len() {
                        return Err(ProxyError::NoHeader);
                    }
                }
            }
        }
    }

    fn second(command: u8, family: u8, body: &[u8]) -> Vec<u8> {
        let length = (body.len() as u16).to_be_bytes();
        [&SIGNATURE[..], &[0x20 | command, family], &length, body].concat()
    }

    #[test]
    fn the_client_is_whom_the_header_names_and_what_follows_is_the_clients() {
        let v4 = [&[192, 0, 2, 1, 192, 0, 2, 9][..], &[0x27, 0x10, 0, 25]].concat();
        let mut v6 = vec![0; 36];
        (v6[0], v6[1], v6[15], v6[33]) = (0x20, 1, 1, 7);
        for (octets, client) in [
            (
                b"PROXY TCP4 192.0.2.1 192.0.2.9 10000 25\r\n".to_vec(),
                "192.0.2.1:10000",
            ),
            (b"PROXY TCP6 2001::1 2001::2 7 25\r\n".to_vec(), "[2001::1]:7"),
            (second(1, 0x11, &v4), "192.0.2.1:10000"),
            (second(1, 0x21, &v6), "[2001::1]:7"),
            (
                second(1, 0x11, &[&v4[..], &[3, 0, 4, 1, 2, 3, 4]].concat()),
                "192.0.2.1:10000",
            ),
        ] {
            let (whole, follows) = (octets.len(), b"EHLO a.example\r\n");
            let read = header(&[&octets[..], follows].concat());
            assert_eq!(read, Ok((Proxied::Client(client.parse().unwrap()), whole)));
        }
        for octets in [
            b"PROXY UNKNOWN\r\n".to_vec(),
            b"PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n".to_vec(),
            second(0, 0, b""),
            second(0, 0x11, &v4),
        ] {
            assert_eq!(header(&octets), Ok((Proxied::Balancer, octets.len())));
        }
    }

    #[test]
    fn what_is_no_header_or_names_nobody_is_refused() {
        for (octets, error) in [
            (b"EHLO a.example\r\n".to_vec(), ProxyError::NoHeader),
            (
                b"PROXY TCP4 192.0.2.1 192.0.2.9 10000\r\n".to_vec(),
                ProxyError::BadLine,
            ),
            (b"PROXY TCP4 ::1 ::2 1 25\r\n".to_vec(), ProxyError::BadLine),
            (
                b"PROXY TCP4 192.0.2.1 192.0.2.9 65536 25\r\n".to_vec(),
                ProxyError::BadLine,
            ),
            (
                b"PROXY TCP4 192.0.2.1 192.0.2.9 +1 25\r\n".to_vec(),
                ProxyError::BadLine,
            ),
            (
                b"PROXY TCP4  192.0.2.1 192.0.2.9 1 25\r\n".to_vec(),
                ProxyError::BadLine,
            ),
            (
                b"PROXY TCP4 192.0.2.1 192.0.2.9 1 25\n\r\n".to_vec(),
                ProxyError::BadLine,
            ),
            ([&b"PROXY UNKNOWN "[..], &[b'x'; 200]].concat(), ProxyError::BadLine),
            (second(2, 0x11, &[0; 12]), ProxyError::Command(2)),
            (second(1, 0x11, &[0; 11]), ProxyError::Address),
            (second(1, 0x21, &[0; 35]), ProxyError::Address),
            (second(1, 0x12, &[0; 12]), ProxyError::Address),
            (second(1, 0x31, &[0; 216]), ProxyError::Address),
            ([&SIGNATURE[..], &[0x11, 0x11, 0, 0]].concat(), ProxyError::Version(1)),
            (
                [&SIGNATURE[..], &[0x21, 0x11, 0xff, 0xff]].concat(),
                ProxyError::TooLong,
            ),
        ] {
            assert_eq!(header(&octets), Err(error), "{octets:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_beginning_makes_the_reader_panic(octets in proptest::collection::vec(proptest::num::u8::ANY, 0..80)) {
            let _ = header(&octets);
            let _ = header(&[&SIGNATURE[..], &octets].concat());
            let _ = header(&[&WORD[..], &octets].concat());
        }
    }
}
