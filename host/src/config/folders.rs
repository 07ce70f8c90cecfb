//! The files that a configuration names.

use std::path::{Path, PathBuf};

use super::file::Section;

/// The folder for relative paths, and whether the files must exist.
pub(super) struct Folders<'a> {
    pub(super) base: &'a Path,
    pub(super) plugins: PathBuf,
    pub(super) must_exist: bool,
}

impl Folders<'_> {
    /// Checks that `file` exists, if it must. Otherwise reports `key`, with the path that was tried. Returns the path
    /// in either case, so that references to this section stay valid.
    pub(super) fn existing(&self, s: &mut Section<'_>, key: &'static str, file: PathBuf, expected: &str) -> PathBuf {
        if self.must_exist && !file.is_file() {
            let exists = file.exists();
            let file = file.display();
            s.refuse(
                key,
                match exists {
                    true => format!("{expected}; {file} is no regular file"),
                    false => format!("{expected}; there is no file {file}"),
                },
            );
        }
        file
    }

    pub(super) fn existing_folder(&self, s: &mut Section<'_>, key: &'static str, folder: PathBuf) -> PathBuf {
        if self.must_exist && !folder.is_dir() {
            s.refuse(
                key,
                format!("a folder that exists; there is no folder {}", folder.display()),
            );
        }
        folder
    }
}
