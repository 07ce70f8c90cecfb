//! The records of the stream, read once for all outputs that stand at the same place.

use std::cell::OnceCell;
use std::rc::Rc;

use super::BATCH;
use super::record::Record;
use crate::spool::{Recorded, SpoolError, StreamReader};

/// A record as it is stored, and as encoders see it.
pub struct PagedRecord {
    pub stored: Recorded,
    typed: OnceCell<Result<Record, String>>,
}

impl PagedRecord {
    fn of(stored: Recorded) -> Self {
        Self {
            stored,
            typed: OnceCell::new(),
        }
    }

    /// Made when the first encoder asks.
    ///
    /// # Errors
    /// Why the stored record is none.
    pub fn typed(&self) -> Result<&Record, String> {
        let typed = self
            .typed
            .get_or_init(|| Record::of(&self.stored).map_err(|error| error.to_string()));
        typed.as_ref().map_err(String::clone)
    }
}

/// One look at the stream: what is appended later may be missing from it.
pub struct RecordPages<'s> {
    stream: &'s StreamReader,
    last: Option<(u64, Rc<[PagedRecord]>)>,
}

impl<'s> RecordPages<'s> {
    pub fn of(stream: &'s StreamReader) -> Self {
        Self { stream, last: None }
    }

    pub fn stream(&self) -> &'s StreamReader {
        self.stream
    }

    /// The records behind the number `after`, at most [`BATCH`].
    pub fn behind(&mut self, after: u64) -> Result<Rc<[PagedRecord]>, SpoolError> {
        match &self.last {
            Some((place, rows)) if *place == after => Ok(Rc::clone(rows)),
            _ => {
                let read = self.stream.records(after, BATCH)?;
                let rows: Rc<[PagedRecord]> = read.into_iter().map(PagedRecord::of).collect();
                self.last = Some((after, Rc::clone(&rows)));
                Ok(rows)
            }
        }
    }
}
