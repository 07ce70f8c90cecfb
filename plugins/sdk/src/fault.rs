//! What a [`Fault`] says.

use crate::Fault;

/// A fault in words. `Display` says the same; this trait is older.
pub trait FaultExt {
    /// For an operator: `invalid: there is no table ported`.
    fn explained(&self) -> String;
}

impl FaultExt for Fault {
    fn explained(&self) -> String {
        self.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_says_its_kind_and_its_text() {
        assert_eq!(Fault::Limit("too much".into()).to_string(), "limit: too much");
        assert_eq!(Fault::Invalid("no".into()).to_string(), "invalid: no");
        assert_eq!(Fault::Unavailable("later".into()).explained(), "unavailable: later");
    }
}
