//! Alarms: conditions that an operator should see to, each raised once and cleared once.
//!
//! [`assembly`](crate::assembly), which knows the rooms, examines them again and again and hands in [`Sign`]s: for each
//! thing that can go wrong, its present state. The [`Board`] remembers what is raised. Between wrong and fine there is
//! [doubt](Level::Doubtful), and a state must last for a while before it counts, in either direction: so a value that
//! oscillates around a threshold causes one alarm, and not a hundred.
//!
//! What the board raises and clears goes into the log, to the door, into the metrics, and to a [`webhook`].

mod board;
mod kind;
pub mod webhook;

pub use board::{Alarm, AlarmChange, Board, Level, Sign};
pub use kind::{AlarmKind, Severity};
