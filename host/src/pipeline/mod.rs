//! The chain of plug-ins: which of them see a message, in which order, and what happens when one fails.
//!
//! The engine (`host/engine`) knows WebAssembly and nothing of mail; this room knows both sides of the boundary. A
//! plug-in sees a message through a [`subject`]. What it returns is checked in [`boundary`]: a string that could break
//! the wire is the plug-in's failure there, and not the relay's problem. [`chain`] applies the result, all or nothing,
//! before the next plug-in sees the message.
//!
//! Policy, in one place:
//!
//! - What a plug-in asked for counts only when its call succeeded as a whole: edits, charging records, values.
//! - A failed call (trap, time, memory, fault, illegal edit) is handled by the plug-in's `on-failure`: `defer`
//!   (default), `skip`, `hold`, `refuse`. After repeated failures its breaker opens: then the plug-in is not called,
//!   and its `on-failure` applies at once, until a probe succeeds. A call on an outcome counts too.
//! - A plug-in is called when its `when` admits the message ([`when`]) and the plug-in itself asked for such messages.
//!   Neither check costs an instance.
//! - A message sees one chain from end to end. Replacing plug-ins ([`versions`](crate::versions)) changes the chain for
//!   later messages.
//! - Listeners may hear of calls ([`tap`]): a version that is tried beside the running one, a
//!   [recording](crate::rehearsal::recording). They never delay or change a message.
//! - `hold` keeps the message as it was received, for an operator. What plug-ins before it asked for is dropped: the
//!   chain runs anew when the message is released, and nothing may be charged twice. When only some destinations are
//!   held, what arrival plug-ins asked for is kept with the others, and dropped when the chain runs anew for the rest.
//! - If any destination of a message is deferred, the whole message is: nothing is committed, so nothing can be sent
//!   twice.

mod boundary;
pub(crate) mod chain;
mod compiling;
mod concerned;
mod describe;
mod effects;
mod health;
mod link;
mod meter;
mod outcome;
#[cfg(test)]
pub(crate) mod script;
mod services;
mod subject;
pub mod tap;
pub mod tape;
pub(crate) mod when;

pub use chain::{Chain, Destination, Passage};
pub use compiling::{COMPILER_COMMAND, compile_as_told, engine_options};
pub use concerned::Concerned;
pub use describe::rule as rule_line;
pub use effects::Effects;
pub use health::{Health, Tally};
pub use link::Link;
pub use meter::{FAILURES, Histogram, Own, Reading, VERDICTS};
pub use outcome::{OutcomeTold, TellOutcome};
pub(crate) use services::host_of;
pub use services::{
    KvSource, NoNumbers, NoSecret, NoValues, NobodyOutside, Numbering, PluginServices, Seeds, TableSet,
};
pub use subject::View;
pub use when::{Direction, When};
