//! The operator's door: every verb by which people and scripts look at a relay and change it, in one place.
//!
//! A verb is a type that holds a question ([`Ask`]), with a type for its answer. All verbs are answered by a [`Desk`],
//! which knows who asks ([`Who`]) and whether that role may, and records every change in the [`audit`] with its result.
//! A desk works in a running relay, which it reaches through [`Live`], or before the folder of one that does not run:
//! verbs about the store do the same in both, by the same code.
//!
//! [`http`] opens the desk of a running relay to other processes: HTTP and JSON over a socket in the state folder,
//! where the operating system identifies the user. [`Client`] asks there; `mm4relay` itself uses it.
//!
//! To add a verb: its type and `impl Ask` go into the file of its subject, and its line into the list of verbs in
//! [`http`].

pub mod alarms;
mod ask;
pub mod audit;
pub mod cdr;
mod client;
pub mod configuration;
mod desk;
pub mod generations;
pub mod http;
mod kept;
pub mod kv;
pub mod limits;
mod live;
pub mod peers;
pub mod placing;
pub mod plugins;
mod problem;
pub mod queue;
pub mod relay;
pub mod requests;
pub mod rollouts;
pub mod routes;
pub mod spool;
pub mod tables;
mod texts;
pub mod tokens;
pub mod trace;
pub mod traffic;
mod when;
mod who;
mod words;

pub use ask::{Ask, Method};
pub use client::Client;
pub use desk::{Desk, Known};
pub use live::{BoxFuture, Live, Order, Reloaded};
pub use problem::{Kind, Problem};
pub use texts::with_texts;
pub use when::When;
pub use who::{Role, Who, name_of_user};
pub use words::{counted, precise_time};
