//! When the disk fails under the store: closing it, and opening it anew.
//!
//! After an error of a write or a flush nobody knows what is on the disk. The kernel drops the mark "still to be written"
//! from the pages whose flush failed, so a second flush succeeds and has written nothing; a program that tries again takes
//! that for success. So nothing is tried again. The store is closed; the log is cut behind the last commit that succeeded, for
//! what failed has been answered so, and must not come back; what the kernel holds of the files is dropped, and they are
//! opened and read from the disk. Only when a page could be written and flushed anew, and every page be read, there are
//! commits again.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rusqlite::Connection;

use super::check;
use super::checkpoint::Checkpoints;
use super::readers::Readers;
use super::room::Gauge;
use super::salvage::{Salvaged, salvage};
use super::unit::Counters;
use super::{Options, log, schema, writable};
use crate::spool::SpoolError;

/// Between two tries. Whoever reads at the moment has ended by the next one.
const PAUSE: Duration = Duration::from_millis(500);

/// Faults of the database that are named one by one.
const MOST_NAMED: usize = 20;

/// The database, open for writing.
pub(super) struct Open {
    pub db: Connection,
    pub checkpoints: Checkpoints,
}

/// Opens the store anew after its disk has failed.
pub(super) struct Mender {
    folder: PathBuf,
    options: Options,
    readers: Arc<Readers>,
    tried: Option<Instant>,
    /// Pages in the log that were committed, if that is known.
    committed: Option<u64>,
}

impl Mender {
    pub fn new(readers: &Arc<Readers>, options: &Options) -> Self {
        Self {
            folder: readers.folder().to_owned(),
            options: options.clone(),
            readers: Arc::clone(readers),
            tried: None,
            committed: None,
        }
    }

    /// Closes everything that is open, including the connections for reading.
    pub fn close(&mut self, writer: Connection) {
        self.committed = committed(&writer);
        self.readers.close();
        schema::close(writer);
        // After an unreadable page, there is no need to wait for the disk.
        self.tried = (!self.is_wanted()).then(Instant::now);
    }

    /// The store, if it can be trusted again. Tries at most twice a second.
    pub fn try_to_open(&mut self, gauge: &Gauge) -> Option<(Open, Counters)> {
        if self.tried.is_some_and(|tried| tried.elapsed() < PAUSE) {
            return None;
        }
        let began = Instant::now();
        // On a full disk SQLite cannot even make the files that it works with.
        let opened = match self.open() {
            Err(SpoolError::Full(_) | SpoolError::Failed(_)) if gauge.spend() => self.open(),
            opened => opened,
        };
        self.tried = Some(Instant::now());
        match opened {
            Ok(opened) => {
                self.readers.open_again();
                gauge.mended();
                let took = began.elapsed().as_millis();
                tracing::info!(
                    took,
                    event = "spool-mended",
                    "the spool has been opened anew and looked through: messages are taken and delivered"
                );
                Some(opened)
            }
            Err(error) => {
                gauge.stays_closed(&error);
                None
            }
        }
    }

    /// Whether somebody found an unreadable page.
    pub fn is_wanted(&self) -> bool {
        self.readers.are_suspect()
    }

    /// The database has to be looked through.
    pub fn wish(&self) {
        self.readers.suspect();
    }

    fn open(&self) -> Result<(Open, Counters), SpoolError> {
        if !self.readers.are_closed() {
            return Err(SpoolError::Broken("somebody still reads from it".into()));
        }
        let path = schema::log_of(&schema::database(&self.folder));
        if let Some(committed) = self.committed {
            cut(&path, committed).map_err(|e| SpoolError::Failed(format!("{}: {e}", path.display())))?;
        }
        self.forget_cached(&path);
        save_what_can_be_read(&self.folder, &self.options, self.is_wanted())?;
        let db = writable::open(&self.folder, &self.options)?;
        let written = db.execute("UPDATE counter SET value = value WHERE name = 'salt'", ());
        match written.map_err(SpoolError::from).and_then(|_| Counters::read(&db)) {
            Ok(counters) => {
                let checkpoints = Checkpoints::start(&self.folder, self.options.log)?;
                Ok((Open { db, checkpoints }, counters))
            }
            Err(error) => {
                schema::close(db);
                Err(error)
            }
        }
    }

    /// Drops the kernel's cache, so that later reads come from the disk.
    fn forget_cached(&self, log: &Path) {
        for name in [&schema::database(&self.folder), log] {
            if let Ok(file) = File::open(name) {
                // A file system that cannot is none that loses anything by it.
                let _ = rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed);
            }
        }
    }
}

/// The pages of the log that belong to commits, of this process and others. All connections know it, without the disk.
fn committed(db: &Connection) -> Option<u64> {
    let pages = db.query_row("PRAGMA wal_checkpoint(NOOP)", (), |row| row.get::<_, i64>(1));
    u64::try_from(pages.ok()?).ok()
}

/// Cuts the log after so many pages.
fn cut(path: &Path, committed: u64) -> io::Result<()> {
    let file = match OpenOptions::new().read(true).write(true).open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        opened => opened?,
    };
    let mut header = [0; log::HEADER];
    let length = match file.read_exact_at(&mut header, 0) {
        Ok(()) if committed > 0 => {
            let page = u32::from_be_bytes([header[8], header[9], header[10], header[11]]);
            log::HEADER as u64 + committed * (log::PAGE_HEADER as u64 + u64::from(page))
        }
        _ => 0,
    };
    if file.metadata()?.len() > length {
        file.set_len(length)?;
    }
    file.sync_all()
}

/// Reads all pages. If some are unreadable, a database with everything readable replaces this one. `wholly` also
/// compares indexes with their tables.
pub(super) fn save_what_can_be_read(folder: &Path, options: &Options, wholly: bool) -> Result<(), SpoolError> {
    let how = if wholly { "integrity_check" } else { "quick_check" };
    let faults = match writable::open(folder, options) {
        Ok(db) => {
            let faults = check::pages(&db, how);
            schema::close(db);
            faults?
        }
        Err(SpoolError::Corrupt(why)) => vec![why],
        Err(error) => return Err(error),
    };
    if faults.is_empty() {
        return Ok(());
    }
    for fault in faults.iter().take(MOST_NAMED) {
        tracing::error!(event = "spool-damaged", "the spool's database is damaged: {fault}");
    }
    let Salvaged { rows, hurt, kept } = salvage(folder)?;
    let kept = kept.display();
    tracing::error!(
        rows,
        lost_from = hurt.join(", "),
        event = "spool-salvaged",
        "the spool's database had pages that cannot be read; what can is in a new one, and the damaged one is {kept}"
    );
    Ok(())
}
