//! What a [`Fault`] says.

use crate::Fault;

/// A fault in words.
///
/// The bindings bring a `Display` of their own, which shows the variant as Rust writes it: `Fault::Invalid("...")`.
/// Whoever shows a fault to an operator says it with this trait instead.
pub trait FaultExt {
    /// For an operator: `invalid: there is no table ported`.
    fn explained(&self) -> String;
}

impl FaultExt for Fault {
    fn explained(&self) -> String {
        match self {
            Fault::Invalid(text) => format!("invalid: {text}"),
            Fault::Unavailable(text) => format!("unavailable: {text}"),
            Fault::Limit(text) => format!("limit: {text}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_says_its_kind_and_its_text() {
        assert_eq!(Fault::Limit("too much".into()).explained(), "limit: too much");
        assert_eq!(Fault::Invalid("no".into()).explained(), "invalid: no");
        assert_eq!(Fault::Unavailable("later".into()).explained(), "unavailable: later");
    }
}
