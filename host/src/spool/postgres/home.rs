//! The folder that is a relay's own, beside a store that it shares.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::Path;

use crate::spool::SpoolError;

/// Held for as long as the relay runs: whoever holds it again knows that the one before has ended, and not only been cut off.
pub struct Home {
    mark: String,
    _lock: File,
}

/// Has a word by which this folder is known from every other one.
const MARK: &str = "home";

/// Says which machine this is: a copy of the folder on another one is another folder.
const MACHINE: &str = "/proc/sys/kernel/hostname";

impl Home {
    /// Of the folder that `lock` keeps for this relay.
    ///
    /// # Errors
    /// It cannot be read or written.
    pub fn of(folder: &Path, lock: File) -> Result<Self, SpoolError> {
        let file = folder.join(MARK);
        let broken = |error| SpoolError::Broken(format!("{}: {error}", file.display()));
        let word = match fs::read_to_string(&file) {
            Ok(word) => word,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let word = format!("{:016x}", fastrand::u64(..));
                fs::write(&file, &word).map_err(broken)?;
                word
            }
            Err(error) => return Err(broken(error)),
        };
        let machine = fs::read_to_string(MACHINE).unwrap_or_default();
        Ok(Self {
            mark: format!("{}@{}", word.trim(), machine.trim()),
            _lock: lock,
        })
    }

    pub(super) fn mark(&self) -> &str {
        &self.mark
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_keeps_its_mark_and_has_it_alone() {
        let [one, other] = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        let home = |folder: &Path| Home::of(folder, File::create(folder.join("lock")).unwrap()).unwrap();
        assert_eq!(home(one.path()).mark(), home(one.path()).mark());
        assert_ne!(home(one.path()).mark(), home(other.path()).mark());
    }
}
