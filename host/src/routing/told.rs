//! The steps of a look-up by their names, what stands before the domain as they compare it, and who hears what they find.

use std::fmt;

use crate::message::{AddressKind, MmsAddress};

/// One step of `[routing] order`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    /// The domain is one that a peer lists.
    Domain,
    /// The table of subscribers has the number.
    Subscribers,
    /// The table of ported numbers has it.
    Portability,
    /// A `[[route]]`, or the numbers of a `[[relay-server]]`, have a beginning of it; the longest counts.
    Ranges,
    /// The domain names a mobile network by its codes, in another spelling than a peer lists it.
    MccMnc,
    /// DNS knows the MMSE of the number.
    Enum,
}

/// Hears what each step finds, in words for people. `None` stands for what is decided behind the last step.
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

    /// As the configuration calls it.
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

    /// Whether it looks at the domain of an address. The others look at its number.
    pub(super) fn goes_by_domain(self) -> bool {
        matches!(self, Self::Domain | Self::MccMnc)
    }
}

/// What stands before the domain, as routes compare it.
pub(super) enum Subject<'a> {
    /// `+` and digits: ranges are its beginnings.
    Number(&'a str),
    /// Digits: matches exactly, and belongs to the network of its domain.
    Code(&'a str),
    /// Anything else, in lower case: as a code.
    Word(String),
}

pub(super) fn subject(address: &MmsAddress) -> Subject<'_> {
    match address.kind() {
        AddressKind::Number if address.user().starts_with('+') => Subject::Number(address.user()),
        AddressKind::Number | AddressKind::ShortCode => Subject::Code(address.user()),
        AddressKind::Email | AddressKind::Other => Subject::Word(address.user().to_ascii_lowercase()),
    }
}
