//! The certificates of a peer, as the operators have exchanged them in a file.
//!
//! Authorities among them can vouch for other certificates. Each of them is also *pinned*: whoever shows it, or another
//! certificate with the same key, is the one whose file this is.

use std::path::Path;
use std::time::SystemTime;

use tokio_rustls::rustls::RootCertStore;
use tokio_rustls::rustls::pki_types::CertificateDer;

use super::super::findings::Findings;
use super::files::{Dates, Facts, certificates, numbered};
use crate::config::Code;

/// The keys of certificates: their `SubjectPublicKeyInfo`s.
#[derive(Debug)]
pub(super) struct Pinned(Vec<Vec<u8>>);

/// The certificates of one file.
pub(super) struct Exchanged {
    all: Vec<One>,
    pub(super) pinned: Pinned,
}

/// A certificate of the file.
pub(super) struct One {
    /// `certificate FILE`, with its number if the file has several.
    pub(super) name: String,
    pub(super) is_authority: bool,
    certificate: CertificateDer<'static>,
}

impl Pinned {
    /// Whether this certificate has one of the keys. An unreadable one has none.
    pub(super) fn has_key_of(&self, shown: &CertificateDer<'_>) -> bool {
        Facts::of(shown).is_ok_and(|facts| self.0.contains(&facts.key))
    }
}

impl Exchanged {
    /// Reads `file`, which is the value of `key`. A certificate near its end is a notice that ends in `advice`: dates
    /// are not checked when it is shown, but the peer may be about to renew it.
    pub(super) fn read(file: &Path, key: &str, advice: &str, found: &mut Findings, now: SystemTime) -> Option<Self> {
        let read =
            certificates(file).map_err(|error| found.problem(Code::CertificateUnusable, key, format!("{error:#}")));
        let read = read.ok()?;
        let (count, mut all, mut pinned) = (read.len(), Vec::new(), Vec::new());
        for (at, (certificate, facts)) in read.into_iter().enumerate() {
            let name = numbered(file, at, count);
            if let Dates::Ending(why) | Dates::Bad(why) = facts.dates(now) {
                found.notice(Code::CertificateEnding, key, format!("{name}: {why}; {advice}"));
            }
            let is_authority = facts.is_authority;
            pinned.push(facts.key);
            all.push(One {
                name,
                is_authority,
                certificate,
            });
        }
        let pinned = Pinned(pinned);
        Some(Self { all, pinned })
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &One> {
        self.all.iter()
    }

    /// The authorities among them. One that cannot be used is a problem.
    pub(super) fn authorities(&self, key: &str, found: &mut Findings) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        for one in self.all.iter().filter(|one| one.is_authority) {
            if let Err(error) = roots.add(one.certificate.clone()) {
                found.problem(Code::CertificateUnusable, key, format!("{}: {error}", one.name));
            }
        }
        roots
    }
}
