//! What a peer may send, and how it has to prove that it is itself.

use super::rates::Rates;

/// What holds for messages that come from a peer.
pub(crate) struct SenderProfile {
    pub(crate) message: u64,
    pub(crate) line: u64,
    pub(crate) tls_required: bool,
    /// How fast it may send.
    pub(crate) rates: Rates,
    /// It has a name and a password.
    pub(crate) login_required: bool,
    /// It has a certificate.
    pub(crate) certificate_required: bool,
    pub(crate) talks_early: bool,
    pub(crate) mends_line_ends: bool,
    pub(crate) unknown_types_pass: bool,
}

impl SenderProfile {
    /// Its address alone does not say that it is this peer.
    pub(crate) fn proves_itself(&self) -> bool {
        self.login_required || self.certificate_required
    }
}
