//! The address under which this MMSE speaks as a system, with the relay and the Relay/Server in its tag.
//!
//! Other operators see one address for all our Relay/Servers: `mm4relay@mms.own.example`. A request whose answer must
//! find its way back carries a tag in that address, which the other side echoes:
//! `mm4relay+node-1.mmsc-2@mms.own.example`. Whichever relay of the MMSE receives the answer reads in the tag which
//! relay asked, and for which Relay/Server.

use super::{Illegal, MmsAddress, PeerName};

/// RFC 5321, 4.5.3.1.1 limits the local part to so many octets.
pub const MAX_LOCAL_OCTETS: usize = 64;

/// The system address, `<user>@<domain>`; the domain is one of our own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SystemAddress {
    user: String,
    domain: String,
}

/// The tag: what stands behind the `+` of a tagged system address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SystemTag {
    /// The relay that sent the request: letters, digits and `-`.
    pub node: String,
    /// The Relay/Server for which it was sent.
    pub relay_server: PeerName,
}

impl SystemAddress {
    /// Reads an address whose user part has letters, digits, `-`, `_` and `.`, and does not look like a number.
    pub fn new(text: &str) -> Result<Self, Illegal> {
        let legal = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_' | b'.');
        match text.split_once('@') {
            Some((user, domain))
                if !domain.is_empty()
                    && (1..=MAX_LOCAL_OCTETS).contains(&user.len())
                    && user.bytes().all(legal)
                    && !user.bytes().all(|octet| octet.is_ascii_digit()) =>
            {
                Ok(Self {
                    user: user.to_owned(),
                    domain: domain.to_ascii_lowercase(),
                })
            }
            _ => Err(Illegal(format!(
                "\"{text}\" is not a system address: something like mm4relay@mms.own.example is expected, without + in it"
            ))),
        }
    }

    pub fn domain(&self) -> &str {
        &self.domain
    }

    /// The address without a tag.
    pub fn plain(&self) -> String {
        format!("{}@{}", self.user, self.domain)
    }

    /// The address with the tag.
    ///
    /// # Errors
    /// The local part would have more than 64 octets.
    pub fn tagged(&self, tag: &SystemTag) -> Result<String, Illegal> {
        let local = format!("{}+{}.{}", self.user, tag.node, tag.relay_server);
        if local.len() > MAX_LOCAL_OCTETS {
            let octets = local.len();
            return Err(Illegal(format!(
                "{local} has {octets} octets, more than the {MAX_LOCAL_OCTETS} that may stand before the @"
            )));
        }
        Ok(format!("{local}@{}", self.domain))
    }

    /// Whether `address` is this one: `Some` with its tag, or with `None` when it has no tag. The domain is not
    /// compared, because any of our domains will do. The user part is compared without regard to case, which some peers
    /// change. A tag that the relay cannot have written makes it another address.
    pub fn read(&self, address: &MmsAddress) -> Option<Option<SystemTag>> {
        let local = address.as_str().rsplit_once('@').map(|(local, _)| local)?;
        let Some((user, tag)) = local.split_once('+') else {
            return local.eq_ignore_ascii_case(&self.user).then_some(None);
        };
        if !user.eq_ignore_ascii_case(&self.user) {
            return None;
        }
        let (node, relay_server) = tag.split_once('.')?;
        let legal = |c: u8| c.is_ascii_alphanumeric() || c == b'-';
        if node.is_empty() || !node.bytes().all(legal) {
            return None;
        }
        Some(Some(SystemTag {
            node: node.to_owned(),
            relay_server: PeerName::new(relay_server).ok()?,
        }))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn system() -> SystemAddress {
        SystemAddress::new("mm4relay@MMS.own.example").unwrap()
    }

    fn read(text: &str) -> Option<Option<SystemTag>> {
        MmsAddress::new(text).ok().and_then(|address| system().read(&address))
    }

    fn tag(node: &str, relay_server: &str) -> SystemTag {
        SystemTag {
            node: node.into(),
            relay_server: PeerName::new(relay_server).unwrap(),
        }
    }

    #[test]
    fn a_tag_is_written_and_read_back() {
        let address = system().tagged(&tag("node-1", "mmsc_2.east")).unwrap();
        assert_eq!(address, "mm4relay+node-1.mmsc_2.east@mms.own.example");
        assert_eq!(read(&address), Some(Some(tag("node-1", "mmsc_2.east"))));
        assert_eq!(read("MM4Relay+n.a@other.own.example"), Some(Some(tag("n", "a"))));
        assert_eq!(read("mm4relay@mms.own.example"), Some(None));
    }

    #[test]
    fn what_we_cannot_have_written_is_another_address() {
        for text in [
            "mm4relay+@mms.own.example",
            "mm4relay+node@mms.own.example",
            "mm4relay+.a@mms.own.example",
            "mm4relay+node.@mms.own.example",
            "mm4relay+no_de.a@mms.own.example",
            "mm4relay+node.a+b@mms.own.example",
            "mm4relay+node.a/TYPE=PLMN@mms.own.example",
            "mm4relays@mms.own.example",
            "other+node.a@mms.own.example",
            "mm4relay",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn an_address_never_gets_longer_than_mail_allows() {
        let fits = "a".repeat(MAX_LOCAL_OCTETS - "mm4relay+n.".len());
        assert!(system().tagged(&tag("n", &fits)).is_ok());
        assert!(system().tagged(&tag("nn", &fits)).is_err());
    }

    #[test]
    fn a_system_address_must_not_look_like_a_number_or_have_a_tag() {
        for text in [
            "",
            "a",
            "@b.example",
            "a@",
            "15555550100@b.example",
            "a+b@b.example",
            "a b@b.example",
        ] {
            assert!(SystemAddress::new(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_tag_survives(node in "[a-z0-9-]{1,20}", name in "[A-Za-z0-9_.-]{1,30}") {
            let tag = tag(&node, &name);
            prop_assert_eq!(read(&system().tagged(&tag).unwrap()), Some(Some(tag)));
        }

        #[test]
        fn reading_what_anybody_sends_never_fails_loudly(local in "[!-;=?-~]{1,80}") {
            if let Some(Some(tag)) = read(&format!("{local}@mms.own.example")) {
                let written = system().tagged(&tag).map(|text| text.to_ascii_lowercase());
                let given = format!("{}@mms.own.example", local.to_ascii_lowercase());
                prop_assert!(written.is_err() || written == Ok(given));
            }
        }
    }
}
