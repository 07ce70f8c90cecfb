//! `[control]`: the operator's door over TCP.

use std::net::SocketAddr;
use std::path::PathBuf;

use super::Folders;
use super::file::Section;
use super::forms::{host_name, listen, text};

/// Where the door is open over TCP, besides its socket in the spool's folder. Without the section it is not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Control {
    /// `listen`: default 127.0.0.1:9465.
    pub listen: SocketAddr,
    /// `hosts`: names under which it is asked, besides addresses and `localhost`. Default none.
    pub hosts: Vec<String>,
    /// `certificate` and `key`: PEM files. Only loopback does without.
    pub tls: Option<(PathBuf, PathBuf)>,
}

impl Control {
    pub(super) fn read(s: &mut Section<'_>, folders: &Folders<'_>) -> Self {
        const CERTIFICATE: &str = "the path of a PEM file, such as \"tls/control.pem\"";
        const KEY: &str = "the path of a PEM file, such as \"tls/control.key\"";
        let listen = s.optional("listen", listen);
        let listen = listen.unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 9465)));
        let hosts = s.list("hosts", host_name);
        let certificate = s.optional("certificate", text(CERTIFICATE));
        let key = s.optional("key", text(KEY));
        let mut file = |name, path: String| folders.existing(s, name, folders.base.join(path), "a file that exists");
        let tls = match (certificate, key) {
            (Some(certificate), Some(key)) => Some((file("certificate", certificate), file("key", key))),
            (None, None) => {
                if !listen.ip().is_loopback() {
                    s.refuse(
                        "listen",
                        "a certificate and a key beside it: only loopback does without",
                    );
                }
                None
            }
            (Some(_), None) => {
                s.refuse("certificate", "its key beside it");
                None
            }
            (None, Some(_)) => {
                s.refuse("key", "its certificate beside it");
                None
            }
        };
        Self { listen, hosts, tls }
    }
}
