//! The log: to standard error, so that standard output belongs to what a command prints.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

/// Starts logging. `RUST_LOG` overrides the level, in the usual syntax of tracing's filters.
pub fn start(default_level: &str) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(default_level));
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false);
    // A second start (tests, or the demo inside another command) keeps the first.
    let _ = subscriber.try_init();
}

/// A subscriber's number, masked for the log: `+1555****100`. Numbers are personal data; the spool and the charging
/// records keep them whole.
pub fn masked(address: &str) -> String {
    let is_number = |c: char| c == '+' || c.is_ascii_digit();
    let end = address.find(|c| !is_number(c)).unwrap_or(address.len());
    let (number, rest) = address.split_at(end);
    if number.len() < 8 {
        return address.to_owned();
    }
    format!(
        "{}****{}{rest}",
        &number[..number.len() - 7],
        &number[number.len() - 3..]
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_masked_and_everything_else_stays() {
        assert_eq!(
            masked("+15555550100/TYPE=PLMN@mms.a.example"),
            "+1555****100/TYPE=PLMN@mms.a.example"
        );
        assert_eq!(masked("2020@mms.a.example"), "2020@mms.a.example");
        assert_eq!(masked("postmaster@mms.a.example"), "postmaster@mms.a.example");
    }
}
