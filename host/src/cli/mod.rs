//! What a user types: one file per subcommand.

pub mod check;
pub mod peer;
pub mod send;
mod tally;
