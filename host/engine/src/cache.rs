//! Compiled code in files: compiled once, and mapped by every process and instance that runs it.
//!
//! The name of a file has the hash of what was compiled (SHA-256), of what compiled it (Wasmtime's version, target and
//! settings) and of its content (SHA-256 again), so a name never stands for two contents. Files are mapped and
//! executed. Therefore the directory belongs to the relay alone, no process runs a file before it has compared its
//! content with its name, and no file is ever changed: the oldest are removed, which does not affect processes that
//! have mapped them.
//!
//! Nothing is flushed, because the spool is on the same disk and messages wait for its flushes. A file that a crash cut
//! short no longer matches its name, and is compiled again.

use std::collections::HashSet;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use sha2::{Digest, Sha256};
use wasmtime::Engine;
use wasmtime::component::Component;

use crate::options::EngineError;

/// How many files are kept. Each plug-in needs two (one to configure it, one to run it) for each version and setting.
const FILES_MAX: usize = 64;
const EXTENSION: &str = "cwasm";
/// The beginning of the name of a file that is being written.
const UNFINISHED: &str = "unfinished-";
/// No write takes that long: an older file was left behind by a crash.
const UNFINISHED_MAX: Duration = Duration::from_secs(3600);

pub(crate) struct Cache {
    dir: PathBuf,
    /// Removed with the engine.
    temporary: bool,
    /// Files whose content was compared with their names.
    compared: Mutex<HashSet<PathBuf>>,
}

/// A file for code that is being compiled.
pub(crate) struct Unfinished {
    path: PathBuf,
    file: File,
}

impl Unfinished {
    /// Writes all of it.
    pub fn write(&mut self, code: &[u8]) -> Result<(), CacheError> {
        self.file.write_all(code).map_err(|error| self.failed(error))
    }

    /// The file, for another process to write to.
    pub fn file(&self) -> Result<File, CacheError> {
        self.file.try_clone().map_err(|error| self.failed(error))
    }

    fn failed(&self, error: io::Error) -> CacheError {
        let path = self.path.clone();
        CacheError::Store { path, error }
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        // The file was adopted, and no longer has this name.
        let _ = fs::remove_file(&self.path);
    }
}

/// Why the cache could not provide a component.
#[derive(Debug, thiserror::Error)]
pub enum CacheError {
    #[error("compiled code could not be stored in {}: {error}", path.display())]
    Store { path: PathBuf, error: io::Error },
    #[error("compiled code could not be loaded from {}: {problem}", path.display())]
    Load { path: PathBuf, problem: String },
}

impl Cache {
    pub fn open(dir: Option<&Path>) -> Result<Self, EngineError> {
        let (dir, temporary) = match dir {
            Some(dir) => (dir.to_owned(), false),
            None => (temporary_name(), true),
        };
        let refuse = |problem: String| EngineError::CacheDir {
            path: dir.clone(),
            problem,
        };
        // A temporary directory must be new: an existing one was made by somebody else.
        let made = DirBuilder::new().mode(0o700).recursive(!temporary).create(&dir);
        made.map_err(|error| refuse(format!("cannot be created: {error}")))?;
        let cache = Cache {
            dir: dir.clone(),
            temporary,
            compared: Mutex::default(),
        };
        cache.check_private().map_err(refuse)?;
        Ok(cache)
    }

    /// The owner is compared with that of a file that this process makes, because there is no other way without
    /// `unsafe`.
    fn check_private(&self) -> Result<(), String> {
        let failed = |error: io::Error| format!("cannot be used: {error}");
        let dir = fs::metadata(&self.dir).map_err(failed)?;
        if dir.permissions().mode() & 0o077 != 0 {
            return Err(format!(
                "has mode {:o}, but compiled code must be out of reach for everybody else: chmod 700 it",
                dir.permissions().mode() & 0o777
            ));
        }
        let probe = self.unfinished_name();
        let own = create(&probe).and_then(|file| file.metadata()).map_err(failed)?;
        fs::remove_file(&probe).map_err(failed)?;
        if own.uid() != dir.uid() {
            return Err(format!(
                "belongs to user {}, the relay runs as {}",
                dir.uid(),
                own.uid()
            ));
        }
        Ok(())
    }

    /// The usable compiled form of `wasm`, if there is one.
    pub fn get(&self, engine: &Engine, wasm: &[u8]) -> Option<Component> {
        let path = self.find(&source(engine, wasm))?;
        match self.load(engine, &path) {
            Ok(component) => {
                touch(&path);
                Some(component)
            }
            Err(problem) => {
                tracing::warn!(path = %path.display(), %problem, event = "compiled-code-unusable", "compiled code is unusable, compiling again");
                let _ = fs::remove_file(&path);
                None
            }
        }
    }

    /// A new file for code to be compiled. Dropped before it is adopted, it is removed.
    pub fn unfinished(&self) -> Result<Unfinished, CacheError> {
        let path = self.unfinished_name();
        match create(&path) {
            Ok(file) => Ok(Unfinished { path, file }),
            Err(error) => Err(CacheError::Store { path, error }),
        }
    }

    /// Adopts the code that `wasm` was compiled to, under the name of its content. It is renamed only when complete, so
    /// nobody finds half a file.
    pub fn adopt(&self, engine: &Engine, wasm: &[u8], code: Unfinished) -> Result<Component, CacheError> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            |error| CacheError::Store { path, error }
        };
        let content = fs::read(&code.path).map_err(failed(&code.path))?;
        let path = self
            .dir
            .join(format!("{}{}.{EXTENSION}", source(engine, wasm), digest(&content)));
        fs::rename(&code.path, &path).map_err(failed(&path))?;
        // The name was computed from the content, and nobody else can write to the file.
        lock(&self.compared).insert(path.clone());
        let mapped = self
            .load(engine, &path)
            .map_err(|problem| CacheError::Load { path, problem });
        self.prune();
        mapped
    }

    /// Whether it was compiled before.
    pub fn has(&self, engine: &Engine, wasm: &[u8]) -> bool {
        self.find(&source(engine, wasm)).is_some()
    }

    /// Where single functions are kept; nowhere, if the directory goes away with the engine.
    pub fn functions(&self) -> Option<PathBuf> {
        (!self.temporary).then(|| self.dir.join("functions"))
    }

    /// The file whose name begins with this.
    fn find(&self, source: &str) -> Option<PathBuf> {
        let entries = fs::read_dir(&self.dir).ok()?.flatten();
        let named = |entry: fs::DirEntry| {
            entry
                .file_name()
                .to_str()
                .is_some_and(|name| name.starts_with(source))
                .then(|| entry.path())
        };
        entries.into_iter().find_map(named)
    }

    fn load(&self, engine: &Engine, path: &Path) -> Result<Component, String> {
        if !lock(&self.compared).contains(path) {
            let content = fs::read(path).map_err(|error| error.to_string())?;
            let named = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
            if !named.ends_with(&digest(&content)) {
                return Err("its content is not what its name says".to_owned());
            }
            lock(&self.compared).insert(path.to_owned());
        }
        // SAFETY: the file is the unchanged output of `Component::serialize`: its content is what its name says, or was
        // when this process first saw it. It lies in a directory that only this user can write to (`check_private`), and
        // is never written to again. Wasmtime itself refuses files of another version or configuration.
        #[allow(unsafe_code)]
        let component = unsafe { Component::deserialize_file(engine, path) };
        component.map_err(|error| format!("{error:#}"))
    }

    /// A name that no other write uses, not even one before a crash with the same process number.
    fn unfinished_name(&self) -> PathBuf {
        self.dir.join(format!("{UNFINISHED}{}", unique()))
    }

    /// Removes the files that were unused for longest. A failure costs disk space, and nothing else.
    fn prune(&self) {
        let Ok(entries) = fs::read_dir(&self.dir) else {
            return;
        };
        let dated = entries.flatten().map(|entry| entry.path());
        let dated = dated.filter_map(|path| Some((fs::metadata(&path).ok()?.modified().ok()?, path)));
        let (unfinished, rest): (Vec<_>, Vec<_>) = dated.partition(|(_, path)| {
            path.file_name()
                .is_some_and(|name| name.to_string_lossy().starts_with(UNFINISHED))
        });
        for (written, path) in unfinished {
            if written.elapsed().is_ok_and(|age| age > UNFINISHED_MAX) {
                let _ = fs::remove_file(path);
            }
        }
        let mut files: Vec<_> = rest
            .into_iter()
            .filter(|(_, path)| path.extension().is_some_and(|it| it == EXTENSION))
            .collect();
        files.sort();
        let excess = files.len().saturating_sub(FILES_MAX);
        for (_, path) in files.drain(..excess) {
            lock(&self.compared).remove(&path);
            let _ = fs::remove_file(path);
        }
    }
}

impl Drop for Cache {
    fn drop(&mut self) {
        if self.temporary {
            let _ = fs::remove_dir_all(&self.dir);
        }
    }
}

/// The SHA-256 in lower-case hexadecimal, which identifies a version of a plug-in.
pub fn digest(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    digest.iter().map(|octet| format!("{octet:02x}")).collect()
}

/// The beginning of the name of the file with the code of `wasm`.
fn source(engine: &Engine, wasm: &[u8]) -> String {
    let mut compiler = DefaultHasher::new();
    engine.precompile_compatibility_hash().hash(&mut compiler);
    format!("{}-{:016x}-", digest(wasm), compiler.finish())
}

fn lock(files: &Mutex<HashSet<PathBuf>>) -> MutexGuard<'_, HashSet<PathBuf>> {
    files.lock().unwrap_or_else(PoisonError::into_inner)
}

fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

/// Marks a file as used. The mark only decides who is pruned first.
fn touch(path: &Path) {
    if let Ok(file) = File::options().append(true).open(path) {
        let _ = file.set_modified(SystemTime::now());
    }
}

fn temporary_name() -> PathBuf {
    std::env::temp_dir().join(format!("mm4relay-code-{}", unique()))
}

/// A word that no other call returns, in this process or another one on this machine.
fn unique() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let mut salt = DefaultHasher::new();
    (std::process::id(), number, SystemTime::now()).hash(&mut salt);
    format!("{}-{:016x}", std::process::id(), salt.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn empty_component() -> Vec<u8> {
        b"\0asm\x0d\0\x01\0".to_vec()
    }

    /// As a load does it: from its file, or compiled and kept. Whether it had to be compiled.
    fn have(cache: &Cache, engine: &Engine, wasm: &[u8]) -> bool {
        if cache.get(engine, wasm).is_some() {
            return false;
        }
        let mut code = cache.unfinished().unwrap();
        code.write(&engine.precompile_component(wasm).unwrap()).unwrap();
        cache.adopt(engine, wasm, code).unwrap();
        true
    }

    #[test]
    fn a_directory_that_others_can_enter_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o750)).unwrap();
        let refusal = Cache::open(Some(dir.path())).err().expect("refused");
        assert!(refusal.to_string().contains("chmod 700"), "{refusal}");
    }

    #[test]
    fn a_new_directory_is_private_and_a_temporary_one_goes_away() {
        let cache = Cache::open(None).unwrap();
        let dir = cache.dir.clone();
        assert_eq!(fs::metadata(&dir).unwrap().permissions().mode() & 0o777, 0o700);
        drop(cache);
        assert!(!dir.exists());
    }

    #[test]
    fn the_same_bytes_are_compiled_once() {
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::open(Some(&dir.path().join("code"))).unwrap();
        let engine = Engine::default();
        assert!(have(&cache, &engine, &empty_component()));
        assert!(!have(&cache, &engine, &empty_component()));
        let files: Vec<_> = fs::read_dir(&cache.dir).unwrap().flatten().collect();
        assert_eq!(files.len(), 1, "{files:?}");
        assert_eq!(files[0].metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_spoilt_file_is_compiled_again() {
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::open(Some(&dir.path().join("code"))).unwrap();
        let engine = Engine::default();
        have(&cache, &engine, &empty_component());
        let path = cache.find(&source(&engine, &empty_component())).unwrap();
        let code = fs::read(&path).unwrap();
        // What a crash can leave of a file, and what bad memory can.
        let mut flipped = code.clone();
        flipped[code.len() / 2] ^= 1;
        for spoilt in [&code[..code.len() / 2], &[], &flipped] {
            fs::write(&path, spoilt).unwrap();
            let another = Cache::open(Some(&cache.dir)).unwrap();
            assert!(have(&another, &engine, &empty_component()));
            assert_eq!(fs::read(&path).unwrap(), code);
        }
    }

    #[test]
    fn code_that_is_never_finished_leaves_no_file() {
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::open(Some(&dir.path().join("code"))).unwrap();
        let mut code = cache.unfinished().unwrap();
        code.write(b"half of it").unwrap();
        assert_eq!(fs::read_dir(&cache.dir).unwrap().count(), 1);
        drop(code);
        assert_eq!(fs::read_dir(&cache.dir).unwrap().count(), 0);
    }

    #[test]
    fn the_oldest_files_are_pruned() {
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::open(Some(&dir.path().join("code"))).unwrap();
        for number in 0..FILES_MAX as u64 + 3 {
            let file = create(&cache.dir.join(format!("{number:03}.{EXTENSION}"))).unwrap();
            let age = Duration::from_secs(1_000 + number);
            file.set_modified(SystemTime::UNIX_EPOCH + age).unwrap();
        }
        cache.prune();
        assert_eq!(fs::read_dir(&cache.dir).unwrap().count(), FILES_MAX);
        assert!(!cache.dir.join(format!("002.{EXTENSION}")).exists());
        assert!(cache.dir.join(format!("003.{EXTENSION}")).exists());
    }

    #[test]
    fn what_a_crash_left_unfinished_is_swept_and_what_is_being_written_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::open(Some(&dir.path().join("code"))).unwrap();
        let (left, writing) = (cache.unfinished_name(), cache.unfinished_name());
        let old = create(&left).unwrap();
        old.set_modified(SystemTime::now() - 2 * UNFINISHED_MAX).unwrap();
        create(&writing).unwrap();
        cache.prune();
        assert!(!left.exists());
        assert!(writing.exists());
    }
}
