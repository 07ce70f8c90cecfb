//! The folder of an output, which the relay shares with operators and with programs that fetch files. It contains
//! closed files, and two kinds of empty files that anybody with access to the folder can create, also over SFTP.
//!
//! - `FILE.fetched` beside a closed file says that it was fetched. The file is removed after `keep-fetched`.
//! - `NAME.close` asks the relay to close the file that output `NAME` is writing. The relay removes it when that is
//!   done.

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::options::OutputOptions;

/// A closed file that is still in the folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClosedFile {
    pub path: PathBuf,
    pub octets: u64,
    pub closed: SystemTime,
    /// When it was marked as fetched.
    pub fetched: Option<SystemTime>,
}

impl ClosedFile {
    /// How long the file has waited to be fetched.
    pub fn waits_since(&self, now: SystemTime) -> Option<Duration> {
        let waits = self.fetched.is_none();
        waits.then(|| now.duration_since(self.closed).unwrap_or_default())
    }
}

impl OutputOptions {
    /// The closed files of this output that are in its folder, in the order of their numbers.
    pub fn closed_files(&self) -> io::Result<Vec<ClosedFile>> {
        let entries = match fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let mut files = Vec::new();
        for entry in entries {
            let path = entry?.path();
            let is_ours = self.number_of(&path).is_some();
            // A program that fetches by moving may remove the file before this line.
            if let (true, Ok(about)) = (is_ours, path.metadata()) {
                let fetched = mark_of(&path).metadata().and_then(|mark| mark.modified()).ok();
                files.push(ClosedFile {
                    octets: about.len(),
                    closed: about.modified()?,
                    fetched,
                    path,
                });
            }
        }
        // Numbers have eight digits; longer ones are larger.
        files.sort_by_key(|file| (file.path.as_os_str().len(), file.path.clone()));
        Ok(files)
    }

    /// Removes files that were marked as fetched longer than `keep` ago, and returns how many. They are removed in the
    /// order of their numbers, and none before its predecessors: so a gap between two files is always a loss.
    pub fn remove_fetched(&self, keep: Duration, now: SystemTime) -> io::Result<usize> {
        let mut removed = 0;
        for file in self.closed_files()? {
            let age = file.fetched.map(|at| now.duration_since(at).unwrap_or_default());
            if age.is_none_or(|age| age < keep) {
                break;
            }
            // The mark is removed last: a file without it would wait to be fetched again.
            gone(fs::remove_file(&file.path))?;
            gone(fs::remove_file(mark_of(&file.path)))?;
            removed += 1;
        }
        Ok(removed)
    }

    /// Asks the relay that writes this output to close its file.
    pub fn ask_to_close(&self) -> io::Result<()> {
        fs::create_dir_all(&self.folder)?;
        File::create(self.close_request())?.sync_all()
    }

    pub fn is_asked_to_close(&self) -> bool {
        self.close_request().exists()
    }

    /// Removes the request. Must be called once the file is closed.
    pub fn has_closed(&self) -> io::Result<()> {
        gone(fs::remove_file(self.close_request()))
    }

    /// The file that is the request.
    pub fn close_request(&self) -> PathBuf {
        self.folder.join(format!("{}.close", self.name))
    }
}

/// Marks a closed file as fetched. Returns whether it was not marked before.
///
/// # Errors
/// The file does not exist or is not closed, or the mark cannot be written.
pub fn mark_fetched(file: &Path) -> io::Result<bool> {
    let closed = file.extension().is_some_and(|is| is != "part" && is != "fetched");
    if !closed || !file.is_file() {
        let text = format!("{} is no closed file of charging records", file.display());
        return Err(io::Error::new(ErrorKind::NotFound, text));
    }
    match File::create_new(mark_of(file)) {
        Ok(mark) => {
            mark.sync_all()?;
            Ok(true)
        }
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(error),
    }
}

fn mark_of(file: &Path) -> PathBuf {
    file.with_added_extension("fetched")
}

/// A file that does not exist need not be removed.
fn gone(removed: io::Result<()>) -> io::Result<()> {
    match removed {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::options::Format;
    use super::*;

    const DAY: Duration = Duration::from_secs(86_400);

    fn options(folder: &Path) -> OutputOptions {
        OutputOptions {
            name: "settlement".into(),
            folder: folder.into(),
            format: Format::Csv,
            record_types: Vec::new(),
            peers: Vec::new(),
            max_size: u64::MAX,
            max_records: u32::MAX,
            max_age: DAY,
        }
    }

    fn names(options: &OutputOptions) -> Vec<(String, bool)> {
        let files = options.closed_files().unwrap();
        let name = |file: &ClosedFile| file.path.file_name().unwrap().to_string_lossy().into_owned();
        files.iter().map(|file| (name(file), file.fetched.is_some())).collect()
    }

    #[test]
    fn a_marked_file_waits_no_more_and_goes_when_it_was_kept_long_enough() {
        let folder = tempfile::tempdir().unwrap();
        let options = options(folder.path());
        let first = "settlement-00000001.csv";
        for name in [
            first,
            "settlement-00000002.csv",
            "settlement-00000003.csv.part",
            "other-00000001.csv",
        ] {
            fs::write(folder.path().join(name), "x").unwrap();
        }
        assert!(mark_fetched(&folder.path().join(first)).unwrap());
        assert!(
            !mark_fetched(&folder.path().join(first)).unwrap(),
            "it was marked already"
        );
        let expected = [(first.to_owned(), true), ("settlement-00000002.csv".to_owned(), false)];
        assert_eq!(names(&options), expected);
        let now = SystemTime::now();
        assert_eq!(options.remove_fetched(DAY, now).unwrap(), 0);
        assert_eq!(options.remove_fetched(DAY, now + 2 * DAY).unwrap(), 1);
        assert_eq!(names(&options), expected[1..]);
        assert!(!folder.path().join("settlement-00000001.csv.fetched").exists());
        let third = folder.path().join("settlement-00000003.csv");
        fs::write(&third, "x").unwrap();
        assert!(mark_fetched(&third).unwrap());
        assert_eq!(
            options.remove_fetched(DAY, now + 2 * DAY).unwrap(),
            0,
            "the second waits still"
        );
    }

    #[test]
    fn what_is_not_closed_cannot_have_been_fetched() {
        let folder = tempfile::tempdir().unwrap();
        let part = folder.path().join("settlement-00000001.csv.part");
        fs::write(&part, "x").unwrap();
        assert!(mark_fetched(&part).is_err());
        assert!(mark_fetched(&folder.path().join("settlement-00000002.csv")).is_err());
    }
}
