//! An answer with what it leases, on its way to whoever asked. He may go at any instant, also when it has been sent and before he
//! has looked at it: then what it leases goes back, since nobody would work on it.

use std::sync::Arc;

use tokio::sync::oneshot;

use crate::spool::{Leased, SpoolError};

/// Where the answer goes.
pub(super) type Reply<T> = oneshot::Sender<Result<Parcel<T>, SpoolError>>;

/// Knows what this relay works on.
pub(super) trait Lessor: Send + Sync {
    /// From now on it does.
    fn lends(&self, leased: &[Leased]);

    /// It does not any more, and others may.
    fn takes_back(&self, leased: Leased);
}

pub(super) struct Parcel<T> {
    content: T,
    leases: Fresh,
}

/// Leases that nobody has in his hands yet.
struct Fresh {
    leased: Vec<Leased>,
    lessor: Arc<dyn Lessor>,
}

impl<T> Parcel<T> {
    pub(super) fn new(lessor: Arc<dyn Lessor>, content: T, leased: Vec<Leased>) -> Self {
        lessor.lends(&leased);
        let leases = Fresh { leased, lessor };
        Self { content, leases }
    }

    /// It is in the hands of whoever asked, with what it leases.
    pub(super) fn opened(self) -> T {
        let Self { content, mut leases } = self;
        leases.leased.clear();
        content
    }
}

impl Drop for Fresh {
    fn drop(&mut self) {
        for leased in self.leased.drain(..) {
            self.lessor.takes_back(leased);
        }
    }
}
