//! Which files an output has, and which are missing.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;

use crate::charging::OutputOptions;
use crate::spool::Mark;

/// A file of an output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ListedFile {
    /// Of a file that is closed.
    pub number: Option<u32>,
    pub path: PathBuf,
}

impl ListedFile {
    pub fn name(&self) -> String {
        let name = self.path.file_name().unwrap_or_default();
        name.to_string_lossy().into_owned()
    }
}

/// The closed files in the order of their numbers, each once wherever it lies, and then the one that is written.
pub(super) fn list(options: &OutputOptions, fetched: &[PathBuf], mark: Mark) -> io::Result<Vec<ListedFile>> {
    let mut files = BTreeMap::new();
    for folder in std::iter::once(&options.folder).chain(fetched) {
        let there = OutputOptions {
            folder: folder.clone(),
            ..options.clone()
        };
        for file in there.closed_files()? {
            if let Some(number) = options.number_of(&file.path) {
                files.entry(number).or_insert(file.path);
            }
        }
    }
    let mut files: Vec<ListedFile> = files
        .into_iter()
        .map(|(number, path)| ListedFile {
            number: Some(number),
            path,
        })
        .collect();
    let part = options.part(mark.file + 1);
    if part.exists() {
        files.push(ListedFile {
            number: None,
            path: part,
        });
    }
    Ok(files)
}
