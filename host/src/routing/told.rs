//! The names of the steps of a look-up, local parts in the form that they compare, and the callback for explanations.

use std::fmt;

use crate::message::{AddressKind, MmsAddress};

/// One step of `[routing] order`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    /// A peer lists the domain.
    Domain,
    /// The table of subscribers has the number.
    Subscribers,
    /// The table of ported numbers has it.
    Portability,
    /// A `[[route]]`, or the numbers of a `[[relay-server]]`, contain a prefix of the number; the longest counts.
    Ranges,
    /// The domain names a mobile network by its codes, in another spelling than a peer's list.
    MccMnc,
    /// DNS knows the MMSE of the number.
    Enum,
}

/// Receives an explanation of what each step finds. `None` stands for a decision after the last step.
pub type Told<'a> = &'a mut dyn FnMut(Option<Step>, fmt::Arguments<'_>);

impl Step {
    pub const ALL: [Self; 6] = [
        Self::Domain,
        Self::Subscribers,
        Self::Portability,
        Self::Ranges,
        Self::MccMnc,
        Self::Enum,
    ];

    /// The name in the configuration.
    pub fn name(self) -> &'static str {
        match self {
            Self::Domain => "domain",
            Self::Subscribers => "subscribers",
            Self::Portability => "portability",
            Self::Ranges => "ranges",
            Self::MccMnc => "mcc-mnc",
            Self::Enum => "enum",
        }
    }

    /// Whether the step looks at the domain of an address. The others look at its number.
    pub(super) fn goes_by_domain(self) -> bool {
        matches!(self, Self::Domain | Self::MccMnc)
    }
}

/// The local part of an address, in the form that routes compare.
pub(super) enum Subject<'a> {
    /// `+` and digits: ranges are prefixes of it.
    Number(&'a str),
    /// Digits: match exactly, and belong to the network of their domain.
    Code(&'a str),
    /// Anything else, in lower case: treated like a code.
    Word(String),
}

pub(super) fn subject(address: &MmsAddress) -> Subject<'_> {
    match address.kind() {
        AddressKind::Number if address.user().starts_with('+') => Subject::Number(address.user()),
        AddressKind::Number | AddressKind::ShortCode => Subject::Code(address.user()),
        AddressKind::Email | AddressKind::Other => Subject::Word(address.user().to_ascii_lowercase()),
    }
}
