//! What relays on one store tell each other of the versions of plug-ins: the facet [`Rollouts`].
//!
//! The store keeps, for each plug-in, one *course*: a text that it does not look into, with a revision that counts its
//! changes. A relay changes a course by saying which revision it saw, so that of two relays that saw the same one the second
//! looks again. What a course means, and what follows from what, is the room `rollout`'s.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use serde_json::Value;

use super::{BoxFuture, SpoolError};
use crate::message::Timestamp;

/// Courses and components in a store that relays share. A store that is one relay's alone has none of it.
pub trait Rollouts: Send + Sync + 'static {
    /// Everything that is known now. Cheap: asked several times a second by every relay.
    fn overview(&self) -> BoxFuture<'_, Result<Overview, SpoolError>>;

    /// Changes a course, together with its entries in the audit, in one commit. `false`, with nothing done: the course is
    /// not what was seen any more. A relay that others count as dead changes nothing.
    fn steer(&self, steering: Steering) -> BoxFuture<'_, Result<bool, SpoolError>>;

    /// Keeps a component under its digest. Doing so twice does nothing. The octets are safe once a change of a course that
    /// was asked for later is.
    fn put_component<'a>(&'a self, digest: &'a str, octets: Bytes) -> BoxFuture<'a, Result<(), SpoolError>>;

    /// The octets that were put under this digest. The caller compares them with it.
    fn component<'a>(&'a self, digest: &'a str) -> BoxFuture<'a, Result<Option<Bytes>, SpoolError>>;

    /// Removes components with other digests that were put there more than an hour ago. Returns how many.
    fn forget_components(&self, but: Vec<String>) -> BoxFuture<'_, Result<u64, SpoolError>>;
}

/// What relays know together.
#[derive(Clone, Debug, PartialEq)]
pub struct Overview {
    /// By the clock of the store.
    pub now: Timestamp,
    /// The name of the relay that asks.
    pub me: String,
    /// The names of the relays that live, by the clock of the store.
    pub relays: BTreeSet<String>,
    /// By the plug-ins' names in the configuration.
    pub courses: BTreeMap<String, Revised>,
}

/// A course, and how often it has been changed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Revised {
    pub revision: u64,
    pub course: Value,
}

/// A change of a course.
#[derive(Clone, Debug, PartialEq)]
pub struct Steering {
    pub plugin: String,
    /// The revision that was seen; 0 where there was no course.
    pub seen: u64,
    pub course: Value,
    /// Entries for the audit.
    pub notes: Vec<(Timestamp, Value)>,
}
