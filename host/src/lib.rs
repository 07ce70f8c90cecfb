//! mm4relay: an MM4 relay whose behaviour operators write themselves.
//!
//! The rooms, in the order in which a message passes them:
//!
//! - [`config`]: what the operator's file says, and what it means
//! - [`assembly`]: builds the rooms of a configuration, reloads and drains them
//! - [`relay`]: carries each message through the rooms
//! - [`message`]: the shared words
//! - [`protocol`]: bytes to types and back, for SMTP and MM4
//! - [`intake`]: the SMTP server
//! - [`pipeline`]: the chain of plug-ins
//! - [`versions`]: which version of each plug-in runs: loading, replacing, going back
//! - [`rollout`]: one version of a plug-in for all relays that share a store
//! - [`rehearsal`]: plug-ins without traffic: samples, recordings, replays
//! - [`routing`]: from recipient to peer
//! - [`tables`]: look-up tables out of files, for routing and for plug-ins
//! - [`numbering`]: from number to network, over DNS
//! - `spans`: where the time of a message went, for a collector that speaks OpenTelemetry
//! - [`spool`]: the durable store
//! - [`delivery`]: the SMTP client and its queues
//! - [`transactions`]: requests and their responses, and what the relay has to say itself
//! - [`charging`]: charging records, out of the spool into files
//! - [`ledger`]: what became of every recipient, checked, and compared with a partner's records
//! - [`monitoring`]: metrics and health over HTTP
//! - [`alarms`]: what somebody should see to, raised once and cleared once
//! - [`control`]: the operator's door: every verb, who may ask it, and the audit
//! - `pages`: the console in a browser, which asks at that door
//! - [`passwords`]: what is kept of the passwords with which peers log in
//! - [`vitals`]: the tasks that must not die unnoticed

#![forbid(unsafe_code)]
#![cfg_attr(not(test), deny(clippy::unwrap_used))]

pub mod alarms;
pub mod assembly;
pub mod charging;
pub mod cli;
pub mod clock;
pub mod config;
pub mod control;
pub mod delivery;
pub mod intake;
pub mod ledger;
pub mod message;
pub mod monitoring;
pub mod numbering;
mod outside;
mod pages;
pub mod passwords;
pub mod pipeline;
pub mod protocol;
pub mod registry;
pub mod rehearsal;
pub mod relay;
pub mod rollout;
pub mod routing;
#[cfg(test)]
mod simulation;
mod spans;
pub mod spool;
mod sync;
pub mod tables;
pub mod telemetry;
pub mod transactions;
pub mod versions;
pub mod vitals;
