//! `oci://HOST[:PORT]/NAME[:TAG][@sha256:DIGEST]`.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use sha2::{Digest as _, Sha256};

/// The longest name that a registry has to take (OCI distribution specification, "Pulling manifests").
const NAME_MAX: usize = 255;
const TAG_MAX: usize = 128;

/// The SHA-256 of stored content.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    pub fn of(octets: &[u8]) -> Self {
        Self(Sha256::digest(octets).into())
    }

    /// The digest in hexadecimal, without the algorithm.
    pub fn hex(&self) -> String {
        self.0.iter().map(|octet| format!("{octet:02x}")).collect()
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256:{}", self.hex())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Digest {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const WANTED: &str = "its digest must be sha256: and 64 hexadecimal digits in lower case";
        let hex = text.strip_prefix("sha256:").ok_or(WANTED)?;
        let is_digit = |octet: u8| octet.is_ascii_digit() || (b'a'..=b'f').contains(&octet);
        if hex.len() != 64 || !hex.bytes().all(is_digit) {
            return Err(WANTED);
        }
        let mut octets = [0; 32];
        for (octet, digits) in octets.iter_mut().zip(hex.as_bytes().chunks(2)) {
            let digits = std::str::from_utf8(digits).map_err(|_| WANTED)?;
            *octet = u8::from_str_radix(digits, 16).map_err(|_| WANTED)?;
        }
        Ok(Self(octets))
    }
}

/// The place of a component in a registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// The host with its port, as written.
    pub host: String,
    pub name: String,
    pub tag: Option<String>,
    pub digest: Option<Digest>,
}

impl Reference {
    /// What identifies the manifest: the digest when there is one, else the tag.
    pub fn manifest(&self) -> String {
        match (&self.digest, &self.tag) {
            (Some(digest), _) => digest.to_string(),
            (None, Some(tag)) => tag.clone(),
            (None, None) => "latest".to_owned(),
        }
    }

    /// Whether the registry is on this machine, where nobody else can listen.
    pub fn is_on_this_machine(&self) -> bool {
        let host = match self.host.strip_prefix('[') {
            Some(address) => address.split(']').next(),
            None => self.host.split(':').next(),
        };
        host.is_some_and(is_this_machine)
    }

    /// The same place with a digest.
    pub fn pinned(&self, digest: Digest) -> Self {
        Self {
            digest: Some(digest),
            ..self.clone()
        }
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "oci://{}/{}", self.host, self.name)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        match &self.digest {
            Some(digest) => write!(f, "@{digest}"),
            None => Ok(()),
        }
    }
}

impl FromStr for Reference {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let rest = text.strip_prefix("oci://").ok_or("it begins with oci://")?;
        let (host, path) = rest.split_once('/').ok_or("it is oci://HOST/NAME:TAG")?;
        if host.is_empty()
            || !host
                .bytes()
                .all(|octet| octet.is_ascii_alphanumeric() || b".-:[]".contains(&octet))
        {
            return Err("its host is a name or an address, with a port where it needs one");
        }
        let (path, digest) = match path.split_once('@') {
            Some((path, digest)) => (path, Some(digest.parse()?)),
            None => (path, None),
        };
        let (name, tag) = match path.split_once(':') {
            Some((name, tag)) => (name, Some(tag.to_owned())),
            None => (path, None),
        };
        if !is_name(name) {
            return Err("its name is words of lower-case letters and digits, with . _ - inside and / between");
        }
        if tag.as_deref().is_some_and(|tag| !is_tag(tag)) {
            return Err("its tag is up to 128 letters, digits and . _ -, beginning with a letter, a digit or _");
        }
        Ok(Self {
            host: host.to_ascii_lowercase(),
            name: name.to_owned(),
            tag,
            digest,
        })
    }
}

/// Whether a host is this machine itself, independent of the network.
pub(super) fn is_this_machine(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn is_name(name: &str) -> bool {
    let is_plain = |octet: u8| octet.is_ascii_lowercase() || octet.is_ascii_digit();
    let is_word = |word: &str| {
        let octets = word.as_bytes();
        octets.first().is_some_and(|first| is_plain(*first))
            && octets.last().is_some_and(|last| is_plain(*last))
            && octets.iter().all(|octet| is_plain(*octet) || b"._-".contains(octet))
            && !word.contains("..")
    };
    name.len() <= NAME_MAX && name.split('/').all(is_word)
}

fn is_tag(tag: &str) -> bool {
    let is_plain = |octet: u8| octet.is_ascii_alphanumeric() || octet == b'_';
    tag.len() <= TAG_MAX
        && tag.bytes().next().is_some_and(is_plain)
        && tag.bytes().all(|octet| is_plain(octet) || b".-".contains(&octet))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEX: &str = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";

    #[test]
    fn a_reference_reads_back_what_it_prints() {
        for text in [
            "oci://registry.example/stamp".to_owned(),
            "oci://registry.example:5000/mms/stamp:1.2.0".to_owned(),
            format!("oci://127.0.0.1:5000/stamp@sha256:{HEX}"),
            format!("oci://[::1]:5000/a-b/c.d/e_f:V1@sha256:{HEX}"),
        ] {
            let reference: Reference = text.parse().unwrap();
            assert_eq!(reference.to_string(), text);
        }
    }

    #[test]
    fn what_is_no_reference_is_told_with_what_one_is() {
        for (text, wanted) in [
            ("registry.example/stamp", "oci://"),
            ("oci://registry.example", "oci://HOST/NAME:TAG"),
            ("oci://registry.example/Stamp", "lower-case"),
            ("oci://registry.example/../stamp", "lower-case"),
            ("oci://registry.example/stamp:", "tag"),
            ("oci://user@registry.example/stamp", "host"),
            ("oci://registry.example/stamp@sha256:12", "64 hexadecimal digits"),
            ("oci://registry.example/stamp@sha512:12", "sha256:"),
        ] {
            let why = text.parse::<Reference>().unwrap_err();
            assert!(why.contains(wanted), "{text}: {why}");
        }
    }

    #[test]
    fn a_manifest_is_asked_for_by_digest_then_by_tag() {
        let of = |text: &str| text.parse::<Reference>().unwrap().manifest();
        assert_eq!(of("oci://registry.example/stamp"), "latest");
        assert_eq!(of("oci://registry.example/stamp:1"), "1");
        let pinned = format!("oci://registry.example/stamp:1@sha256:{HEX}");
        assert_eq!(of(&pinned), format!("sha256:{HEX}"));
    }

    #[test]
    fn only_loopback_is_this_machine() {
        for (host, is) in [
            ("localhost:5000", true),
            ("127.0.0.9:5000", true),
            ("[::1]:5000", true),
            ("10.0.0.1", false),
            ("localhost.example", false),
        ] {
            let reference: Reference = format!("oci://{host}/stamp").parse().unwrap();
            assert_eq!(reference.is_on_this_machine(), is, "{host}");
        }
    }

    #[test]
    fn the_digest_is_that_of_the_octets() {
        assert_eq!(Digest::of(b"test").hex(), HEX);
    }
}
