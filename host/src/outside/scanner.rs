//! A scanner that looks into parts.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use mm4relay_engine::{Fault, Subject};

use super::clamd;
use super::gate::{Gate, Trouble};

/// Read at a time; pieces of a body that is decoded once.
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

/// What it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScannerTerms {
    pub address: Address,
    /// Octets of a part at most.
    pub size: u64,
}

/// One scanner, behind its gate.
pub struct Scanner {
    pub gate: Arc<Gate>,
    pub terms: ScannerTerms,
}

impl Scanner {
    /// What it finds in a part: its name for it, or nothing.
    pub async fn scan(&self, subject: &dyn Subject, part: u32) -> Result<Option<String>, Fault> {
        self.gate.ask(self.ask(subject, part)).await
    }

    async fn ask(&self, subject: &dyn Subject, part: u32) -> Result<Option<String>, Trouble> {
        let pieces = self.pieces(subject, part).await?;
        clamd::scan(&self.terms.address, &pieces).await
    }

    /// The decoded body, shared with whoever else reads it.
    async fn pieces(&self, subject: &dyn Subject, part: u32) -> Result<Vec<Bytes>, Trouble> {
        let (mut pieces, mut size) = (Vec::new(), 0);
        loop {
            let piece = subject.read_part(part, size, PIECE).await.map_err(Trouble::Unfit)?;
            size += piece.len() as u64;
            if size > self.terms.size {
                let most = self.terms.size;
                return Err(Trouble::TooLarge(format!(
                    "the part has more than the {most} octets that size allows"
                )));
            }
            let is_last = piece.len() < PIECE as usize;
            pieces.push(piece);
            if is_last {
                return Ok(pieces);
            }
        }
    }
}
