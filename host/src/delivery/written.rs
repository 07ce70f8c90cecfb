//! How much of a message is written, and whether its end may leave.
//!
//! The end of a message cannot be taken back. A relay that shares its store may have been stopped for minutes between two
//! octets, and another one may have the message by then: so it looks once more whether the message is its own at each attempt
//! to hand octets with the end to the system, also when it waited for room there, or when TLS holds them.

use std::io;

/// Whether the end of a message may leave. `None`: nobody objects.
pub type MayEnd<'a> = Option<&'a (dyn Fn() -> bool + Send + Sync)>;

/// What of a message is written.
#[derive(Clone, Copy)]
pub enum Extent<'a> {
    /// More follows.
    InPart,
    /// With its end.
    ToItsEnd(MayEnd<'a>),
}

#[derive(Debug, thiserror::Error)]
#[error("the end of the message stays here")]
struct Withheld;

impl Extent<'_> {
    /// To be asked before each attempt.
    pub(super) fn may_leave(self) -> io::Result<()> {
        match self {
            Self::ToItsEnd(Some(may_end)) if !may_end() => Err(io::Error::other(Withheld)),
            Self::ToItsEnd(_) | Self::InPart => Ok(()),
        }
    }
}

pub(super) fn was_withheld(error: &io::Error) -> bool {
    error.get_ref().is_some_and(|inner| inner.is::<Withheld>())
}
