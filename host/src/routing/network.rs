//! Mobile networks by number: `mms.mnc002.mcc999.gprs`, the other spellings of it, and `999-02`.

use std::fmt;

/// A mobile network: its country code and network code (ITU-T E.212). Network codes of two and three digits with the
/// same value are one, because domains write all with three.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct NetworkId {
    mcc: u16,
    mnc: u16,
}

impl NetworkId {
    /// Reads `MCC-MNC`: three digits, and two or three.
    pub fn read(text: &str) -> Option<Self> {
        let (mcc, mnc) = text.split_once('-')?;
        Self::of(mcc, mnc)
    }

    /// The codes as `MCC-MNC` with three digits each, however they were written: `999-002`.
    pub fn codes(self) -> String {
        format!("{:03}-{:03}", self.mcc, self.mnc)
    }

    /// The network of a domain: `mncNNN.mccNNN.gprs` or `mncNNN.mccNNN.3gppnetwork.org`, with any labels before it, and
    /// with two digits where some write two. The domain is in lower case.
    pub fn of_domain(domain: &str) -> Option<Self> {
        let rest = domain
            .strip_suffix(".gprs")
            .or_else(|| domain.strip_suffix(".3gppnetwork.org"))?;
        let (front, mcc) = rest.rsplit_once('.')?;
        let mnc = front.rsplit('.').next()?;
        Self::of(mcc.strip_prefix("mcc")?, mnc.strip_prefix("mnc")?)
    }

    fn of(mcc: &str, mnc: &str) -> Option<Self> {
        let digits = |text: &str| text.bytes().all(|octet| octet.is_ascii_digit());
        if mcc.len() != 3 || !(2..=3).contains(&mnc.len()) || !digits(mcc) || !digits(mnc) {
            return None;
        }
        let (mcc, mnc) = (mcc.parse().ok()?, mnc.parse().ok()?);
        Some(Self { mcc, mnc })
    }
}

/// The domain of the network's MMSE, as operators list it.
impl fmt::Display for NetworkId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "mms.mnc{:03}.mcc{:03}.gprs", self.mnc, self.mcc)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_network_is_one_however_it_is_written() {
        let network = NetworkId::read("999-02").unwrap();
        assert_eq!(network.to_string(), "mms.mnc002.mcc999.gprs");
        assert_eq!(network.codes(), "999-002");
        assert_eq!(NetworkId::read("999-002"), Some(network));
        for domain in [
            "mms.mnc002.mcc999.gprs",
            "mms.mnc02.mcc999.gprs",
            "mmsc.a.mnc002.mcc999.gprs",
            "mnc002.mcc999.gprs",
            "mms.mnc002.mcc999.3gppnetwork.org",
        ] {
            assert_eq!(NetworkId::of_domain(domain), Some(network), "{domain}");
        }
    }

    #[test]
    fn what_names_no_network_is_none() {
        for text in ["", "999", "999-2", "999-0002", "99-002", "999-0a", "+99-02", "999_02"] {
            assert_eq!(NetworkId::read(text), None, "{text}");
        }
        for domain in [
            "mms.b.example",
            "mms.mnc002.mcc999.example",
            "mcc999.gprs",
            "mms.mcc999.mnc002.gprs",
            "mms.mnc2.mcc999.gprs",
            "mms.mnc+02.mcc999.gprs",
            "gprs",
        ] {
            assert_eq!(NetworkId::of_domain(domain), None, "{domain}");
        }
    }
}
