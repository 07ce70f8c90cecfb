//! Verbs about messages in the queue.

mod act;
mod entry;
mod find;
mod id;

pub use act::{Drop, Dropped, Release, Released, Retried, Retry};
pub use entry::{Entry, HeldBy, Journey, Shown};
pub use find::{List, Page, Show, ShownAll};
pub use id::Named;
