//! Streams: what commits append besides mail.
//!
//! A stream has a name. Each of its records has a number, from 1, in the order of the commits and without gaps, whatever
//! happens to commits and to the program. It is durable with what caused it. Whoever carries records away, a *reader*, has
//! a mark under its own name that says how far it has come. A record can be purged when every reader that has a mark in
//! its stream has passed it. Streams know nothing of each other: numbers, marks and purges are each stream's own.
//!
//! To read a stream takes a [`StreamReader`]. Whoever opens the store makes one for each stream that somebody is to see,
//! so that a room that writes charging files cannot read what another stream keeps of the same messages.

use std::sync::Arc;
use std::time::Duration;

use super::{BoxFuture, SpoolError};
use crate::message::{QueueId, StreamName, Timestamp};

/// The streams in the store. Every verb but [`appended`](Self::appended) blocks.
pub trait Streams: Send + Sync + 'static {
    /// At most `limit` records behind the number `after`, in order; 0 is before the first.
    fn records(&self, stream: &StreamName, after: u64, limit: usize) -> Result<Vec<Recorded>, SpoolError>;

    /// How far the reader of that name has come; `None` when it has no mark.
    fn mark(&self, stream: &StreamName, reader: &str) -> Result<Option<Mark>, SpoolError>;

    /// Notes how far the reader has come, both halves at once. Never goes back, nor beyond the last record: then nothing
    /// changes, or it stands at the last record.
    fn set_mark(&self, stream: &StreamName, reader: &str, mark: Mark) -> Result<(), SpoolError>;

    /// Forgets a mark: nothing waits for that reader any more, and under its name one begins anew. Says whether there was
    /// one.
    fn forget_mark(&self, stream: &StreamName, reader: &str) -> Result<bool, SpoolError>;

    /// Removes records that were committed before `before` and that every reader with a mark has passed; none, when there
    /// is no mark. Returns how many. Their numbers are not given again.
    fn purge(&self, stream: &StreamName, before: Timestamp) -> Result<usize, SpoolError>;

    /// Ends when records may have been appended since this was called. A store that cannot tell ends it after a second.
    fn appended(&self) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(Duration::from_secs(1)))
    }
}

/// Removes records of a stream that nobody carries away, and that were committed before `before`. Returns how many.
pub(super) fn forget(streams: &impl Streams, stream: &StreamName, before: Timestamp) -> Result<usize, SpoolError> {
    /// Records go once every reader has passed them: this one has passed all.
    const READER: &str = "nobody";
    let end = Mark {
        sequence: i64::MAX as u64,
        file: 0,
    };
    streams.set_mark(stream, READER, end)?;
    streams.purge(stream, before)
}

/// A record in its place in a stream.
#[derive(Clone, Debug, PartialEq)]
pub struct Recorded {
    /// From 1, in the order of the commits, without gaps.
    pub sequence: u64,
    /// The delivery that caused it, or the message as received for what its acceptance caused.
    pub id: QueueId,
    /// When it was committed.
    pub recorded_at: Timestamp,
    pub plugin: String,
    pub version: String,
    pub record: serde_json::Value,
}

/// How far a reader has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mark {
    /// It needs no record up to this one any more.
    pub sequence: u64,
    /// The number of the last file that it closed, if it writes numbered files.
    pub file: u32,
}

/// The right to read one stream, and to say how far its readers have come.
#[derive(Clone)]
pub struct StreamReader {
    streams: Arc<dyn Streams>,
    stream: StreamName,
}

impl StreamReader {
    pub fn new(streams: Arc<dyn Streams>, stream: StreamName) -> Self {
        Self { streams, stream }
    }

    /// See [`Streams::records`].
    pub fn records(&self, after: u64, limit: usize) -> Result<Vec<Recorded>, SpoolError> {
        self.streams.records(&self.stream, after, limit)
    }

    /// See [`Streams::mark`]; the beginning, when there is none.
    pub fn mark(&self, reader: &str) -> Result<Mark, SpoolError> {
        Ok(self.streams.mark(&self.stream, reader)?.unwrap_or_default())
    }

    /// See [`Streams::set_mark`].
    pub fn set_mark(&self, reader: &str, mark: Mark) -> Result<(), SpoolError> {
        self.streams.set_mark(&self.stream, reader, mark)
    }

    /// See [`Streams::forget_mark`].
    pub fn forget_mark(&self, reader: &str) -> Result<bool, SpoolError> {
        self.streams.forget_mark(&self.stream, reader)
    }

    /// See [`Streams::purge`].
    pub fn purge(&self, before: Timestamp) -> Result<usize, SpoolError> {
        self.streams.purge(&self.stream, before)
    }

    /// See [`Streams::appended`].
    pub fn appended(&self) -> BoxFuture<'static, ()> {
        self.streams.appended()
    }
}
