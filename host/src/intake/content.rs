//! The message behind DATA: octets from the connection into a draft, as they come.

use bytes::Buf;
use tokio::time::Instant;

use super::Options;
use super::draft::Draft;
use super::pace::Pace;
use super::state::Transaction;
use super::wire::{Lost, Wire};
use crate::message::{Content, Refusal};
use crate::protocol::smtp::{DataError, DataLimits, DataReader};

/// What came, and whether the stream is at a point from which it can go on.
pub(super) struct Reception {
    pub(super) content: Result<Content, Refusal>,
    /// False when the search for the end was given up.
    pub(super) ended: bool,
}

/// Reads up to the end of data, whatever happens: a message that cannot be taken is drained, within limits, so that
/// the peer hears why.
pub(super) async fn receive(wire: &mut Wire, transaction: &Transaction, options: &Options) -> Result<Reception, Lost> {
    let limits = DataLimits {
        message: transaction.terms.message.unwrap_or(options.message),
        header: options.header,
        line: transaction.terms.line.unwrap_or(options.line),
    };
    let mut last = Instant::now();
    let pace = pace(last, transaction, options);
    let mut reader = DataReader::new(limits);
    let draft = Draft::new(
        &options.budget,
        &options.folder,
        options.memory_message,
        transaction.declared,
    );
    // A refusal takes the draft's place, and its memory is somebody else's from there on.
    let mut taken = Ok(draft);
    loop {
        let progress = reader.read(&wire.input, |run| {
            if let Ok(draft) = &mut taken {
                draft.push(run);
            }
        });
        wire.input.advance(progress.consumed);
        if let (Ok(_), Some(error)) = (&taken, reader.error()) {
            taken = Err(error.into());
        }
        if progress.ended {
            break;
        }
        if let Ok(draft) = &mut taken
            && let Err(error) = draft.settle().await
        {
            taken = Err(storage(options, &error));
        }
        if taken.is_err() && reader.size() > limits.message.saturating_add(options.drain) {
            let content = taken.and(Err(Refusal::TooLarge { limit: limits.message }));
            return Ok(Reception { content, ended: false });
        }
        wire.fill(pace.deadline(reader.size(), last)).await?;
        last = Instant::now();
    }
    let content = match taken {
        Ok(draft) => draft.finish().await.map_err(|error| storage(options, &error)),
        Err(refusal) => Err(refusal),
    };
    Ok(Reception { content, ended: true })
}

fn storage(options: &Options, error: &std::io::Error) -> Refusal {
    Refusal::Storage {
        reason: format!("{}: {error}", options.folder.display()),
    }
}

fn pace(started: Instant, transaction: &Transaction, options: &Options) -> Pace {
    Pace {
        started,
        idle: options.idle,
        octets_per_second: options.octets_per_second,
        end: transaction.started + options.transaction,
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
