//! Whom a request may think that it talks to (RFC 9110, 7.2).

use std::net::IpAddr;

use axum::http::uri::Authority;
use axum::http::{HeaderMap, StatusCode, Uri, Version, header};

/// The names under which a listener answers, besides addresses and `localhost`.
#[derive(Clone, Debug)]
pub struct Names {
    /// Of the configuration, for whoever has to add one there.
    section: &'static str,
    names: Vec<String>,
}

impl Names {
    pub fn new(section: &'static str, names: impl IntoIterator<Item = String>) -> Self {
        let names = names.into_iter().map(|name| plain(&name)).collect();
        Self { section, names }
    }

    /// Whether a request may be answered, and if not, why: `400` for one that names nobody, or more than one, `421` for one
    /// that names somebody else (RFC 9110, 15.5.20).
    ///
    /// A browser always says where it thinks it is; what speaks HTTP/1.0 without a `Host` is none.
    pub fn admit(&self, version: Version, uri: &Uri, headers: &HeaderMap) -> Result<(), (StatusCode, String)> {
        let unreadable = |why: &str| Err((StatusCode::BAD_REQUEST, format!("{why}\n")));
        let mut hosts = headers.get_all(header::HOST).iter();
        let named = match (hosts.next(), hosts.next()) {
            (None, None) if version < Version::HTTP_11 => None,
            (Some(host), None) => Some(host.to_str().ok().and_then(|host| host.parse::<Authority>().ok())),
            _ => return unreadable("a request has one Host"),
        };
        let named = match named {
            Some(None) => return unreadable("Host cannot be read"),
            Some(Some(host)) => Some(host),
            None => None,
        };
        let all = named.iter().chain(uri.authority());
        match all.into_iter().all(|host| self.is_ours(host)) {
            true => Ok(()),
            false => Err((
                StatusCode::MISDIRECTED_REQUEST,
                format!(
                    "nobody of that name is here: ask by address, or see hosts in {}\n",
                    self.section
                ),
            )),
        }
    }

    fn is_ours(&self, named: &Authority) -> bool {
        // `user@host` is for people who are to be led astray; and behind `[::1]` or a colon the parser lets pass what is no port.
        let port = named.as_str().strip_prefix(named.host());
        if !port.is_some_and(|port| matches!(port, "" | ":") || named.port_u16().is_some()) {
            return false;
        }
        let host = plain(named.host());
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        bare.unwrap_or(&host).parse::<IpAddr>().is_ok() || host == "localhost" || self.names.contains(&host)
    }
}

/// Without case, and without the dot of the root.
fn plain(name: &str) -> String {
    name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(version: Version, uri: &str, hosts: &[&str]) -> u16 {
        let names = Names::new("[monitoring]", ["Relay.example".to_owned()]);
        let mut headers = HeaderMap::new();
        for host in hosts {
            headers.append(header::HOST, host.parse().unwrap());
        }
        let admitted = names.admit(version, &uri.parse().unwrap(), &headers);
        admitted.map_or_else(|(status, _)| status.as_u16(), |()| 200)
    }

    #[test]
    fn only_addresses_localhost_and_configured_names_are_answered() {
        for host in [
            "127.0.0.1:9464",
            "192.0.2.1",
            "[::1]:9464",
            "[2001:db8::1]",
            "localhost:9464",
            "LOCALHOST.",
            "relay.example:9464",
            "RELAY.EXAMPLE.",
        ] {
            assert_eq!(status(Version::HTTP_11, "/metrics", &[host]), 200, "{host}");
        }
        for host in [
            "evil.example",
            "evil.example:9464",
            "localhost.evil.example",
            "relay.example.evil.example",
            "127.0.0.1.evil.example",
            "127.0.0.1@evil.example",
            "evil.example@127.0.0.1",
            "[::1].evil.example",
            "localhost:evil.example",
            "0x7f000001",
        ] {
            assert_eq!(status(Version::HTTP_11, "/metrics", &[host]), 421, "{host}");
        }
    }

    #[test]
    fn a_request_that_names_nobody_or_two_is_refused_unless_no_browser_can_have_sent_it() {
        assert_eq!(status(Version::HTTP_11, "/health", &[]), 400);
        assert_eq!(status(Version::HTTP_11, "/health", &["127.0.0.1", "127.0.0.1"]), 400);
        assert_eq!(status(Version::HTTP_11, "/health", &["a b"]), 400);
        assert_eq!(status(Version::HTTP_11, "/health", &[""]), 400);
        assert_eq!(status(Version::HTTP_10, "/health", &[]), 200);
        assert_eq!(status(Version::HTTP_10, "/health", &["evil.example"]), 421);
    }

    #[test]
    fn the_address_in_the_request_line_counts_too() {
        assert_eq!(
            status(Version::HTTP_11, "http://evil.example/metrics", &["127.0.0.1"]),
            421
        );
        assert_eq!(
            status(Version::HTTP_11, "http://127.0.0.1/metrics", &["127.0.0.1"]),
            200
        );
        assert_eq!(status(Version::HTTP_10, "http://evil.example/metrics", &[]), 421);
    }
}
