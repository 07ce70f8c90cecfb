//! Replacing the running version on behalf of a command: the new file is put where the configuration says, the relay
//! notices it like any replaced file, and the command waits for the result. A refused version does not stay there: the
//! running one is put back, so that the next start finds it.

use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use mm4relay_engine::digest;

use super::history::{Attempt, Record, Verdict};
use super::{AskedFor, files};

/// How often the history is checked: a load does not announce its steps.
const LOOK: Duration = Duration::from_millis(50);

/// A component with its signature.
#[derive(Clone, Debug)]
pub struct Parcel {
    wasm: Bytes,
    signature: Option<String>,
    digest: String,
}

/// What is known of the plug-in of which another version is to run.
#[derive(Clone, Copy)]
pub struct Placing<'a> {
    /// The path of its component in the configuration.
    pub file: &'a Path,
    /// The spool's folder, with the kept components.
    pub spool: &'a Path,
    /// Reads its present history.
    pub record: &'a (dyn Fn() -> Record + Sync),
    /// Told which version is about to stand in the file, and why.
    pub announce: &'a (dyn Fn(&str, AskedFor) + Sync),
}

/// The version runs.
#[derive(Debug)]
pub struct Placed {
    pub digest: String,
    /// `None`: it ran already.
    pub attempt: Option<Attempt>,
}

#[derive(Debug, thiserror::Error)]
pub enum NotPlaced {
    #[error("it has no version before the running one that was kept")]
    NoVersionBefore,
    #[error("the kept version cannot be used: {0}")]
    Lost(io::Error),
    #[error("its file cannot be written or read: {0}")]
    File(#[from] io::Error),
    #[error("it does not go live: {}", attempt.why)]
    Refused {
        attempt: Box<Attempt>,
        /// The version that is in the file again.
        put_back: Option<String>,
    },
    #[error("the relay has not come to an end with it within {} s", .0.as_secs())]
    Slow(Duration),
}

impl Parcel {
    pub fn new(wasm: Bytes, signature: Option<String>) -> Self {
        let digest = digest(&wasm);
        Self {
            wasm,
            signature,
            digest,
        }
    }

    /// The file at `path` and its signature; `None` when there is no file.
    fn at(path: &Path) -> io::Result<Option<Self>> {
        match std::fs::read(path) {
            Ok(wasm) => {
                let signature = files::read_signature(path).map_err(io::Error::other)?;
                Ok(Some(Self::new(wasm.into(), signature)))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Writes the signature first: the relay loads a component as soon as it is there, and must not find it with
    /// another's signature.
    fn put(&self, path: &Path) -> io::Result<()> {
        let mode = std::fs::metadata(path).map_or(0o644, |file| file.permissions().mode() & 0o777);
        let signature = files::signature_path(path);
        match &self.signature {
            Some(text) => files::put(&signature, text.as_bytes(), mode)?,
            None => match std::fs::remove_file(&signature) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            },
        }
        files::put(path, &self.wasm, mode)
    }
}

impl Placing<'_> {
    /// # Errors
    /// Why the version does not run. Unless the relay was too slow, the version before runs, and is in the file again.
    pub async fn place(self, parcel: Parcel, within: Duration) -> Result<Placed, NotPlaced> {
        self.put(parcel, AskedFor::Load, within).await
    }

    async fn put(self, parcel: Parcel, asked: AskedFor, within: Duration) -> Result<Placed, NotPlaced> {
        let before = (self.record)();
        if before.running.as_deref() == Some(parcel.digest.as_str()) {
            // The version may already run in place of a file that was rolled back.
            parcel.put(self.file)?;
            return Ok(Placed {
                digest: parcel.digest,
                attempt: None,
            });
        }
        let ran = self.kept(before.running.as_deref());
        let ran = ran.map_or_else(|| Parcel::at(self.file), |ran| Ok(Some(ran)))?;
        let after = before.attempts.last().map_or(0, |attempt| attempt.number);
        (self.announce)(&parcel.digest, asked);
        parcel.put(self.file)?;
        let ended = tokio::time::timeout(within, self.end_of(&parcel.digest, after)).await;
        let attempt = ended.map_err(|_| NotPlaced::Slow(within))?;
        if attempt.verdict == Verdict::Live {
            return Ok(Placed {
                digest: parcel.digest,
                attempt: Some(attempt),
            });
        }
        if let Some(ran) = &ran {
            ran.put(self.file)?;
        }
        Err(NotPlaced::Refused {
            attempt: Box::new(attempt),
            put_back: ran.map(|ran| ran.digest),
        })
    }

    /// Places the version that ran before the running one.
    pub async fn go_back(self, within: Duration) -> Result<Placed, NotPlaced> {
        let record = (self.record)();
        let previous = record.previous().ok_or(NotPlaced::NoVersionBefore)?;
        let (wasm, signature) = files::kept(self.spool, &previous.digest).map_err(NotPlaced::Lost)?;
        self.put(Parcel::new(wasm, signature), AskedFor::Rollback, within).await
    }

    /// The running version, from the kept components. The file may hold another one, which was refused or rolled back,
    /// and must not be put there again.
    fn kept(&self, digest: Option<&str>) -> Option<Parcel> {
        let (wasm, signature) = files::kept(self.spool, digest?).ok()?;
        Some(Parcel::new(wasm, signature))
    }

    /// Waits for the end of the attempt with this digest and a number above `after`.
    async fn end_of(&self, digest: &str, after: u64) -> Attempt {
        loop {
            // An attempt without a digest could not read its file.
            let ours = |attempt: &Attempt| {
                attempt.number > after
                    && (attempt.digest == digest || attempt.digest.is_empty())
                    && attempt.verdict != Verdict::UnderWay
            };
            if let Some(attempt) = (self.record)().attempts.into_iter().find(ours) {
                return attempt;
            }
            tokio::time::sleep(LOOK).await;
        }
    }
}
