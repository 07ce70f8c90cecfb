//! `numbering`: the network that serves a telephone number.

use crate::bindings::mm4::filter::{numbering, types};
use crate::limits::Grant;
use crate::words::Fault;

use super::Call;

/// Digits of an E.164 number at most (ITU-T E.164, 6.2).
const DIGITS_MAX: usize = 15;

impl numbering::Host for Call {
    async fn lookup(&mut self, number: String) -> wasmtime::Result<Result<Option<numbering::Network>, types::Fault>> {
        self.ask(Grant::Numbering)?;
        self.subject("numbering")?;
        if !is_e164(&number) {
            let text = format!(
                "a number is `+` and 1 to {DIGITS_MAX} digits; this one has {} octets",
                number.len()
            );
            return Ok(Err(Fault::Invalid(text).into()));
        }
        let found = self.owner.services.network(&number).await;
        Ok(found
            .map(|network| network.map(Into::into))
            .map_err(|problem| Fault::Unavailable(problem).into()))
    }
}

fn is_e164(number: &str) -> bool {
    let Some(digits) = number.strip_prefix('+') else {
        return false;
    };
    (1..=DIGITS_MAX).contains(&digits.len()) && digits.bytes().all(|octet| octet.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_a_plus_and_up_to_fifteen_digits() {
        assert!(is_e164("+1") && is_e164("+123456789012345"));
        for wrong in ["", "+", "1555", "+1234567890123456", "+1555a", "+1 555", "+\u{661}"] {
            assert!(!is_e164(wrong), "{wrong}");
        }
    }
}
