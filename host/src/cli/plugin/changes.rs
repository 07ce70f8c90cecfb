//! Changes of the files that a plug-in is made of.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// How often the folder is examined.
const INTERVAL: Duration = Duration::from_millis(150);

/// Folders that tools write, and that are no source of a plug-in.
const MADE: [&str; 7] = [
    "target",
    "node_modules",
    "bindings",
    "__pycache__",
    "expected.txt",
    "Cargo.lock",
    "package-lock.json",
];

/// A folder that is watched.
pub struct Changes {
    folder: PathBuf,
    seen: BTreeMap<PathBuf, Option<SystemTime>>,
}

impl Changes {
    /// Watches a folder from now on.
    pub fn of(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
            seen: files(folder),
        }
    }

    /// Waits until a file has changed, appeared or vanished since the last call, and until the folder is quiet for a
    /// moment, because an editor writes several files.
    pub async fn next(&mut self) {
        loop {
            tokio::time::sleep(INTERVAL).await;
            let now = files(&self.folder);
            if now == self.seen {
                continue;
            }
            tokio::time::sleep(INTERVAL).await;
            self.seen = files(&self.folder);
            return;
        }
    }
}

fn files(folder: &Path) -> BTreeMap<PathBuf, Option<SystemTime>> {
    let (mut found, mut left) = (BTreeMap::new(), vec![folder.to_owned()]);
    while let Some(folder) = left.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            if name.starts_with('.') || MADE.contains(&&*name) {
                continue;
            }
            match entry.metadata() {
                Ok(of) if of.is_dir() => left.push(entry.path()),
                Ok(of) => {
                    found.insert(entry.path(), of.modified().ok());
                }
                // The file vanished meanwhile.
                Err(_) => {}
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_tools_make_is_no_change() {
        let folder = tempfile::tempdir().unwrap();
        let at = |path: &str| folder.path().join(path);
        std::fs::create_dir_all(at("target/x")).unwrap();
        std::fs::create_dir_all(at("src")).unwrap();
        for file in ["target/x/made", "src/lib.rs", ".hidden", "expected.txt"] {
            std::fs::write(at(file), "x").unwrap();
        }
        let seen: Vec<PathBuf> = files(folder.path()).into_keys().collect();
        assert_eq!(seen, [at("src/lib.rs")]);
    }
}
