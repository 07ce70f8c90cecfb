//! A scanner of parts.

mod clamd;
mod icap;
mod stream;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use mm4relay_engine::{Fault, Subject};

use self::icap::Icap;
use super::gate::{Gate, Trouble};

/// How many octets are read at a time, of a body that is decoded once.
const PIECE: u32 = 1 << 20;

/// Where a scanner listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// `HOST:PORT`.
    Tcp(String),
    Unix(PathBuf),
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Tcp(at) => f.write_str(at),
            Address::Unix(path) => path.display().fmt(f),
        }
    }
}

/// The protocol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Speaks {
    /// `INSTREAM` of clamd(8).
    Clamd,
    /// RFC 3507, to the service of that name.
    Icap { service: String },
}

/// The terms of a scanner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScannerTerms {
    pub address: Address,
    pub speaks: Speaks,
    /// The largest part, in octets.
    pub size: u64,
    /// Calls at the same time.
    pub concurrent: u32,
}

/// One scanner, behind its gate.
pub struct Scanner {
    gate: Arc<Gate>,
    address: Address,
    engine: Engine,
    size: u64,
}

enum Engine {
    Clamd,
    Icap(Icap),
}

/// A part, decoded.
struct Scanned {
    media_type: String,
    /// Shared with other readers.
    pieces: Vec<Bytes>,
}

impl Scanned {
    fn size(&self) -> usize {
        self.pieces.iter().map(Bytes::len).sum()
    }
}

impl Scanner {
    pub fn new(gate: Arc<Gate>, terms: ScannerTerms) -> Self {
        let engine = match terms.speaks {
            Speaks::Clamd => Engine::Clamd,
            Speaks::Icap { service } => Engine::Icap(Icap::new(&terms.address, &service, terms.concurrent as usize)),
        };
        Self {
            gate,
            engine,
            address: terms.address,
            size: terms.size,
        }
    }

    /// The scanner's name for what it finds in a part, or `None`.
    pub async fn scan(&self, subject: &dyn Subject, part: u32) -> Result<Option<String>, Fault> {
        self.gate.ask(self.ask(subject, part)).await
    }

    async fn ask(&self, subject: &dyn Subject, part: u32) -> Result<Option<String>, Trouble> {
        let scanned = self.read(subject, part).await?;
        match &self.engine {
            Engine::Clamd => clamd::scan(&self.address, &scanned.pieces).await,
            Engine::Icap(icap) => icap.scan(&self.address, &scanned).await,
        }
    }

    async fn read(&self, subject: &dyn Subject, part: u32) -> Result<Scanned, Trouble> {
        let (mut pieces, mut size) = (Vec::new(), 0);
        loop {
            let piece = subject.read_part(part, size, PIECE).await.map_err(Trouble::Unfit)?;
            size += piece.len() as u64;
            if size > self.size {
                let most = self.size;
                return Err(Trouble::TooLarge(format!(
                    "the part has more than the {most} octets that size allows"
                )));
            }
            let is_last = piece.len() < PIECE as usize;
            pieces.push(piece);
            if is_last {
                break;
            }
        }
        let known = subject.parts().into_iter().find(|it| it.id == part);
        let media_type = known.map_or_else(|| "application/octet-stream".to_owned(), |it| it.media_type);
        Ok(Scanned { media_type, pieces })
    }
}
