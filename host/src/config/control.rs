//! `[control]`: the operator's door over TCP.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::path::PathBuf;

use super::Folders;
use super::file::Section;
use super::forms::{choice, host_name, listen, text, yes_or_no};
use crate::message::Choice;

/// Where the door is open over TCP, besides its socket in the spool's folder. Without the section it is not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Control {
    /// `listen`: default 127.0.0.1:9465.
    pub listen: SocketAddr,
    /// `hosts`: names under which it is asked, besides addresses and `localhost`. Default none.
    pub hosts: Vec<String>,
    /// `certificate` and `key`: PEM files. Only loopback does without.
    pub tls: Option<(PathBuf, PathBuf)>,
    /// `client-ca` and `[[control.client]]`: who may ask by a certificate. Default: nobody.
    pub clients: Option<ControlClients>,
}

/// Those who ask by certificates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ControlClients {
    /// PEM file with the authorities that vouch for them.
    pub ca: PathBuf,
    pub known: Vec<ControlClient>,
}

/// Who may ask by a certificate, and as what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ControlClient {
    /// `name`: a name of the certificate (subjectAltName), by which the audit knows them.
    pub name: String,
    /// `role`: default `viewer`.
    pub role: ControlRole,
    /// `reveals`: they may have numbers shown whole. Default false.
    pub reveals: bool,
}

/// What somebody may at the door.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ControlRole {
    #[default]
    Viewer,
    Operator,
    Administrator,
}

impl Choice for ControlRole {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("viewer", Self::Viewer),
        ("operator", Self::Operator),
        ("administrator", Self::Administrator),
    ];
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
        let clients = clients(s, folders, tls.is_some());
        Self {
            listen,
            hosts,
            tls,
            clients,
        }
    }
}

fn clients(s: &mut Section<'_>, folders: &Folders<'_>, has_tls: bool) -> Option<ControlClients> {
    const CA: &str = "the path of a PEM file with authorities, such as \"tls/operators-ca.pem\"";
    let ca = s.optional("client-ca", text(CA));
    let mut names = HashSet::new();
    let known = s.sections("client", |s| client(s, &mut names));
    let known: Vec<ControlClient> = known.into_iter().flatten().collect();
    match ca {
        Some(_) if !has_tls => {
            s.refuse("client-ca", "a certificate and a key of the door beside it");
            None
        }
        Some(_) if known.is_empty() => {
            s.refuse(
                "client-ca",
                "at least one [[control.client]], with the name of a certificate",
            );
            None
        }
        Some(ca) => {
            let ca = folders.existing(s, "client-ca", folders.base.join(ca), "a file that exists");
            Some(ControlClients { ca, known })
        }
        None => {
            if s.has_items("client") {
                s.refuse("client", "client-ca beside it: who vouches for these certificates");
            }
            None
        }
    }
}

fn client(s: &mut Section<'_>, names: &mut HashSet<String>) -> Option<ControlClient> {
    const NAME: &str = "a name of the certificate, such as \"monitoring.hub.example\"";
    let name = s.required("name", NAME, host_name)?;
    if !names.insert(name.clone()) {
        s.refuse("name", "a name that no other client has");
    }
    Some(ControlClient {
        name,
        role: s.optional("role", choice).unwrap_or_default(),
        reveals: s.optional("reveals", yes_or_no).unwrap_or(false),
    })
}
