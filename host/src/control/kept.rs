//! What operators want for a while, beside the store: in small files in the state folder, because it outlives the relay that
//! was asked. The relay reads them when it starts.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;

/// Everything in this file, by name.
///
/// # Errors
/// It is there and cannot be read.
pub(super) fn read<T: DeserializeOwned>(folder: &Path, file: &str) -> io::Result<BTreeMap<String, T>> {
    match std::fs::read(folder.join(file)) {
        Ok(text) => Ok(serde_json::from_slice(&text)?),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(BTreeMap::new()),
        Err(error) => Err(error),
    }
}

/// Blocks until it is on disk.
pub(super) fn write<T: Serialize>(folder: &Path, file: &str, all: &BTreeMap<String, T>) -> io::Result<()> {
    let mut new = tempfile::NamedTempFile::new_in(folder)?;
    new.write_all(&serde_json::to_vec_pretty(all)?)?;
    new.as_file().sync_all()?;
    new.persist(folder.join(file))?;
    File::open(folder)?.sync_all()
}
