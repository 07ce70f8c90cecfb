//! The terms on which a peer sends, and the proofs of identity that it must give.

use super::rates::Rates;

/// The terms for messages of one peer.
pub(crate) struct SenderProfile {
    pub(crate) message: u64,
    pub(crate) line: u64,
    pub(crate) tls_required: bool,
    /// How fast the peer may send.
    pub(crate) rates: Rates,
    /// The peer must log in.
    pub(crate) login_required: bool,
    /// The peer must show its certificate.
    pub(crate) certificate_required: bool,
    pub(crate) talks_early: bool,
    pub(crate) mends_line_ends: bool,
    pub(crate) unknown_types_pass: bool,
}

impl SenderProfile {
    /// Whether the peer must prove its identity by more than its address.
    pub(crate) fn proves_itself(&self) -> bool {
        self.login_required || self.certificate_required
    }
}
