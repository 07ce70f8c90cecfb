//! Flags in, exit code out: one file per subcommand.

pub mod peer;
pub mod send;
mod tally;
