//! The certificates by which peers prove their identity when they connect to us.
//!
//! The handshake accepts any certificate of a client and checks only that the client has its key. Which peer the
//! certificate belongs to is decided after the handshake, because each peer has its own authorities, and the handshake
//! does not know the peer. A client without a certificate goes on without a proof.

use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use arc_swap::ArcSwap;
use tokio_rustls::rustls::client::danger::HandshakeSignatureValid;
use tokio_rustls::rustls::client::verify_server_name;
use tokio_rustls::rustls::crypto::{self, CryptoProvider};
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use tokio_rustls::rustls::server::{ParsedCertificate, WebPkiClientVerifier};
use tokio_rustls::rustls::{
    DigitallySignedStruct, DistinguishedName, Error as TlsError, RootCertStore, SignatureScheme,
};

use super::super::findings::Findings;
use super::exchanged::{Exchanged, Pinned};
use super::provider;
use crate::config::{Code, Peer};
use crate::message::PeerName;
use crate::relay::intake_handler::KnownCertificates;

/// The certificates of each peer.
#[derive(Debug, Default)]
pub(crate) struct Clients(Vec<(PeerName, Known)>);

/// The certificates that a peer may show.
#[derive(Debug)]
struct Known {
    pinned: Pinned,
    /// The verifier with the authorities, and the name that they must vouch for.
    vouched: Option<(Arc<dyn ClientCertVerifier>, ServerName<'static>)>,
}

impl Clients {
    pub(super) fn read(peers: &[Peer], found: &mut Findings, now: SystemTime) -> Self {
        let mut all = Vec::new();
        for peer in peers {
            let Some(file) = &peer.tls.client_ca else {
                continue;
            };
            let key = found.places().key_of_peer(peer.name.as_str(), "tls.client-ca");
            if let Some(known) = Known::read(file, peer.tls.client_name.as_deref(), &key, found, now) {
                all.push((peer.name.clone(), known));
            }
        }
        Self(all)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl KnownCertificates for ArcSwap<Clients> {
    fn peers_of(&self, chain: &[CertificateDer<'static>]) -> Vec<PeerName> {
        let clients = self.load();
        let Some((shown, others)) = chain.split_first() else {
            return Vec::new();
        };
        let theirs = clients.0.iter().filter(|(_, known)| known.is_shown_by(shown, others));
        theirs.map(|(peer, _)| peer.clone()).collect()
    }
}

impl Known {
    fn read(file: &Path, name: Option<&str>, key: &str, found: &mut Findings, now: SystemTime) -> Option<Self> {
        let exchanged = Exchanged::read(file, key, "ask the peer for its next one", found, now)?;
        let Some(name) = name else {
            for authority in exchanged.iter().filter(|one| one.is_authority) {
                let which = &authority.name;
                found.notice(
                    Code::CertificateIdle,
                    key,
                    format!("{which} is an authority, and vouches for nobody without client-name; it is pinned"),
                );
            }
            return Some(Self {
                pinned: exchanged.pinned,
                vouched: None,
            });
        };
        let roots = exchanged.authorities(key, found);
        let vouched = match roots.is_empty() {
            true => None,
            false => Some(vouched(roots, name, key, found)?),
        };
        let pinned = exchanged.pinned;
        Some(Self { pinned, vouched })
    }

    fn is_shown_by(&self, shown: &CertificateDer<'_>, others: &[CertificateDer<'_>]) -> bool {
        if self.pinned.has_key_of(shown) {
            return true;
        }
        let Some((authorities, name)) = &self.vouched else {
            return false;
        };
        let vouched = authorities.verify_client_cert(shown, others, UnixTime::now());
        let named = ParsedCertificate::try_from(shown).and_then(|read| verify_server_name(&read, name));
        vouched.is_ok() && named.is_ok()
    }
}

fn vouched(
    roots: RootCertStore,
    name: &str,
    key: &str,
    found: &mut Findings,
) -> Option<(Arc<dyn ClientCertVerifier>, ServerName<'static>)> {
    let built = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider()).build();
    let built = built.map_err(|error| found.problem(Code::CertificateUnusable, key, error));
    // The configuration has checked that this is a host name.
    let name = ServerName::try_from(name.to_owned());
    let name = name.map_err(|error| found.problem(Code::CertificateUnusable, key, error));
    Some((built.ok()?, name.ok()?))
}

/// At the door: a client that shows a certificate must have one that an authority in this file vouches for. One that shows
/// none goes on.
pub(super) fn of_authorities(file: &Path, key: &str, found: &mut Findings) -> Option<Arc<dyn ClientCertVerifier>> {
    let all = super::files::certificates(file)
        .map_err(|error| found.problem(Code::CertificateUnusable, key, format!("{error:#}")));
    let mut roots = RootCertStore::empty();
    for (certificate, _) in all.ok()? {
        if let Err(error) = roots.add(certificate) {
            found.problem(Code::CertificateUnusable, key, format!("{}: {error}", file.display()));
        }
    }
    let built = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider())
        .allow_unauthenticated()
        .build();
    built
        .map_err(|error| found.problem(Code::CertificateUnusable, key, error))
        .ok()
}

/// Whether a certificate has this name (RFC 9525).
pub(crate) fn has_name(certificate: &CertificateDer<'_>, name: &str) -> bool {
    let name = ServerName::try_from(name.to_owned());
    let read = ParsedCertificate::try_from(certificate);
    let (Ok(name), Ok(read)) = (name, read) else {
        return false;
    };
    verify_server_name(&read, &name).is_ok()
}

/// Accepts any certificate, from a client that has its key.
pub(super) fn whoever(provider: Arc<CryptoProvider>) -> Arc<dyn ClientCertVerifier> {
    Arc::new(Whoever(provider))
}

#[derive(Debug)]
struct Whoever(Arc<CryptoProvider>);

impl ClientCertVerifier for Whoever {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, TlsError> {
        Ok(ClientCertVerified::assertion())
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
