//! Logins for registries: names and passwords, and the authorization that a registry asks for.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use anyhow::Context;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use mm4relay_engine::read_file;
use serde::Deserialize;

/// The largest file with logins, in octets.
const FILE_MAX: u64 = 1 << 20;

/// A name and a password. Neither is ever shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    pub user: String,
    pub password: String,
}

impl Credentials {
    /// The value of `Authorization` (RFC 7617).
    pub(super) fn basic(&self) -> String {
        format!("Basic {}", STANDARD.encode(format!("{}:{}", self.user, self.password)))
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials")
    }
}

/// The file in which `docker login`, `podman login` and `oras login` store logins.
#[derive(Debug, Default, Deserialize)]
pub struct Logins {
    #[serde(default)]
    auths: BTreeMap<String, Login>,
}

#[derive(Debug, Deserialize)]
struct Login {
    auth: Option<String>,
}

impl Logins {
    /// The logins of the user who runs this program; empty when there is no such file.
    ///
    /// # Errors
    /// The file exists, and cannot be read.
    pub fn of_the_user() -> anyhow::Result<Self> {
        let Some(path) = path().filter(|path| path.exists()) else {
            return Ok(Self::default());
        };
        let octets = read_file(&path, FILE_MAX).with_context(|| format!("{} cannot be read", path.display()))?;
        serde_json::from_slice(&octets).with_context(|| format!("{} is not what a login leaves", path.display()))
    }

    /// The login for a registry, by its host and port.
    pub fn of(&self, host: &str) -> Option<Credentials> {
        let login = self
            .auths
            .get(host)
            .or_else(|| self.auths.get(&format!("https://{host}")))?;
        let text = String::from_utf8(STANDARD.decode(login.auth.as_ref()?).ok()?).ok()?;
        let (user, password) = text.split_once(':')?;
        Some(Credentials {
            user: user.to_owned(),
            password: password.to_owned(),
        })
    }
}

fn path() -> Option<PathBuf> {
    let of = |name: &str| std::env::var_os(name).map(PathBuf::from);
    of("REGISTRY_AUTH_FILE")
        .or_else(|| Some(of("DOCKER_CONFIG")?.join("config.json")))
        .or_else(|| Some(of("HOME")?.join(".docker/config.json")))
}

/// What a registry asks for with a 401 (RFC 9110, 11.6.1).
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Challenge {
    Basic,
    /// A token from another server: where, for which service, and for what.
    Bearer {
        realm: String,
        service: Option<String>,
        scope: Option<String>,
    },
}

impl Challenge {
    pub fn read(text: &str) -> Option<Self> {
        let (scheme, rest) = text.trim().split_once(' ').unwrap_or((text.trim(), ""));
        if scheme.eq_ignore_ascii_case("basic") {
            return Some(Self::Basic);
        }
        if !scheme.eq_ignore_ascii_case("bearer") {
            return None;
        }
        let mut parameters = parameters(rest);
        Some(Self::Bearer {
            realm: parameters.remove("realm")?,
            service: parameters.remove("service"),
            scope: parameters.remove("scope"),
        })
    }
}

/// Parses `name="value"` pairs separated by commas; a comma within quotes belongs to the value.
fn parameters(text: &str) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut rest = text;
    while let Some((name, after)) = rest.split_once('=') {
        let name = name.trim_matches([' ', ',', '\t']).to_ascii_lowercase();
        let (value, left) = match after.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').unwrap_or((quoted, "")),
            None => after.split_once(',').unwrap_or((after, "")),
        };
        found.insert(name, value.trim().to_owned());
        rest = left;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_challenge_is_read_whatever_its_order_and_case() {
        assert_eq!(Challenge::read("basic realm=\"r\""), Some(Challenge::Basic));
        assert_eq!(
            Challenge::read(
                "Bearer service=\"r\",scope=\"repository:a:pull,push\", realm=\"https://auth.example/token\""
            ),
            Some(Challenge::Bearer {
                realm: "https://auth.example/token".into(),
                service: Some("r".into()),
                scope: Some("repository:a:pull,push".into()),
            })
        );
        assert_eq!(Challenge::read("Bearer"), None, "nobody to ask");
        assert_eq!(Challenge::read("Negotiate"), None);
    }

    #[test]
    fn a_login_is_found_by_the_host_and_shows_nothing() {
        let text = r#"{"auths":{"registry.example:5000":{"auth":"dXNlcjpwYXNzOndvcmQ="},"other.example":{}}}"#;
        let logins: Logins = serde_json::from_str(text).unwrap();
        let found = logins.of("registry.example:5000").unwrap();
        assert_eq!((found.user.as_str(), found.password.as_str()), ("user", "pass:word"));
        assert_eq!(format!("{found:?}"), "Credentials");
        assert_eq!(logins.of("other.example"), None, "kept by a helper");
        assert_eq!(found.basic(), "Basic dXNlcjpwYXNzOndvcmQ=");
    }
}
