//! Exports with a mark: every record leaves the spool in exactly one of them.
//!
//! Two things must not happen: two exports at the same time, and an export that is broken off between writing and
//! marking. A lock prevents the first; a process that dies releases it. Against the second, a file gets its name only
//! when its records are marked:
//!
//! 1. the records go into `FILE.unmarked`, which is flushed to disk;
//! 2. a note in the spool's folder says which file that is, and up to which record it goes;
//! 3. the mark is set, one durable change of the database;
//! 4. `FILE.unmarked` becomes `FILE`, and the note is removed.
//!
//! The next export reads the note first. When the mark has passed its record, step 4 is completed; otherwise the
//! records are still to be exported, and `FILE.unmarked` is removed.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};

use crate::spool::{Mark, StreamReader};

/// Its name among the readers of the stream.
pub const READER: &str = "export";

/// The right to export: nobody else exports while this lives.
pub struct MarkedExport {
    spool: StreamReader,
    /// The spool's folder.
    folder: PathBuf,
    /// Holds the lock.
    _turn: File,
}

/// The note of step 2.
#[derive(Debug, Serialize, Deserialize)]
struct Note {
    file: PathBuf,
    /// The sequence number of the file's last record. For an empty file, of the last record before it.
    last: u64,
}

impl MarkedExport {
    /// Waits until no other export with a mark is under way. `told` is called with messages for the operator: that this
    /// waits, and which file of an interrupted export has been given its name.
    ///
    /// # Errors
    /// The rest of an earlier export is neither there nor marked, or the folder of the spool cannot be locked.
    pub fn begin(spool: StreamReader, folder: &Path, told: impl Fn(&str)) -> anyhow::Result<Self> {
        let turn = File::open(folder).with_context(|| format!("the folder {} cannot be opened", folder.display()))?;
        if let Err(TryLockError::WouldBlock) = turn.try_lock() {
            told("another export with --mark is under way; this one begins when it has ended");
        }
        turn.lock()
            .with_context(|| format!("the folder {} cannot be locked", folder.display()))?;
        let export = Self {
            spool,
            folder: folder.to_owned(),
            _turn: turn,
        };
        export.make_up_for(told)?;
        Ok(export)
    }

    /// Writes the records that no export with a mark has written yet, and marks them. Returns how many they were.
    ///
    /// # Errors
    /// `out` does not accept them; then nothing is marked.
    pub fn to_writer(self, out: &mut impl Write) -> anyhow::Result<u64> {
        let after = self.exported()?;
        let last = super::export(&self.spool, after, out)?;
        self.mark(last)?;
        Ok(last - after)
    }

    /// Like [`to_writer`](Self::to_writer), into a new file, and exactly once whenever this process ends.
    ///
    /// # Errors
    /// The file exists already, or cannot be written; then nothing is marked.
    pub fn to_file(self, file: &Path) -> anyhow::Result<u64> {
        let file = std::path::absolute(file)?;
        let cannot = || format!("{} cannot be made", file.display());
        if file.symlink_metadata().is_ok() {
            bail!("{}: it exists already", cannot());
        }
        let after = self.exported()?;
        let unmarked = unmarked(&file);
        let mut writer = BufWriter::new(File::create(&unmarked).with_context(cannot)?);
        let last = super::export(&self.spool, after, &mut writer).with_context(cannot)?;
        writer.into_inner().map_err(|error| error.into_error())?.sync_all()?;
        self.write(&Note {
            file: file.clone(),
            last,
        })?;
        self.mark(last)?;
        self.give_name(&file)?;
        Ok(last - after)
    }

    /// The number up to which records have been exported; 0 when none were.
    fn exported(&self) -> anyhow::Result<u64> {
        Ok(self.spool.mark(READER)?.sequence)
    }

    /// Sets the mark: the records up to `last` are safe in a file.
    fn mark(&self, last: u64) -> anyhow::Result<()> {
        let mark = Mark {
            sequence: last,
            file: 0,
        };
        Ok(self.spool.set_mark(READER, mark)?)
    }

    /// Completes or undoes an interrupted export.
    fn make_up_for(&self, told: impl Fn(&str)) -> anyhow::Result<()> {
        let place = self.note();
        let text = match std::fs::read_to_string(&place) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error).with_context(|| place.display().to_string()),
        };
        let Note { file, last } = serde_json::from_str(&text).with_context(|| place.display().to_string())?;
        let unmarked = unmarked(&file);
        if self.exported()? < last {
            remove(&unmarked)?;
            return remove(&place);
        }
        match (file.is_file(), unmarked.is_file()) {
            // A link was made, and the file's first name is still there.
            (true, true) => remove(&unmarked)?,
            (true, false) => {}
            (false, true) => told(&format!(
                "an export was broken off: its records are in {} now",
                file.display()
            )),
            (false, false) => bail!(
                "the records up to {last} were exported into {}, which is not there, and neither is {}. Put one of them \
                 back, or remove {} to go on without",
                file.display(),
                unmarked.display(),
                place.display()
            ),
        }
        self.give_name(&file)
    }

    /// Step 4, from wherever it was interrupted.
    fn give_name(&self, file: &Path) -> anyhow::Result<()> {
        let unmarked = unmarked(file);
        if unmarked.is_file() {
            let named = without_replacing(&unmarked, file);
            named.with_context(|| format!("{} cannot become {}", unmarked.display(), file.display()))?;
        }
        if let Some(folder) = file.parent() {
            sync(folder)?;
        }
        remove(&self.note())
    }

    fn note(&self) -> PathBuf {
        self.folder.join("export.json")
    }

    /// Writes the note, durably and all at once.
    fn write(&self, note: &Note) -> anyhow::Result<()> {
        let (place, draft) = (self.note(), self.folder.join("export.json.new"));
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .open(&draft)
            .with_context(|| draft.display().to_string())?;
        serde_json::to_writer(&mut file, note)?;
        file.sync_all()?;
        std::fs::rename(&draft, &place)?;
        sync(&self.folder)
    }
}

/// The file in which records lie until they are marked.
fn unmarked(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".unmarked");
    name.into()
}

/// A link fails where the new name is taken; a rename would replace that file. Where the file system has no links, a
/// rename must do.
fn without_replacing(old: &Path, new: &Path) -> std::io::Result<()> {
    match std::fs::hard_link(old, new) {
        Ok(()) => std::fs::remove_file(old),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Err(error),
        Err(_) => std::fs::rename(old, new),
    }
}

fn remove(file: &Path) -> anyhow::Result<()> {
    match std::fs::remove_file(file) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(error).with_context(|| format!("{} cannot be removed", file.display()))
        }
        _ => Ok(()),
    }
}

/// Makes names in a folder durable.
fn sync(folder: &Path) -> anyhow::Result<()> {
    let synced = File::open(folder).and_then(|folder| folder.sync_all());
    synced.with_context(|| folder.display().to_string())
}
