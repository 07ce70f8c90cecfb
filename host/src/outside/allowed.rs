//! The requests that a plug-in may send to a service: an origin, methods, patterns of paths.
//!
//! A request is judged by its text, which must therefore be unambiguous: a path with dot segments, or with
//! percent-encoded separators, could be one path here and another behind the next proxy, and is refused.

use hyper::Uri;
use mm4relay_engine::{Fault, HttpRequest};

/// Scheme, host and port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebOrigin {
    pub is_tls: bool,
    /// In lower case; without the brackets of IPv6.
    pub host: String,
    pub port: u16,
}

impl std::fmt::Display for WebOrigin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let scheme = if self.is_tls { "https" } else { "http" };
        match self.host.contains(':') {
            true => write!(f, "{scheme}://[{}]", self.host)?,
            false => write!(f, "{scheme}://{}", self.host)?,
        }
        match self.port == default_port(self.is_tls) {
            true => Ok(()),
            false => write!(f, ":{}", self.port),
        }
    }
}

fn default_port(is_tls: bool) -> u16 {
    if is_tls { 443 } else { 80 }
}

impl WebOrigin {
    /// Of a whole URL.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn of(url: &Uri) -> Result<Self, &'static str> {
        let is_tls = match url.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err("it begins with neither https:// nor http://"),
        };
        let authority = url.authority().ok_or("it names no host")?;
        if authority.as_str().contains('@') {
            return Err("it holds a user and a password");
        }
        let host = authority.host().trim_start_matches('[').trim_end_matches(']');
        if host.is_empty() {
            return Err("it names no host");
        }
        Ok(Self {
            is_tls,
            host: host.trim_end_matches('.').to_ascii_lowercase(),
            port: authority.port_u16().unwrap_or(default_port(is_tls)),
        })
    }
}

/// A request whose URL was parsed.
#[derive(Debug)]
pub(super) struct Asked {
    pub origin: WebOrigin,
    /// The request target: path and query.
    pub target: String,
    pub path: String,
}

impl Asked {
    pub fn of(request: &HttpRequest) -> Result<Self, Fault> {
        let invalid = |why: &str| Fault::Invalid(format!("{:?} is no URL to ask: {why}", short(&request.url)));
        // The parser drops a fragment, and it is never sent.
        if request.url.contains('#') {
            return Err(invalid("it has a fragment"));
        }
        let url: Uri = request.url.parse().map_err(|_| invalid("it cannot be read"))?;
        let origin = WebOrigin::of(&url).map_err(invalid)?;
        let path = url.path();
        if !is_plain(path) {
            return Err(invalid(
                "its path has `.` or `..` as a segment, a backslash, or a separator or a dot in percent encoding",
            ));
        }
        Ok(Self {
            origin,
            target: url.path_and_query().map_or("/", |target| target.as_str()).to_owned(),
            path: path.to_owned(),
        })
    }
}

fn is_plain(path: &str) -> bool {
    let lower = path.to_ascii_lowercase();
    let hidden = ["%2e", "%2f", "%5c", "\\", "//"];
    !hidden.iter().any(|hidden| lower.contains(hidden))
        && path.split('/').all(|segment| segment != "." && segment != "..")
}

/// Whether a path has the form of a pattern: `*` stands for any octets but `/`, `**` for any at all.
pub(super) fn fits(pattern: &str, path: &str) -> bool {
    // The operator writes the patterns and they are short, so trying every position is cheap enough.
    match pattern.find('*') {
        None => pattern == path,
        Some(at) => {
            let (before, rest) = pattern.split_at(at);
            let Some(path) = path.strip_prefix(before) else {
                return false;
            };
            let (any, rest) = match rest.strip_prefix("**") {
                Some(rest) => (true, rest),
                None => (false, &rest[1..]),
            };
            let end = if any {
                path.len()
            } else {
                path.find('/').unwrap_or(path.len())
            };
            (0..=end)
                .filter(|at| path.is_char_boundary(*at))
                .any(|at| fits(rest, &path[at..]))
        }
    }
}

/// A text of a plug-in's in an error.
pub(super) fn short(text: &str) -> &str {
    &text[..text.floor_char_boundary(200)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(url: &str) -> Result<Asked, Fault> {
        Asked::of(&HttpRequest {
            method: "GET".into(),
            url: url.into(),
            headers: Vec::new(),
            body: Default::default(),
        })
    }

    #[test]
    fn an_origin_is_scheme_host_and_port() {
        for (one, other) in [
            ("https://Numbers.Example/a", "https://numbers.example:443/b?c"),
            ("http://192.0.2.1:80", "http://192.0.2.1/"),
            ("https://[2001:DB8::1]:8443/", "https://[2001:db8::1]:8443/x"),
        ] {
            assert_eq!(asked(one).unwrap().origin, asked(other).unwrap().origin);
        }
        let origin = |url: &str| asked(url).unwrap().origin.to_string();
        assert_eq!(origin("https://a.example:443/x"), "https://a.example");
        assert_eq!(origin("http://[2001:db8::1]:8080/"), "http://[2001:db8::1]:8080");
        assert_ne!(origin("http://a.example"), origin("https://a.example"));
    }

    #[test]
    fn what_could_be_another_url_elsewhere_is_none() {
        for url in [
            "https://a.example/v1/../admin",
            "https://a.example/v1/%2e%2e/admin",
            "https://a.example/v1/x%2Fy",
            "https://a.example/v1/.",
            "https://a.example//v1",
            "https://a.example/v1\\x",
            "https://user@a.example/",
            "https://a.example/#x",
            "ftp://a.example/",
            "/v1",
            "a.example",
            "",
        ] {
            assert!(matches!(asked(url), Err(Fault::Invalid(_))), "{url}");
        }
        let plain = asked("https://a.example/v1/+15555550100?with=..%2F").unwrap();
        assert_eq!(plain.path, "/v1/+15555550100");
        assert_eq!(plain.target, "/v1/+15555550100?with=..%2F");
    }

    #[test]
    fn one_star_stays_in_its_segment_and_two_do_not() {
        for (pattern, yes, no) in [
            ("/v1/*", "/v1/x", "/v1/x/y"),
            ("/v1/**", "/v1/x/y", "/v2/x"),
            ("/v1/*/state", "/v1/x/state", "/v1/x/y/state"),
            ("/v1/**/state", "/v1/x/y/state", "/v1/x/y/states"),
            ("/v1/a*b*", "/v1/a1b2", "/v1/b1a2"),
            ("/", "/", "/x"),
        ] {
            assert!(fits(pattern, yes), "{pattern} {yes}");
            assert!(!fits(pattern, no), "{pattern} {no}");
        }
    }
}
