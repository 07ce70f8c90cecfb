//! Alarms: what somebody should see to, raised once and cleared once.
//!
//! Whoever knows the rooms ([`assembly`](crate::assembly)) looks at them again and again and hands in [`Sign`]s: of each thing
//! that can go wrong, whether it does at this moment. The [`Board`] remembers what is raised. Between wrong and fine there is
//! room for [doubt](Level::Doubtful), and a sign has to hold for a while before it counts, either way: so that what goes up
//! and down at a threshold is one alarm, and not a hundred.
//!
//! What the board raises and clears goes into the log, to the door, into the metrics, and to a [`webhook`].

mod board;
mod kind;
pub mod webhook;

pub use board::{Alarm, AlarmChange, Board, Level, Sign};
pub use kind::{AlarmKind, Severity};
