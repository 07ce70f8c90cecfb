//! Builds the relay from a configuration: the rooms one by one, their wiring, and starting, reloading and stopping the
//! whole.
//!
//! [`prepare`] looks at a configuration and at everything that it names, and collects what is wrong ([`findings`]);
//! [`start`] goes on with what was made on the way ([`listeners`], [`tasks`]), and [`reload`] changes it. Between them,
//! each file translates one part of the configuration into what its room takes: [`rooms`] (the spool, the chain),
//! [`services`] (what plug-ins get), [`mod@directory`] (routes and what holds for each peer), [`peers`] and
//! [`name_servers`] (delivery), [`plugins`], [`numbers`], [`tables`], [`terms`] (transactions), [`certificates`],
//! [`listening`] (sockets), [`charging_files`] and [`record_files`], [`control`] (the operator's door), [`alarms`], [`route`]
//! (where a number would go),
//! and [`metrics`] (what the console shows).

pub(crate) mod alarms;
mod certificates;
pub(crate) mod charging_files;
mod compare;
mod control;
mod control_peers;
mod control_plugins;
mod directory;
mod findings;
mod listeners;
mod listening;
mod metrics;
mod name_servers;
mod noted;
mod numbers;
mod outside;
mod peers;
mod plugin_limits;
mod plugins;
mod prepare;
pub(crate) mod record_files;
mod rehearsal;
mod reload;
mod rooms;
mod route;
mod services;
pub(crate) mod shared_store;
mod sources;
mod start;
mod tables;
mod tasks;
mod terms;
#[cfg(test)]
mod two_relays;
mod wishes;

pub use certificates::server_tls;
pub use findings::Findings;
pub(crate) use plugin_limits::plugin_limits;
pub use prepare::{Checked, check, directory};
pub use rehearsal::{Stage, stage};
pub use route::explain as explain_route;
pub use sources::Asking;
pub use start::{Died, InFrontOfInbox, Running, Setup};

/// For tests of the street, which are built of the same configuration.
#[cfg(test)]
pub(crate) use terms::terms;
