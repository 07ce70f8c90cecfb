//! `random`: unpredictable numbers, and the streams behind WASI's.
//!
//! A call asks the relay for one seed, and only if it wants random numbers at all. Whoever keeps that seed can give the
//! call the same numbers again.

use std::convert::Infallible;

use rand_core::TryRng;
use sha2::{Digest, Sha256};

use crate::bindings::mm4::filter::random;
use crate::limits::Grant;

use super::Call;

/// The most that one `bytes` returns, in octets.
const BYTES_MAX: u32 = 64 << 10;

/// An endless sequence of octets: SHA-256 over the seed, a word for the purpose, and a counter. Without the seed it
/// cannot be distinguished from random octets.
#[derive(Clone)]
pub(super) struct Stream {
    seed: [u8; 32],
    purpose: &'static str,
    blocks: u64,
    block: [u8; 32],
    /// How many octets of `block` were given out.
    used: usize,
}

impl Stream {
    /// Streams of one seed with different purposes are independent.
    pub fn new(seed: [u8; 32], purpose: &'static str) -> Self {
        Stream {
            seed,
            purpose,
            blocks: 0,
            block: [0; 32],
            used: 32,
        }
    }

    pub fn fill(&mut self, bytes: &mut [u8]) {
        for octet in bytes {
            if self.used == self.block.len() {
                self.next_block();
            }
            *octet = self.block[self.used];
            self.used += 1;
        }
    }

    pub fn number(&mut self) -> u64 {
        let mut bytes = [0; 8];
        self.fill(&mut bytes);
        u64::from_le_bytes(bytes)
    }

    fn next_block(&mut self) {
        let mut hash = Sha256::new();
        hash.update(self.seed);
        hash.update(self.purpose);
        hash.update(self.blocks.to_le_bytes());
        self.block = hash.finalize().into();
        self.blocks += 1;
        self.used = 0;
    }
}

impl TryRng for Stream {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.fill(&mut bytes);
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(self.number())
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        self.fill(bytes);
        Ok(())
    }
}

impl Call {
    /// The stream of this call. The error ends a `configure` that asked for it.
    fn stream(&mut self) -> wasmtime::Result<&mut Stream> {
        self.subject("random")?;
        let seed = self.seed();
        Ok(self.random.get_or_insert_with(|| Stream::new(seed, "random")))
    }

    /// The seed of this call, asked for once.
    pub(super) fn seed(&mut self) -> [u8; 32] {
        *self.seed.get_or_insert_with(|| self.owner.services.random_seed())
    }
}

impl random::Host for Call {
    fn number(&mut self) -> wasmtime::Result<u64> {
        self.ask(Grant::Random)?;
        Ok(self.stream()?.number())
    }

    fn bytes(&mut self, count: u32) -> wasmtime::Result<Vec<u8>> {
        self.ask(Grant::Random)?;
        let mut bytes = vec![0; count.min(BYTES_MAX) as usize];
        self.stream()?.fill(&mut bytes);
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_the_same_however_it_is_read() {
        let (mut whole, mut pieces) = ([0; 100], [0; 100]);
        Stream::new([7; 32], "a").fill(&mut whole);
        let mut stream = Stream::new([7; 32], "a");
        for piece in pieces.chunks_mut(13) {
            stream.fill(piece);
        }
        assert_eq!(whole, pieces);
    }

    #[test]
    fn another_seed_or_purpose_is_another_stream() {
        let first = |seed, purpose| Stream::new(seed, purpose).number();
        assert_ne!(first([1; 32], "a"), first([2; 32], "a"));
        assert_ne!(first([1; 32], "a"), first([1; 32], "b"));
    }
}
