//! Work on its way to the writer, and whoever waits for it.
//!
//! Who waits does so for a limited time, and then has to say what became of the work. Before its commit is sent to the
//! database that is certain: nothing, and nothing will. Afterwards it is unknown until the database has said it. The writer, who
//! sends the commit, and whoever waits settle between them which of the two it is: whoever is first.

use std::sync::Arc;
use std::sync::atomic::AtomicU8;
use std::sync::atomic::Ordering::SeqCst;

use super::parcel::{Parcel, Reply};
use crate::spool::SpoolError;
use crate::spool::model::{Made, Work};

/// A piece of work that somebody waits for.
pub(super) struct Errand {
    pub(super) work: Box<Work>,
    reply: Reply<Made>,
    commit: Arc<Commit>,
}

/// How far the commit of an errand has come.
#[derive(Debug, Default)]
pub(super) struct Commit(AtomicU8);

const NOT_SENT: u8 = 0;
const SENT: u8 = 1;
/// Whoever waited has gone, and has said that nothing happened.
const CALLED_OFF: u8 = 2;

impl Commit {
    /// Whoever waited goes. Whether it is certain that nothing has happened and that nothing will.
    pub(super) fn is_called_off(&self) -> bool {
        let before = self.0.compare_exchange(NOT_SENT, CALLED_OFF, SeqCst, SeqCst);
        before != Err(SENT)
    }

    /// False: it was called off, and must not be sent.
    fn may_be_sent(&self) -> bool {
        let before = self.0.compare_exchange(NOT_SENT, SENT, SeqCst, SeqCst);
        before != Err(CALLED_OFF)
    }
}

impl Errand {
    /// With what whoever waits asks for its commit.
    pub(super) fn new(work: Work, reply: Reply<Made>) -> (Self, Arc<Commit>) {
        let commit = Arc::<Commit>::default();
        let errand = Self {
            work: Box::new(work),
            reply,
            commit: Arc::clone(&commit),
        };
        (errand, commit)
    }

    /// Whether anybody waits still.
    pub(super) fn is_wanted(&self) -> bool {
        !self.reply.is_closed() && self.commit.0.load(SeqCst) != CALLED_OFF
    }

    /// To be asked immediately before the commit is sent.
    pub(super) fn may_be_sent(&self) -> bool {
        self.commit.may_be_sent()
    }

    /// The database has said that the commit is not there.
    pub(super) fn is_out(&self) {
        let _ = self.commit.0.compare_exchange(SENT, NOT_SENT, SeqCst, SeqCst);
    }

    /// Whoever asked hears it, if he is still there.
    pub(super) fn answer(self, made: Result<Parcel<Made>, SpoolError>) {
        let _ = self.reply.send(made);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commit_is_sent_or_called_off_and_never_both() {
        let sent = Commit::default();
        assert!(sent.may_be_sent() && !sent.is_called_off());
        assert!(sent.may_be_sent(), "again, as the database does not have it");
        let called_off = Commit::default();
        assert!(called_off.is_called_off() && !called_off.may_be_sent());
    }
}
