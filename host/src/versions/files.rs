//! Files that are put in place as a whole, and the components that are kept for a rollback.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use mm4relay_engine::{FileError, read_file};

use super::signing::SIGNATURE_MAX;

/// The folder of kept components in the spool's folder. Nothing else may lie there, because its files may be run.
const FOLDER: &str = "components";

/// The path of the signature, `FILE.sig`.
pub fn signature_path(component: &Path) -> PathBuf {
    let mut path = component.as_os_str().to_owned();
    path.push(".sig");
    path.into()
}

/// Reads the signature beside a component; `None` when there is no such file.
pub fn read_signature(component: &Path) -> Result<Option<String>, FileError> {
    let octets = match read_file(&signature_path(component), SIGNATURE_MAX) {
        Ok(octets) => octets,
        Err(error) if error.is_missing() => return Ok(None),
        Err(error) => return Err(error),
    };
    // Octets that are no text are no signature either, and are refused later as malformed.
    Ok(Some(String::from_utf8_lossy(&octets).into_owned()))
}

/// Identifies the file at `component` with its signature. The stamp changes when either is replaced, even by the same
/// bytes.
pub fn stamp(component: &Path) -> String {
    let of = |path: &Path| match fs::metadata(path) {
        Ok(file) => format!(
            "{}:{}:{}.{:09}",
            file.ino(),
            file.size(),
            file.mtime(),
            file.mtime_nsec()
        ),
        Err(_) => "none".to_owned(),
    };
    format!("{} {}", of(component), of(&signature_path(component)))
}

/// Puts a whole file at `path`: writes it under another name, flushes, and renames. Readers see the old file or the new
/// one.
pub fn put(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(format!(".{}-{:08x}", std::process::id(), fastrand::u32(..)));
    let unfinished = path.with_file_name(name);
    let written = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(&unfinished)
        .and_then(|mut file| {
            // The umask reduces the mode at creation; this sets the intended one.
            file.set_permissions(fs::Permissions::from_mode(mode))?;
            file.write_all(bytes)?;
            file.sync_all()
        })
        .and_then(|()| fs::rename(&unfinished, path));
    if written.is_err() {
        let _ = fs::remove_file(&unfinished);
    }
    written
}

/// The path of the kept component with this digest.
pub fn kept_path(spool: &Path, digest: &str) -> PathBuf {
    spool.join(FOLDER).join(format!("{digest}.wasm"))
}

/// Keeps a component that went live, with its signature.
pub fn keep(spool: &Path, digest: &str, wasm: &Bytes, signature: Option<&str>) -> io::Result<()> {
    DirBuilder::new()
        .mode(0o700)
        .recursive(true)
        .create(spool.join(FOLDER))?;
    let path = kept_path(spool, digest);
    if let Some(signature) = signature {
        put(&signature_path(&path), signature.as_bytes(), 0o600)?;
    }
    if !path.exists() {
        put(&path, wasm, 0o600)?;
    }
    Ok(())
}

/// Reads a kept component and its signature. Returns an error unless the bytes have that digest.
pub fn kept(spool: &Path, digest: &str) -> io::Result<(Bytes, Option<String>)> {
    let path = kept_path(spool, digest);
    let wasm = fs::read(&path)?;
    if mm4relay_engine::digest(&wasm) != digest {
        return Err(io::Error::other(format!("{} was changed", path.display())));
    }
    Ok((wasm.into(), read_signature(&path).map_err(io::Error::other)?))
}

/// Removes kept components with other digests. A failure costs disk space, and nothing else.
pub fn sweep<'a>(spool: &Path, digests: impl Iterator<Item = &'a str>) {
    let wanted: std::collections::HashSet<String> = digests
        .flat_map(|digest| [format!("{digest}.wasm"), format!("{digest}.wasm.sig")])
        .collect();
    let Ok(entries) = fs::read_dir(spool.join(FOLDER)) else {
        return;
    };
    for entry in entries.flatten() {
        let unwanted = entry.file_name().to_str().is_none_or(|name| !wanted.contains(name));
        if unwanted {
            let _ = fs::remove_file(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_replaced_by_the_same_bytes_is_another_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("p.wasm");
        put(&path, b"same", 0o644).unwrap();
        let first = stamp(&path);
        assert_eq!(stamp(&path), first);
        put(&path, b"same", 0o644).unwrap();
        let second = stamp(&path);
        assert_ne!(second, first);
        put(&signature_path(&path), b"sig", 0o644).unwrap();
        assert_ne!(stamp(&path), second, "a signature that arrives later counts");
    }

    #[test]
    fn kept_components_are_private_checked_and_swept() {
        let spool = tempfile::tempdir().unwrap();
        let wasm = Bytes::from_static(b"component");
        let digest = mm4relay_engine::digest(&wasm);
        keep(spool.path(), &digest, &wasm, Some("signature")).unwrap();
        assert_eq!(
            kept(spool.path(), &digest).unwrap(),
            (wasm, Some("signature".to_owned()))
        );
        let mode = fs::metadata(spool.path().join(FOLDER)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);

        sweep(spool.path(), [digest.as_str()].into_iter());
        assert!(kept_path(spool.path(), &digest).exists());
        fs::write(kept_path(spool.path(), &digest), b"another").unwrap();
        assert!(
            kept(spool.path(), &digest)
                .unwrap_err()
                .to_string()
                .contains("was changed")
        );
        sweep(spool.path(), std::iter::empty());
        assert_eq!(fs::read_dir(spool.path().join(FOLDER)).unwrap().count(), 0);
    }

    #[test]
    fn a_write_that_fails_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("taken");
        fs::create_dir_all(path.join("by a folder")).unwrap();
        assert!(put(&path, b"x", 0o644).is_err());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
