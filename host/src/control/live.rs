//! What only a running relay knows and does. The assembly, which has all rooms, implements it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;

use super::alarms::RaisedAlarm;
use super::cdr::RecordFiles;
use super::configuration::Compared;
use super::limits::Limit;
use super::peers::{Pause, Peer};
use super::placing::{Placement, VersionPlaced};
use super::plugins::PlugInAtWork;
use super::relay::Running;
use super::rollouts::AllRollouts;
use super::routes::{Route, Routed};
use super::tables::Table;
use super::traffic::AllTraffic;
use super::{Known, Problem};
use crate::message::{PeerName, Timestamp};
pub use crate::spool::BoxFuture;

/// A running relay, seen from its desk.
pub trait Live: Send + Sync + 'static {
    fn now(&self) -> Timestamp;

    /// The names that its configuration has at this moment.
    fn known(&self) -> Known;

    fn running(&self) -> Running;

    /// Its name among the relays that share a store; `None` where the store is its own.
    fn node(&self) -> Option<String>;

    /// What is wrong at this moment, here and at the other relays on the store.
    fn alarms(&self) -> Vec<RaisedAlarm>;

    /// What has come in and gone out since it started.
    fn traffic(&self) -> AllTraffic;

    /// Every next hop that there is, by name, without what lies in the store for it.
    fn peers(&self) -> Vec<Peer>;

    /// Sends this peer nothing more until the pause is over, or lifted with `None`.
    fn pause(&self, peer: &PeerName, pause: Option<&Pause>);

    /// Sends this peer no faster than this until it is over, or lifted with `None`.
    fn limit(&self, peer: &PeerName, limit: Option<&Limit>);

    /// What these peers are to be sent has changed in the store.
    fn reconsider(&self, peers: &[PeerName]);

    /// In the order of the chain, without what is switched off about them.
    fn plugins(&self) -> Vec<PlugInAtWork>;

    fn reset_breaker(&self, plugin: &str);

    /// Puts a version in the place of the running one. Goes on when nobody waits for the answer any more.
    fn place_version(
        &self,
        plugin: String,
        placement: Placement,
        within: Duration,
    ) -> BoxFuture<'_, Result<VersionPlaced, Problem>>;

    /// What all relays on the store run of each plug-in, as it was seen last.
    fn rollouts(&self) -> AllRollouts;

    /// Lets a version be rolled out again that was barred. Its digest.
    fn unbar(&self, plugin: String, digest: String, by: String) -> BoxFuture<'_, Result<String, Problem>>;

    /// Shows no message to these, and messages to all others again.
    fn switch_off(&self, plugins: BTreeSet<String>);

    fn route<'a>(&'a self, asked: &'a Route) -> BoxFuture<'a, Result<Routed, Problem>>;

    fn tables(&self) -> BoxFuture<'_, Vec<Table>>;

    /// Reads tables whose files have changed. The error is everything that is wrong with them: then all stay.
    fn reload_tables(&self) -> BoxFuture<'_, Result<(), Vec<String>>>;

    /// The files of its charging outputs; `None` when it has none.
    fn record_files(&self) -> Option<Arc<dyn RecordFiles>>;

    /// Its configuration's file, or a text in the place of that, against what runs.
    fn compare_configuration(&self, candidate: Option<String>) -> BoxFuture<'_, Compared>;

    /// Hands an order to whoever runs the relay. `Err` when nobody takes orders: a relay within another program.
    fn order(&self, order: Order) -> BoxFuture<'_, Result<(), String>>;
}

/// What whoever runs the relay is told to do with it.
#[derive(Debug)]
pub enum Order {
    /// Read the configuration again, and say what came of it.
    Reload(oneshot::Sender<Reloaded>),
    /// End, as after SIGTERM.
    Stop,
}

/// Everything that is wrong with the configuration; then nothing was changed.
pub type Reloaded = Result<(), Vec<String>>;
