//! TLS: the relay's certificate, and whom it believes. Read from files at the start, and again at a reload.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Context, bail};
use arc_swap::ArcSwap;
use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::crypto::{self, CryptoProvider};
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use tokio_rustls::rustls::{
    ClientConfig, DigitallySignedStruct, Error as TlsError, RootCertStore, ServerConfig, SignatureScheme,
};

use crate::config::{Config, PeerTls};
use crate::message::{PeerName, TlsTo};

/// Everything that TLS needs, replaced in its place when the files change.
pub(super) struct Certificates {
    server: Option<Arc<ArcSwap<ServerConfig>>>,
    towards: Mutex<HashMap<PeerName, Arc<ArcSwap<ClientConfig>>>>,
}

/// Looks at all files that the configuration names; one error for each that is of no use.
pub fn check(config: &Config) -> Vec<anyhow::Error> {
    let peers = config
        .peers
        .iter()
        .filter_map(|peer| towards(&peer.tls, &peer.name).err());
    server(config).err().into_iter().chain(peers).collect()
}

impl Certificates {
    pub(super) fn load(config: &Config) -> anyhow::Result<Self> {
        let server = server(config)?.map(|server| Arc::new(ArcSwap::from_pointee(server)));
        let mut all = HashMap::new();
        for peer in &config.peers {
            if let Some(client) = towards(&peer.tls, &peer.name)? {
                all.insert(peer.name.clone(), Arc::new(ArcSwap::from_pointee(client)));
            }
        }
        let towards = Mutex::new(all);
        Ok(Self { server, towards })
    }

    /// What intake offers STARTTLS with.
    pub(super) fn server(&self) -> Option<Arc<ArcSwap<ServerConfig>>> {
        self.server.clone()
    }

    /// `None` for a peer that is never encrypted to.
    pub(super) fn towards(&self, peer: &PeerName) -> Option<Arc<ArcSwap<ClientConfig>>> {
        lock(&self.towards).get(peer).cloned()
    }

    /// Takes over what was loaded anew. Sessions that are encrypted already stay as they are.
    pub(super) fn take_over(&self, new: Self) {
        if let (Some(server), Some(new)) = (&self.server, &new.server) {
            server.store(new.load_full());
        }
        let mut new = std::mem::take(&mut *lock(&new.towards));
        let mut towards = lock(&self.towards);
        for (peer, client) in &mut new {
            // Whoever holds the old one sees what is in the new one.
            if let Some(held) = towards.get(peer) {
                held.store(client.load_full());
                client.clone_from(held);
            }
        }
        *towards = new;
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn server(config: &Config) -> anyhow::Result<Option<ServerConfig>> {
    let Some(tls) = &config.tls else { return Ok(None) };
    server_tls(&tls.certificate, &tls.key).context("[tls]").map(Some)
}

/// A server's side of TLS 1.2 and 1.3 with the certificate and key of these PEM files. Clients show none.
pub fn server_tls(certificate: &Path, key_file: &Path) -> anyhow::Result<ServerConfig> {
    let builder = ServerConfig::builder_with_provider(provider()).with_safe_default_protocol_versions()?;
    let identity = builder
        .with_no_client_auth()
        .with_single_cert(chain(certificate)?, key(key_file)?);
    identity.with_context(|| format!("certificate {} and key {}", certificate.display(), key_file.display()))
}

fn towards(tls: &PeerTls, peer: &PeerName) -> anyhow::Result<Option<ClientConfig>> {
    if tls.to == TlsTo::Never {
        return Ok(None);
    }
    let builder = ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions()?;
    let verified = match (tls.to, &tls.ca) {
        (TlsTo::Required, Some(ca)) => builder.with_root_certificates(roots(ca)?),
        (TlsTo::Required, None) => bail!("peer {peer}: tls.ca is missing"),
        _ => builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(AnyCertificate(provider()))),
    };
    let Some(identity) = &tls.identity else {
        return Ok(Some(verified.with_no_client_auth()));
    };
    let shown = verified.with_client_auth_cert(chain(&identity.certificate)?, key(&identity.key)?);
    shown
        .with_context(|| format!("peer {peer}: tls.certificate and tls.key"))
        .map(Some)
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(crypto::ring::default_provider())
}

fn chain(file: &Path) -> anyhow::Result<Vec<CertificateDer<'static>>> {
    let read = || CertificateDer::pem_file_iter(file)?.collect::<Result<Vec<_>, _>>();
    let chain = read().with_context(|| format!("certificate {}", file.display()))?;
    match chain.is_empty() {
        true => bail!("certificate {}: there is none in the file", file.display()),
        false => Ok(chain),
    }
}

fn key(file: &Path) -> anyhow::Result<PrivateKeyDer<'static>> {
    PrivateKeyDer::from_pem_file(file).with_context(|| format!("private key {}", file.display()))
}

fn roots(file: &Path) -> anyhow::Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    for certificate in chain(file)? {
        let added = roots.add(certificate);
        added.with_context(|| format!("certificate {}", file.display()))?;
    }
    Ok(roots)
}

/// Opportunistic TLS (RFC 7435): whoever is there, only the two of us can read it. That it holds the key of its
/// certificate is still checked.
#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        crypto::verify_tls12_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        crypto::verify_tls13_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
