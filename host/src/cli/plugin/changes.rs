//! When the files of a folder change, as far as a plug-in is made of them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// How often the folder is looked at.
const INTERVAL: Duration = Duration::from_millis(150);

/// What tools make, and what no plug-in is made of.
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
    /// From now on.
    pub fn of(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
            seen: files(folder),
        }
    }

    /// Waits until a file has changed since the last time, came, or went; and until it is quiet for a moment, because an
    /// editor writes several.
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
                // It went meanwhile.
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
