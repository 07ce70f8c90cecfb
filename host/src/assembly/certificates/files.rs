//! PEM files: certificates, keys, and the facts in a certificate.

use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, bail};
use mm4relay_engine::{FileError, read_file};
use tokio_rustls::rustls::pki_types::pem::{self, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;

use super::super::findings::Findings;
use crate::config::Code;

/// How long before its end a certificate is reported: renewing one takes two operators and a change window.
const AHEAD: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// The largest PEM file, in octets: room for every public root certificate.
const MOST_PEM: u64 = 16 * 1024 * 1024;

/// The facts that are read from a certificate (RFC 5280).
pub(super) struct Facts {
    /// It may issue certificates, by its `basicConstraints`.
    pub(super) is_authority: bool,
    /// `SubjectPublicKeyInfo`, encoded.
    pub(super) key: Vec<u8>,
    /// Seconds since 1970.
    not_before: i64,
    not_after: i64,
}

/// The validity of a certificate at a given time.
pub(super) enum Dates {
    Good,
    /// It is valid, for less than 30 days.
    Ending(String),
    Bad(String),
}

impl Facts {
    pub(super) fn of(certificate: &CertificateDer<'_>) -> Result<Self, String> {
        let (_, read) = X509Certificate::from_der(certificate).map_err(|error| format!("not X.509: {error}"))?;
        Ok(Self {
            is_authority: read.is_ca(),
            key: read.public_key().raw.to_vec(),
            not_before: read.validity().not_before.timestamp(),
            not_after: read.validity().not_after.timestamp(),
        })
    }

    pub(super) fn dates(&self, now: SystemTime) -> Dates {
        let now = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs() as i64;
        match () {
            () if now > self.not_after => Dates::Bad(format!("it expired at {}", time(self.not_after))),
            () if now < self.not_before => Dates::Bad(format!("it is not valid before {}", time(self.not_before))),
            () if now + AHEAD.as_secs() as i64 > self.not_after => {
                Dates::Ending(format!("it expires at {}", time(self.not_after)))
            }
            () => Dates::Good,
        }
    }
}

fn time(seconds: i64) -> String {
    jiff::Timestamp::from_second(seconds).map_or_else(|_| format!("second {seconds}"), |time| time.to_string())
}

/// Every certificate of a file, at least one, with its facts.
pub(super) fn certificates(file: &Path) -> anyhow::Result<Vec<(CertificateDer<'static>, Facts)>> {
    let name = file.display();
    let read = || anyhow::Ok(CertificateDer::pem_slice_iter(&octets(file)?).collect::<Result<Vec<_>, _>>()?);
    let chain = read().with_context(|| format!("certificate {name}"))?;
    if chain.is_empty() {
        bail!("certificate {name}: there is none in the file");
    }
    let with_facts = chain.into_iter().map(|certificate| {
        let facts = Facts::of(&certificate).map_err(|error| anyhow::anyhow!("certificate {name}: {error}"))?;
        Ok((certificate, facts))
    });
    with_facts.collect()
}

pub(super) fn key(file: &Path) -> anyhow::Result<PrivateKeyDer<'static>> {
    let read = || match PrivateKeyDer::from_pem_slice(&octets(file)?) {
        Err(pem::Error::NoItemsFound) => bail!("there is none in the file"),
        read => Ok(read?),
    };
    read().with_context(|| format!("private key {}", file.display()))
}

/// Reads a file. A pipe in its place would block `check`, a start or a reload for ever, and a device has no end.
fn octets(file: &Path) -> Result<Vec<u8>, FileError> {
    read_file(file, MOST_PEM)
}

/// A certificate of the relay with its key.
pub(super) struct Identity {
    pub(super) chain: Vec<CertificateDer<'static>>,
    pub(super) key: PrivateKeyDer<'static>,
}

impl Identity {
    /// Reads both files, even if one has problems. `keys` are their keys in the configuration.
    pub(super) fn read(files: [&Path; 2], keys: [&str; 2], found: &mut Findings, now: SystemTime) -> Option<Self> {
        let [certificate_file, key_file] = files;
        let chain = certificates(certificate_file);
        let key =
            key(key_file).map_err(|error| found.problem(Code::CertificateUnusable, keys[1], format!("{error:#}")));
        let chain = chain
            .map_err(|error| found.problem(Code::CertificateUnusable, keys[0], format!("{error:#}")))
            .ok()?;
        for (at, (_, facts)) in chain.iter().enumerate() {
            let name = numbered(certificate_file, at, chain.len());
            match facts.dates(now) {
                Dates::Good => {}
                // The other side would refuse the certificate, now or in a few days.
                Dates::Bad(why) => found.problem(Code::CertificateUnusable, keys[0], format!("{name}: {why}")),
                Dates::Ending(why) => found.notice(Code::CertificateEnding, keys[0], format!("{name}: {why}")),
            }
        }
        Some(Self {
            chain: chain.into_iter().map(|(certificate, _)| certificate).collect(),
            key: key.ok()?,
        })
    }
}

/// `certificate FILE`, with its number if the file has several.
pub(super) fn numbered(file: &Path, at: usize, of: usize) -> String {
    match of {
        1 => format!("certificate {}", file.display()),
        _ => format!("certificate {} in {}", at + 1, file.display()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_what_is_wanted_and_what_is_no_file_say_so() {
        let folder = tempfile::tempdir().unwrap();
        let (pipe, empty) = (folder.path().join("pipe"), folder.path().join("empty"));
        let made = std::process::Command::new("mkfifo").arg(&pipe).status().unwrap();
        assert!(made.success());
        std::fs::write(&empty, "").unwrap();
        for (path, why) in [
            (&pipe, "it is a pipe (FIFO), not a regular file"),
            (&empty, "there is none in the file"),
        ] {
            let refused = [
                format!("{:#}", certificates(path).err().unwrap()),
                format!("{:#}", key(path).unwrap_err()),
            ];
            for text in refused {
                assert!(text.contains(why), "{text}");
            }
        }
    }
}
