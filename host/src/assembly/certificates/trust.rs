//! The certificates that the relay accepts when it connects: by authority, by pinning, or any.
//!
//! `ca` of a peer names a file of certificates. Authorities among them vouch for the certificates that they have
//! signed, as usual. In addition each certificate, also that of an authority, is *pinned*: a peer that shows it, or
//! another certificate with the same key, has proved that it is the one whose file the operators exchanged. Then names
//! and dates are not checked (as RFC 7671, 5.1 has it for DANE-EE). So a certificate of `openssl req -x509`, which
//! claims to be an authority and is shown by the server itself, works as two operators expect.

use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use tokio_rustls::rustls::client::WebPkiServerVerifier;
use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::crypto::{self, CryptoProvider};
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::{DigitallySignedStruct, Error as TlsError, SignatureScheme};

use super::super::findings::Findings;
use super::exchanged::{Exchanged, Pinned};
use crate::config::Code;

/// How a peer's certificate is checked. That the peer has its key is always checked.
#[derive(Debug)]
pub(super) struct Trust {
    provider: Arc<CryptoProvider>,
    whom: Whom,
}

#[derive(Debug)]
enum Whom {
    /// Opportunistic TLS (RFC 7435): any certificate is accepted, so the other side may be anybody.
    Anybody,
    Known {
        authorities: Option<Arc<WebPkiServerVerifier>>,
        pinned: Pinned,
        /// The name of the file, for errors.
        file: String,
    },
}

impl Trust {
    pub(super) fn anybody(provider: Arc<CryptoProvider>) -> Self {
        let whom = Whom::Anybody;
        Self { provider, whom }
    }

    /// Reads the certificates of `file`, which is the value of `key`. Certificates with a coming end are reported to
    /// the operator.
    pub(super) fn read(
        provider: Arc<CryptoProvider>,
        file: &Path,
        key: &str,
        found: &mut Findings,
        now: SystemTime,
    ) -> Option<Self> {
        let advice = "ask the peer for its next one, this one is trusted for as long as it is here";
        let exchanged = Exchanged::read(file, key, advice, found, now)?;
        let roots = exchanged.authorities(key, found);
        for one in exchanged.iter() {
            let what = match one.is_authority {
                true => "vouches for the certificates that it signed, and is taken from the peer itself (pinned)",
                false => {
                    "is no authority, so it is pinned: the peer must show it, or another one with its key; name and dates are \
                     not looked at"
                }
            };
            found.remark(key, format!("{} {what}", one.name));
        }
        let authorities = match roots.is_empty() {
            true => None,
            false => {
                let built = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider)).build();
                let built = built.map_err(|error| {
                    found.problem(
                        Code::CertificateUnusable,
                        key,
                        format!("certificate {}: {error}", file.display()),
                    )
                });
                Some(built.ok()?)
            }
        };
        let whom = Whom::Known {
            authorities,
            pinned: exchanged.pinned,
            file: file.display().to_string(),
        };
        Some(Self { provider, whom })
    }
}

impl ServerCertVerifier for Trust {
    fn verify_server_cert(
        &self,
        shown: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        let Whom::Known {
            authorities,
            pinned,
            file,
        } = &self.whom
        else {
            return Ok(ServerCertVerified::assertion());
        };
        if pinned.has_key_of(shown) {
            return Ok(ServerCertVerified::assertion());
        }
        match authorities {
            Some(authorities) => authorities.verify_server_cert(shown, others, name, ocsp, now),
            None => Err(TlsError::General(format!(
                "invalid peer certificate: it is not the one pinned in {file}, nor has it the same key"
            ))),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        let known = &self.provider.signature_verification_algorithms;
        crypto::verify_tls12_signature(message, certificate, signed, known)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        let known = &self.provider.signature_verification_algorithms;
        crypto::verify_tls13_signature(message, certificate, signed, known)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
