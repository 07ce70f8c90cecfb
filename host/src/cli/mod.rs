//! Flags in, exit code out: one file per subcommand.

mod mailer;
pub mod peer;
pub mod send;
mod tally;
