//! Lists of name servers: `name-servers` of `[relay]`, `servers` of `[routing.enum]`.

use std::net::{IpAddr, SocketAddr};

use toml::de::DeValue;

use super::file::{Read, Section};
use super::forms::is_one_host;

const SERVER: &str = "ADDRESS or ADDRESS:PORT of one name server, such as 192.0.2.53:53 or 2001:db8::53";

/// The port of name servers (RFC 1035, 4.2).
const PORT: u16 = 53;

/// The list `key`; empty when there is none. `default` describes what that means.
pub(super) fn read(s: &mut Section<'_>, key: &'static str, default: &str) -> Vec<SocketAddr> {
    let mut seen = Vec::new();
    let servers = s.list(key, |value| {
        let server = server(value)?;
        if seen.contains(&server) {
            return Err("a name server that is listed only once".to_owned());
        }
        seen.push(server);
        Ok(server)
    });
    if s.has(key) && !s.has_items(key) {
        s.refuse(key, format!("at least one name server, or no {key} at all: {default}"));
    }
    servers
}

fn server(value: &DeValue<'_>) -> Read<SocketAddr> {
    let read = |text: &str| {
        let alone = || text.parse().ok().map(|address: IpAddr| SocketAddr::new(address, PORT));
        text.parse().ok().or_else(alone)
    };
    value
        .as_str()
        .and_then(read)
        .filter(|server| server.port() > 0 && is_one_host(server.ip()))
        .ok_or_else(|| SERVER.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_server_is_an_address_with_or_without_a_port() {
        let read = |text: &str| server(&DeValue::String(text.into())).map(|server| server.to_string());
        for (text, meant) in [
            ("192.0.2.53", "192.0.2.53:53"),
            ("192.0.2.53:5353", "192.0.2.53:5353"),
            ("2001:db8::53", "[2001:db8::53]:53"),
            ("[2001:db8::53]:5353", "[2001:db8::53]:5353"),
        ] {
            assert_eq!(read(text).as_deref(), Ok(meant));
        }
        for text in [
            "",
            "ns.example",
            "ns.example:53",
            "192.0.2",
            "192.0.2.53:",
            "192.0.2.53:0",
            "192.0.2.53:65536",
            "[2001:db8::53]",
            "192.0.2.0/24",
            "0.0.0.0",
            "[::]:53",
            "224.0.0.251:5353",
            "255.255.255.255",
        ] {
            assert_eq!(read(text).unwrap_err(), SERVER, "{text}");
        }
    }
}
