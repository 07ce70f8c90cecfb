//! Delivery over real sockets, with time that stands still until everybody waits.

mod failures;
mod queueing;
mod sessions;
pub(super) mod support;
