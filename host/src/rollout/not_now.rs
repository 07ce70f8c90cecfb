//! Why a roll-out is not begun, or not called back.

/// Nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotNow {
    #[error(
        "roll-out {number} of {digest} is under way ({phase}): wait for its end, or call it back with `plugin rollback`"
    )]
    UnderWay {
        number: u64,
        digest: String,
        phase: &'static str,
    },
    #[error("{digest} is barred since it failed at relay {relay}: {why}. `plugin unbar` lifts that")]
    Barred { digest: String, relay: String, why: String },
    #[error("all relays run this version already")]
    Runs,
    #[error(
        "this relay does not run {wanted} yet, which all relays are to run: wait until it does, `plugin rollout` shows it"
    )]
    Behind { wanted: String },
    #[error("no version ran at all relays before the running one")]
    NothingBefore,
    #[error("no version with a digest that begins with {0} is barred")]
    NotBarred(String),
}

/// As people name a version.
pub(super) fn short(digest: &str) -> String {
    digest.get(..12).unwrap_or(digest).to_owned()
}
