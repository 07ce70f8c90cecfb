//! Certificates for tests: an authority, and what it vouches for.

use std::path::{Path, PathBuf};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use tempfile::TempDir;

/// An authority with a folder of PEM files.
pub struct Authority {
    folder: TempDir,
    issuer: Issuer<'static, KeyPair>,
}

/// How a certificate is that has signed itself.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum SelfSigned {
    /// It calls itself an authority.
    Authority,
    /// It does not.
    Plain,
    /// An authority, and expired.
    Old,
}

/// The files of one certificate.
pub struct Certificate {
    pub certificate: PathBuf,
    pub key: PathBuf,
}

impl Authority {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params
            .distinguished_name
            .push(DnType::CommonName, "authority of this test");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).expect("it signs itself");
        std::fs::write(folder.path().join("ca.pem"), certificate.pem()).expect("a writable folder");
        let issuer = Issuer::new(params, key);
        Self { folder, issuer }
    }

    /// Those who vouch for what this one has issued.
    pub fn file(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// A certificate for `name`, good now.
    pub fn issue(&self, name: &str) -> Certificate {
        self.sign(name, CertificateParams::new(vec![name.to_owned()]).expect("a name"))
    }

    /// The same, good until 2021.
    pub fn issue_expired(&self, name: &str) -> Certificate {
        let mut params = CertificateParams::new(vec![name.to_owned()]).expect("a name");
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(2021, 1, 1);
        self.sign(name, params)
    }

    /// A certificate for `name` that only its own key has signed, as `openssl req -x509` makes one: an authority, unless
    /// `plain`. Good until 2021 when it is `old`. `key` is that of an earlier one, if any.
    pub fn issue_itself(&self, name: &str, file: &str, kind: SelfSigned, key: Option<&Certificate>) -> Certificate {
        let mut params = CertificateParams::new(vec![name.to_owned()]).expect("a name");
        if kind != SelfSigned::Plain {
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        }
        if kind == SelfSigned::Old {
            params.not_before = date_time_ymd(2020, 1, 1);
            params.not_after = date_time_ymd(2021, 1, 1);
        }
        let key = match key {
            Some(other) => {
                let pem = std::fs::read_to_string(&other.key).expect("a key");
                KeyPair::from_pem(&pem).expect("a key")
            }
            None => KeyPair::generate().expect("a key"),
        };
        params.distinguished_name.push(DnType::CommonName, name);
        let signed = params.self_signed(&key).expect("it signs itself");
        self.written(file, &signed.pem(), &key)
    }

    fn sign(&self, name: &str, mut params: CertificateParams) -> Certificate {
        let key = KeyPair::generate().expect("a key");
        params.distinguished_name.push(DnType::CommonName, name);
        let signed = params.signed_by(&key, &self.issuer).expect("it signs");
        self.written(name, &signed.pem(), &key)
    }

    fn written(&self, name: &str, certificate: &str, key: &KeyPair) -> Certificate {
        let path = |extension: &str| self.folder.path().join(format!("{name}.{extension}"));
        std::fs::write(path("pem"), certificate).expect("a writable folder");
        std::fs::write(path("key"), key.serialize_pem()).expect("a writable folder");
        Certificate {
            certificate: path("pem"),
            key: path("key"),
        }
    }
}

impl Certificate {
    /// As flags of `mm4relay peer`.
    pub fn flags(&self) -> [&str; 4] {
        [
            "--tls-certificate",
            text(&self.certificate),
            "--tls-key",
            text(&self.key),
        ]
    }

    /// As `[tls]` of a relay.
    pub fn section(&self) -> String {
        format!(
            "[tls]\ncertificate = '{}'\nkey = '{}'\n",
            text(&self.certificate),
            text(&self.key)
        )
    }
}

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}
