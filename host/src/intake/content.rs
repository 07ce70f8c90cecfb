//! Reception of a message, behind DATA or in chunks: octets from the connection into a draft, as they arrive.

use std::fmt;
use std::path::Path;
use std::time::Duration;

use bytes::Buf;
use tokio::time::Instant;

use super::Options;
use super::draft::Draft;
use super::pace::Pace;
use super::transaction::Transaction;
use super::wire::{Lost, Wire};
use crate::message::{Content, Refusal};
use crate::protocol::smtp::{DataError, DataLimits, DataReader, Progress};

/// A message that is being received.
///
/// A message that cannot be taken is read to its end all the same, within limits, so that the peer hears the reason.
pub(super) struct Reception {
    reader: DataReader,
    /// The draft, or the refusal that replaced it; the draft's memory is then free for other messages.
    taken: Result<Draft, Refusal>,
    pace: Pace,
    /// How many octets of a refused message are read in search of its end.
    give_up: u64,
}

impl Reception {
    /// Receives a message behind DATA.
    pub(super) fn behind_data(transaction: &Transaction, peers: usize, options: &Options) -> Self {
        let reader = DataReader::new(limits(transaction, options)).mending(transaction.terms.mends_line_ends);
        Self::of(reader, transaction, peers, options)
    }

    /// Receives a message in chunks.
    pub(super) fn in_chunks(transaction: &Transaction, peers: usize, options: &Options) -> Self {
        let reader = DataReader::of_chunks(limits(transaction, options)).mending(transaction.terms.mends_line_ends);
        Self::of(reader, transaction, peers, options)
    }

    /// `peers` is the number of peers that share the memory.
    fn of(reader: DataReader, transaction: &Transaction, peers: usize, options: &Options) -> Self {
        let draft = Draft::new(
            options.budget.lease_of(&transaction.terms.peer, peers),
            options.folder.clone(),
            options.memory_message,
            transaction.declared,
        );
        Self {
            reader,
            taken: Ok(draft),
            pace: pace(options, transaction.started + options.transaction),
            give_up: limits(transaction, options).message.saturating_add(options.drain),
        }
    }

    /// Tolerates no more silence than `idle` from now on.
    pub(super) fn bears(&mut self, idle: Duration) {
        self.pace.idle = idle;
    }

    /// Reads to the end of data. Returns false when the search for the end was given up.
    pub(super) async fn whole(&mut self, wire: &mut Wire) -> Result<bool, Lost> {
        let mut last = Instant::now();
        loop {
            let progress = self.take(&wire.input);
            wire.input.advance(progress.consumed);
            if progress.ended {
                return Ok(true);
            }
            self.settle().await;
            if self.is_hopeless() {
                return Ok(false);
            }
            wire.fill(self.pace.deadline(self.reader.size(), last)).await?;
            last = Instant::now();
        }
    }

    /// Reads a chunk of so many octets. Returns false when reading it was given up.
    pub(super) async fn chunk(&mut self, wire: &mut Wire, octets: u64) -> Result<bool, Lost> {
        let (mut left, mut last) = (octets, Instant::now());
        loop {
            let here = at_the_front(wire, left);
            self.take(&wire.input[..here]);
            wire.input.advance(here);
            left -= here as u64;
            self.settle().await;
            if left == 0 {
                return Ok(true);
            }
            if self.is_hopeless() {
                return Ok(false);
            }
            wire.fill(self.pace.deadline(self.reader.size(), last)).await?;
            last = Instant::now();
        }
    }

    pub(super) fn is_refused(&self) -> bool {
        self.taken.is_err()
    }

    /// The received message, once its end has come.
    pub(super) async fn finish(self) -> Result<Content, Refusal> {
        let Self {
            mut reader, mut taken, ..
        } = self;
        reader.finish(|run| {
            if let Ok(draft) = &mut taken {
                draft.push(run);
            }
        });
        let draft = taken?;
        if let Some(error) = reader.error() {
            return Err(error.into());
        }
        let folder = draft.folder().to_owned();
        draft.finish().await.map_err(|error| storage(&folder, &error))
    }

    fn take(&mut self, octets: &[u8]) -> Progress {
        let Self { reader, taken, .. } = self;
        let progress = reader.read(octets, |run| {
            if let Ok(draft) = taken {
                draft.push(run);
            }
        });
        if let (Ok(_), Some(error)) = (&self.taken, self.reader.error()) {
            self.taken = Err(error.into());
        }
        progress
    }

    async fn settle(&mut self) {
        if let Ok(draft) = &mut self.taken
            && let Err(error) = draft.settle().await
        {
            self.taken = Err(storage(draft.folder(), &error));
        }
    }

    fn is_hopeless(&self) -> bool {
        self.is_refused() && self.reader.size() > self.give_up
    }
}

impl fmt::Debug for Reception {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Reception({} octets)", self.reader.size())
    }
}

/// Reads and drops a chunk that belongs to no message.
pub(super) async fn pass_over(wire: &mut Wire, octets: u64, options: &Options) -> Result<(), Lost> {
    let pace = pace(options, Instant::now() + options.transaction);
    let mut left = octets;
    loop {
        let here = at_the_front(wire, left);
        wire.input.advance(here);
        left -= here as u64;
        if left == 0 {
            return Ok(());
        }
        wire.fill(pace.deadline(octets - left, Instant::now())).await?;
    }
}

/// How many of these octets have arrived already.
fn at_the_front(wire: &Wire, octets: u64) -> usize {
    usize::try_from(octets).unwrap_or(usize::MAX).min(wire.input.len())
}

fn limits(transaction: &Transaction, options: &Options) -> DataLimits {
    DataLimits {
        message: transaction.terms.message.unwrap_or(options.message),
        header: options.header,
        line: transaction.terms.line.unwrap_or(options.line),
    }
}

fn storage(folder: &Path, error: &std::io::Error) -> Refusal {
    Refusal::Storage {
        reason: format!("{}: {error}", folder.display()),
    }
}

/// The pace of a message that begins now.
fn pace(options: &Options, end: Instant) -> Pace {
    Pace {
        started: Instant::now(),
        idle: options.idle,
        octets_per_second: options.octets_per_second,
        end,
    }
}

impl From<DataError> for Refusal {
    fn from(error: DataError) -> Self {
        match error {
            DataError::BareCr | DataError::BareLf => Self::BareLineEnd,
            DataError::Nul => Self::NulOctet,
            DataError::TooLarge { limit } => Self::TooLarge { limit },
            DataError::HeaderTooLarge { limit } => Self::HeaderTooLarge { limit },
            DataError::LineTooLong { limit } => Self::LineTooLong { limit },
        }
    }
}
