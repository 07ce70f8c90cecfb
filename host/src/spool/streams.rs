//! Records in their order: what a commit appends besides mail.

use super::SpoolError;
use crate::message::{OutgoingId, Timestamp};

/// The records in the store, for those who carry them away. Every verb blocks.
pub trait Streams: Send + Sync + 'static {
    /// At most `limit` charging records behind `sequence`, in order; 0 is before the first.
    fn charging_after(&self, sequence: u64, limit: usize) -> Result<Vec<ChargingRow>, SpoolError>;

    /// Where the output of that name has come to.
    fn output_mark(&self, name: &str) -> Result<OutputMark, SpoolError>;

    /// Notes both halves of the mark at once. What it has passed may be purged.
    fn set_output_mark(&self, name: &str, mark: OutputMark) -> Result<(), SpoolError>;

    /// Forgets an output's mark: nothing waits for it any more, and an output of that name begins anew. Says whether there
    /// was one.
    fn forget_output(&self, name: &str) -> Result<bool, SpoolError>;

    /// The sequence number up to which records have been exported; 0 when none were.
    fn exported(&self) -> Result<u64, SpoolError>;

    /// Notes that the records up to `sequence` are safe in a file. Never goes back, nor beyond the last record.
    fn mark_exported(&self, sequence: u64) -> Result<(), SpoolError>;

    /// Removes records that were committed before `time` and that everybody has who takes them: the export with a mark, if
    /// there was one, and every output that ever wrote. Returns how many.
    fn forget_exported(&self, time: Timestamp) -> Result<usize, SpoolError>;
}

/// A charging record in its place in the sequence.
#[derive(Clone, Debug, PartialEq)]
pub struct ChargingRow {
    /// From 1, in the order of the commits, without gaps.
    pub sequence: u64,
    /// The delivery that caused it; ordinal 0 for what the acceptance caused.
    pub id: OutgoingId,
    /// When it was committed.
    pub recorded_at: Timestamp,
    pub plugin: String,
    pub version: String,
    pub record: serde_json::Value,
}

/// How far an output of charging records has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OutputMark {
    /// Every record up to this one is in a closed file, or was not wanted there.
    pub sequence: u64,
    /// The number of the last closed file; 0 before the first.
    pub file: u32,
}
