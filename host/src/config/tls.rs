//! `[tls]`: the certificate that the relay shows to clients.

use std::path::PathBuf;

use super::Folders;
use super::file::Section;
use super::forms::text;

/// The PEM files of the relay's own certificate. They are read at the start and at a reload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerTls {
    /// `certificate`: the relay's own first, then those that lead to a root.
    pub certificate: PathBuf,
    /// `key`: its private key.
    pub key: PathBuf,
}

const CERTIFICATE: &str = "the path of a PEM file, such as \"tls/relay.pem\"";
const KEY: &str = "the path of a PEM file, such as \"tls/relay.key\"";

impl ServerTls {
    pub(super) fn read(s: &mut Section<'_>, folders: &Folders<'_>) -> Option<Self> {
        let certificate = s.required("certificate", CERTIFICATE, text(CERTIFICATE));
        let key = s.required("key", KEY, text(KEY));
        // Both keys are read before a missing one is reported.
        let mut file = |name, path: Option<String>| {
            let path = folders.base.join(path?);
            Some(folders.existing(s, name, path, "a file that exists"))
        };
        let (certificate, key) = (file("certificate", certificate), file("key", key));
        Some(Self {
            certificate: certificate?,
            key: key?,
        })
    }
}
