//! What every verb means: a pure function from a piece of work, and what the store has of everything that it
//! [reaches](Reach), to what becomes of that.
//!
//! It knows no disk, no SQL and no clock. The store in memory applies work to all that it has; the store on PostgreSQL locks
//! and loads what the work reaches, applies it, and writes what has [changed](table::Table). The embedded store has the same
//! meaning in SQL of its own, statement by statement: it writes a few columns where this rewrites rows, and it is measured
//! that way. The conformance suite holds all three to one behaviour.

mod apply;
mod ledger;
mod notes;
mod redirect;
mod requests;
mod state;
mod table;
mod work;

pub(in crate::spool) use self::state::{Event, History, Message, Row, State, Wait};
pub(in crate::spool) use self::work::{Made, Operate, Reach, Work};
