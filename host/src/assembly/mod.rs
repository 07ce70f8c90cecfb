//! Builds the relay from a configuration: makes the rooms one by one, connects them, and starts, reloads and stops the
//! whole.
//!
//! [`prepare`] examines a configuration and everything that it names, and collects the problems ([`findings`]).
//! [`start`] goes on with the result ([`listeners`], [`tasks`]), and [`reload`] applies a new one. The other files each
//! translate one part of the configuration for its room:
//!
//! - [`rooms`]: the spool, the chain
//! - [`services`]: what plug-ins get
//! - [`mod@directory`]: routes, and the terms for each peer
//! - [`peers`] and [`name_servers`]: delivery
//! - [`plugins`], [`numbers`], [`tables`], [`certificates`]
//! - [`terms`]: the terms for transactions
//! - [`listening`]: the listening sockets
//! - [`charging_files`] and [`record_files`]: charging records
//! - [`control`]: the operator's door; [`rollouts`]: versions of plug-ins for all relays
//! - [`members`]: what the relays on a store know of each other
//! - [`alarms`], [`route`] (the explanation of a route), and [`metrics`] (the pages of monitoring)

pub(crate) mod alarms;
mod audit_kept;
mod certificates;
pub(crate) mod charging_files;
mod compare;
mod control;
mod control_clients;
mod control_configuration;
mod control_peers;
mod control_plugins;
mod directory;
mod findings;
mod listeners;
mod listening;
mod members;
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
mod rollouts;
mod rooms;
mod route;
mod services;
pub(crate) mod shared_store;
mod sources;
pub(crate) mod spans;
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

/// For tests of `relay`, which are built from the same configuration.
#[cfg(test)]
pub(crate) use {
    certificates::Certificates, listeners::intake_options, peers::peer_options, rooms::Rooms, rooms::next_hops,
    tasks::keep_leases, terms::terms,
};
