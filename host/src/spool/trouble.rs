//! What is wrong with a store, for people.

use super::SpoolError;

/// Why a store does not take everything that it should.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    pub with: TroubleWith,
    /// In words.
    pub said: String,
}

/// Where the remedy is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TroubleWith {
    /// The disk of a store that is one relay's alone: low, full, failed, or it does not answer.
    Disk,
    /// A store that relays share cannot be reached, or does not answer: the network, its servers, or a standby.
    Away,
    /// It would keep what is committed less safely than the configuration demands.
    Unsafe,
    /// It has lost what it had confirmed.
    WentBack,
}

impl Trouble {
    /// What this error says of a store that relays share.
    pub(super) fn of_shared(error: &SpoolError) -> Self {
        let with = match error {
            SpoolError::Unprotected(_) => TroubleWith::Unsafe,
            SpoolError::WentBack { .. } => TroubleWith::WentBack,
            _ => TroubleWith::Away,
        };
        let said = error.to_string();
        Self { with, said }
    }
}
