//! Subscribers' numbers are personal data: logs show enough of one to find it again, and no more.

use std::fmt;

/// Digits from which on a run of them is taken for a subscriber's number.
const NUMBER_DIGITS: usize = 7;

/// Shows a text with its numbers masked: `+1555****100`.
pub struct Masked<'a>(pub &'a str);

impl fmt::Display for Masked<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for run in self.0.chunk_by_digits() {
            match run.len() >= NUMBER_DIGITS && run.as_bytes()[0].is_ascii_digit() {
                true => write!(f, "{}****{}", &run[..run.len().min(11) - 7], &run[run.len() - 3..])?,
                false => f.write_str(run)?,
            }
        }
        Ok(())
    }
}

trait ChunkByDigits {
    fn chunk_by_digits(&self) -> impl Iterator<Item = &str>;
}

impl ChunkByDigits for str {
    /// Runs of digits and runs of anything else, in turn.
    fn chunk_by_digits(&self) -> impl Iterator<Item = &str> {
        let mut rest = self;
        std::iter::from_fn(move || {
            let digit = rest.chars().next()?.is_ascii_digit();
            let end = rest.find(|c: char| c.is_ascii_digit() != digit).unwrap_or(rest.len());
            let (run, behind) = rest.split_at(end);
            rest = behind;
            Some(run)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_masked_and_the_rest_is_not() {
        let masked = |text: &str| Masked(text).to_string();
        assert_eq!(
            masked("to +15555550100/TYPE=PLMN at 2525"),
            "to +1555****100/TYPE=PLMN at 2525"
        );
        assert_eq!(masked("1234567"), "****567");
        assert_eq!(masked("123456 \u{fc}"), "123456 \u{fc}");
        assert_eq!(masked(""), "");
    }
}
