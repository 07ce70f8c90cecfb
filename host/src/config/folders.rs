//! Where the files are that a configuration names.

use std::path::{Path, PathBuf};

use super::file::Section;

/// Where relative paths start, and whether what they name must exist.
pub(super) struct Folders<'a> {
    pub(super) base: &'a Path,
    pub(super) plugins: PathBuf,
    pub(super) must_exist: bool,
}

impl Folders<'_> {
    /// `file`. When it is not there and must be, refuses `key`, and says where the file was looked for; what refers to it
    /// by its name is right all the same.
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
