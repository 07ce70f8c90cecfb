//! The ledger, checked: every accepted recipient has exactly one end, and the charging records that belong to it.
//!
//! - `finding`: what may be wrong, and what each is called
//! - `balance`: one message's account, set against the queue and its records
//! - `numbers`: which record numbers were seen
//! - [`mod@check`]: all accounts of a period, page by page, and then the records of nobody
//! - `files`: the files of the outputs, set against the records
//! - [`compare`]: our records against a partner's, and what is to be settled

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
