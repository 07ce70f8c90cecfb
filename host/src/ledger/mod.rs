//! The check of the ledger: every accepted recipient has exactly one end, and the charging records that belong to it.
//!
//! - `finding`: the kinds of findings, with their names
//! - `balance`: one message's account, compared with the queue and its records
//! - `numbers`: the record numbers that were seen
//! - [`mod@check`]: all accounts of a period, and then records that belong to none
//! - `files`: the files of the outputs, compared with the records
//! - [`compare`]: our records compared with a partner's, and the totals for settlement

mod balance;
mod check;
pub mod compare;
mod files;
mod finding;
mod numbers;
mod period;
#[cfg(test)]
mod tests;

pub use check::{CheckSummary, check};
pub use files::{Files, FilesSummary};
pub use finding::{Finding, Kind};
pub use period::Period;
