//! TLS: the relay's certificates, and the certificates that it accepts. The files are read at the start, and again at a
//! reload.

mod clients;
mod exchanged;
mod files;
mod trust;

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use anyhow::Context;
use arc_swap::ArcSwap;
use mm4relay_engine::read_file;
use tokio_rustls::rustls::crypto::{self, CryptoProvider};
use tokio_rustls::rustls::server::danger::ClientCertVerifier;
use tokio_rustls::rustls::{ClientConfig, Error as TlsError, ServerConfig};

use crate::config::{self, Code, Config, LoginTo, Peer};
use crate::message::{Password, PeerName, TlsTo};
use crate::protocol::smtp::AuthCredentials;
use crate::sync::lock;

use super::findings::Findings;
pub(crate) use clients::{Clients, has_name};
use files::Identity;
use trust::Trust;

/// Everything that TLS needs; replaced in place when the files change.
pub(crate) struct Certificates {
    server: Option<Arc<ArcSwap<ServerConfig>>>,
    /// The certificate of the door over TCP.
    door: Option<Arc<ArcSwap<ServerConfig>>>,
    /// The certificates by which clients prove which peer they are.
    clients: Arc<ArcSwap<Clients>>,
    towards: Mutex<HashMap<PeerName, Arc<ArcSwap<ClientConfig>>>>,
    /// The logins of the relay, by peer.
    logins: Mutex<HashMap<PeerName, Arc<ArcSwap<AuthCredentials>>>>,
}

impl Certificates {
    /// Reads every file that the configuration names. The result is complete only when no problem was found.
    pub(crate) fn load(config: &Config, found: &mut Findings, now: SystemTime) -> Self {
        let tls = config.tls.as_ref();
        let clients = Clients::read(&config.peers, found, now);
        let server = tls.and_then(|tls| {
            let files = [&*tls.certificate, &*tls.key];
            let asked = (!clients.is_empty()).then(|| clients::whoever(provider()));
            serve((files, ["tls.certificate", "tls.key"]), asked, found, now)
        });
        let door = config.control.as_ref().and_then(|control| control.tls.as_ref());
        let door = door.and_then(|(certificate, key)| {
            let keys = ["control.certificate", "control.key"];
            let clients = config.control.as_ref().and_then(|control| control.clients.as_ref());
            let clients = clients.map(|clients| clients::of_authorities(&clients.ca, "control.client-ca", found));
            // What is of no use there has been found.
            let clients = clients.unwrap_or(None);
            serve(([certificate, key], keys), clients, found, now)
        });
        let mut all = HashMap::new();
        for peer in &config.peers {
            if let Some(client) = towards(peer, found, now) {
                all.insert(peer.name.clone(), Arc::new(ArcSwap::from_pointee(client)));
            }
        }
        let collector = config.tracing.as_ref().filter(|tracing| tracing.is_tls());
        if let Some(Err(error)) = collector.map(|tracing| towards_service(&tracing.ca, None)) {
            found.problem(Code::CertificateUnusable, "tracing.ca", format!("{error:#}"));
        }
        let webhook = config.alarms.webhook.as_ref().filter(|webhook| webhook.is_tls());
        if let Some(Err(error)) = webhook.map(|webhook| towards_service(&webhook.ca, None)) {
            found.problem(Code::CertificateUnusable, "alarms.webhook-ca", format!("{error:#}"));
        }
        let logins = config.peers.iter().filter_map(|peer| {
            let login = peer.login_to.as_ref()?;
            let credentials = credentials(peer, login, found)?;
            Some((peer.name.clone(), Arc::new(ArcSwap::from_pointee(credentials))))
        });
        Self {
            logins: Mutex::new(logins.collect()),
            server: server.map(|server| Arc::new(ArcSwap::from_pointee(server))),
            door: door.map(|door| Arc::new(ArcSwap::from_pointee(door))),
            clients: Arc::new(ArcSwap::from_pointee(clients)),
            towards: Mutex::new(all),
        }
    }

    /// The configuration for STARTTLS at intake.
    pub(crate) fn server(&self) -> Option<Arc<ArcSwap<ServerConfig>>> {
        self.server.clone()
    }

    /// The configuration for the door over TCP.
    pub(crate) fn door(&self) -> Option<Arc<ArcSwap<ServerConfig>>> {
        self.door.clone()
    }

    /// The certificates of clients, including later replacements.
    pub(crate) fn clients(&self) -> Arc<ArcSwap<Clients>> {
        Arc::clone(&self.clients)
    }

    /// `None` for a peer without TLS.
    pub(crate) fn towards(&self, peer: &PeerName) -> Option<Arc<ArcSwap<ClientConfig>>> {
        lock(&self.towards).get(peer).cloned()
    }

    /// The login at a peer's hosts.
    pub(crate) fn login(&self, peer: &PeerName) -> Option<Arc<ArcSwap<AuthCredentials>>> {
        lock(&self.logins).get(peer).cloned()
    }

    /// Replaces everything by what was loaded anew. Sessions that are encrypted already are not affected.
    pub(crate) fn take_over(&self, new: Self) {
        for (server, new) in [(&self.server, &new.server), (&self.door, &new.door)] {
            if let (Some(server), Some(new)) = (server, new) {
                server.store(new.load_full());
            }
        }
        self.clients.store(new.clients.load_full());
        replace(&self.logins, &new.logins);
        replace(&self.towards, &new.towards);
    }
}

/// Moves the new values into the old holders, so that everybody who has an old one sees the new value.
fn replace<T>(old: &Mutex<HashMap<PeerName, Arc<ArcSwap<T>>>>, new: &Mutex<HashMap<PeerName, Arc<ArcSwap<T>>>>) {
    let mut new = std::mem::take(&mut *lock(new));
    let mut old = lock(old);
    for (peer, one) in &mut new {
        if let Some(held) = old.get(peer) {
            held.store(one.load_full());
            one.clone_from(held);
        }
    }
    *old = new;
}

/// A server's side of TLS 1.2 and 1.3 with the certificate and key in these PEM files, whatever their dates. Clients
/// are not asked for a certificate.
pub fn server_tls(certificate: &Path, key_file: &Path) -> anyhow::Result<ServerConfig> {
    let chain = files::certificates(certificate)?;
    let identity = Identity {
        chain: chain.into_iter().map(|(certificate, _)| certificate).collect(),
        key: files::key(key_file)?,
    };
    let built = serve_with(identity, None);
    built.with_context(|| format!("certificate {} and key {}", certificate.display(), key_file.display()))
}

/// Asks clients for a certificate only if one of them may be identified by it.
fn serve_with(identity: Identity, clients: Option<Arc<dyn ClientCertVerifier>>) -> Result<ServerConfig, TlsError> {
    let builder = ServerConfig::builder_with_provider(provider()).with_safe_default_protocol_versions()?;
    let builder = match clients {
        Some(clients) => builder.with_client_cert_verifier(clients),
        None => builder.with_no_client_auth(),
    };
    builder.with_single_cert(identity.chain, identity.key)
}

/// The configuration with these files, which are the values of these keys.
fn serve(
    (files, keys): ([&Path; 2], [&str; 2]),
    clients: Option<Arc<dyn ClientCertVerifier>>,
    found: &mut Findings,
    now: SystemTime,
) -> Option<ServerConfig> {
    let identity = Identity::read(files, keys, found, now)?;
    let built = serve_with(identity, clients);
    built
        .map_err(|error| found.problem(Code::CertificateUnusable, keys[1], no_pair(&error, files)))
        .ok()
}

fn towards(peer: &Peer, found: &mut Findings, now: SystemTime) -> Option<ClientConfig> {
    let tls = &peer.tls;
    let key = |key: &str, found: &Findings| found.places().key_of_peer(peer.name.as_str(), key);
    let ca_key = key("tls.ca", found);
    let known = tls.ca.as_ref().map(|ca| {
        if tls.to != TlsTo::Required {
            let said = "nobody's certificate is compared with it, because to is not \"required\"";
            found.notice(Code::CertificateIdle, &ca_key, said);
        }
        Trust::read(provider(), ca, &ca_key, found, now)
    });
    let identity = tls.identity.as_ref().map(|identity| {
        let files = [&*identity.certificate, &*identity.key];
        let keys = [key("tls.certificate", found), key("tls.key", found)];
        let read = Identity::read(files, [&keys[0], &keys[1]], found, now);
        (read, keys, files)
    });
    let trust = match tls.to {
        TlsTo::Never => return None,
        // The configuration has reported a missing `ca`.
        TlsTo::Required => known??,
        _ => Trust::anybody(provider()),
    };
    let builder = ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions();
    let builder = builder
        .map_err(|error| found.problem(Code::CertificateUnusable, &ca_key, error))
        .ok()?;
    let verified = builder.dangerous().with_custom_certificate_verifier(Arc::new(trust));
    let Some((identity, keys, files)) = identity else {
        return Some(verified.with_no_client_auth());
    };
    let Identity { chain, key } = identity?;
    let shown = verified.with_client_auth_cert(chain, key);
    shown
        .map_err(|error| found.problem(Code::CertificateUnusable, &keys[1], no_pair(&error, files)))
        .ok()
}

/// TLS towards a service outside, with the authorities in `ca`, and the certificate that the relay shows there.
pub(super) fn towards_service(ca: &Path, identity: Option<&config::Identity>) -> anyhow::Result<ClientConfig> {
    let mut found = Findings::default();
    let trust = Trust::read(provider(), ca, "ca", &mut found, SystemTime::now());
    let trust = trust
        .filter(|_| found.is_empty())
        .with_context(|| found.problems.join("; "))?;
    let builder = ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions()?;
    let verified = builder.dangerous().with_custom_certificate_verifier(Arc::new(trust));
    let Some(identity) = identity else {
        return Ok(verified.with_no_client_auth());
    };
    let chain = files::certificates(&identity.certificate)?;
    let chain = chain.into_iter().map(|(certificate, _)| certificate).collect();
    let shown = verified.with_client_auth_cert(chain, files::key(&identity.key)?);
    shown.map_err(|error| anyhow::anyhow!(no_pair(&error, [&*identity.certificate, &*identity.key])))
}

/// The largest file with a password, in octets.
const MOST_PASSWORD: u64 = 4096;

fn credentials(peer: &Peer, login: &LoginTo, found: &mut Findings) -> Option<AuthCredentials> {
    let key = found.places().key_of_peer(peer.name.as_str(), "login-to.password-file");
    let file = &login.password_file;
    let read = read_file(file, MOST_PASSWORD).map_err(|error| format!("{} cannot be read: {error}", file.display()));
    let password = read.and_then(|octets| {
        let text = String::from_utf8(octets).unwrap_or_default();
        let first = text.lines().next().unwrap_or_default().to_owned();
        match first.is_empty() {
            true => Err(format!("{} has no password in its first line", file.display())),
            false => Ok(Password::new(first)),
        }
    });
    let password = password.map_err(|why| found.problem(Code::CertificateUnusable, &key, why));
    Some(AuthCredentials {
        name: login.name.clone(),
        password: password.ok()?,
    })
}

fn no_pair(error: &TlsError, [certificate, key]: [&Path; 2]) -> String {
    let (certificate, key) = (certificate.display(), key.display());
    match error {
        TlsError::InconsistentKeys(_) => format!("the key {key} is not that of the certificate {certificate}"),
        error => format!("certificate {certificate} and key {key}: {error}"),
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(crypto::ring::default_provider())
}
