//! Reading a file that somebody else put there.

use std::fs::OpenOptions;
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Why a file was not read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FileError {
    /// It cannot be opened or read.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// It is a folder, a pipe, a device or a socket.
    #[error("it is {0}, not a regular file")]
    NotAFile(&'static str),
    /// It is larger than the limit.
    #[error("it has more than {0} octets")]
    TooLarge(u64),
}

impl FileError {
    /// Whether the file does not exist.
    pub fn is_missing(&self) -> bool {
        matches!(self, FileError::Io(error) if error.kind() == io::ErrorKind::NotFound)
    }
}

/// Reads a regular file of at most `limit` octets, and takes not one octet more into memory: the size is not taken from
/// the directory, because the file may grow.
///
/// A pipe without a writer blocks whoever opens it, for ever, and a device may have no end. So the file is opened
/// without waiting, and looked at before it is read.
///
/// # Errors
/// See [`FileError`].
pub fn read_file(path: &Path, limit: u64) -> Result<Vec<u8>, FileError> {
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY)
        .open(path)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(FileError::NotAFile(kind(metadata.file_type())));
    }
    let mut octets = Vec::new();
    file.take(limit.saturating_add(1)).read_to_end(&mut octets)?;
    if octets.len() as u64 > limit {
        return Err(FileError::TooLarge(limit));
    }
    Ok(octets)
}

fn kind(file: std::fs::FileType) -> &'static str {
    use std::os::unix::fs::FileTypeExt;
    if file.is_dir() {
        "a folder"
    } else if file.is_fifo() {
        "a pipe (FIFO)"
    } else if file.is_char_device() || file.is_block_device() {
        "a device"
    } else {
        "something else"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_up_to_its_limit_and_no_further() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ten");
        std::fs::write(&path, [7; 10]).unwrap();
        assert_eq!(read_file(&path, 10).unwrap(), [7; 10]);
        assert!(matches!(read_file(&path, 9), Err(FileError::TooLarge(9))));
        assert!(read_file(&folder.path().join("none"), 9).unwrap_err().is_missing());
    }

    #[test]
    fn what_is_no_regular_file_is_refused_at_once_by_its_kind() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status().unwrap();
        assert!(made.success());
        let socket = folder.path().join("socket");
        let _listens = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        for (path, kind) in [
            (pipe.as_path(), "pipe"),
            (folder.path(), "folder"),
            (Path::new("/dev/zero"), "device"),
        ] {
            let refusal = read_file(path, 100).unwrap_err().to_string();
            assert!(
                refusal.contains(kind) && refusal.contains("not a regular file"),
                "{refusal}"
            );
        }
        // A socket cannot be opened at all.
        assert!(matches!(read_file(&socket, 100), Err(FileError::Io(_))));
    }
}
