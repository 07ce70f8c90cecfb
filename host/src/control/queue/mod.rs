//! Verbs about messages in the queue.

mod act;
mod choose;
mod content;
mod entry;
mod find;
mod groups;
mod id;
mod redirect;
mod shape;

pub use act::{Drop, Dropped, Release, Released, Retried, Retry};
pub use content::{GetContent, Portion};
pub use entry::{Entry, HeldBy, Journey, Shown};
pub(super) use find::has_digits;
pub use find::{List, Page, Show, ShownAll};
pub use groups::{AllGroups, Group, Groups};
pub use id::Named;
pub use redirect::{KeepBack, KeptBack, Reroute, Rerouted};
