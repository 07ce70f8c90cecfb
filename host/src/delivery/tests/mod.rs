//! Delivery over real sockets, with time that stands still until everybody waits.

pub(crate) mod by_hand;
mod failures;
mod queueing;
mod room;
mod sessions;
mod step;
pub(super) mod support;
