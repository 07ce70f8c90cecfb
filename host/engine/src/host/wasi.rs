//! WASI with nothing granted: no files, no network, no environment, no arguments, an empty standard input.
//!
//! Standard libraries import it whether they use it or not, so it is always linked. What a plug-in prints goes to the
//! log at level debug, and its end into the text of a failure, where a panic explains itself. The clocks stand still
//! (1970) unless `clock` is granted. Random numbers are one fixed sequence unless `random` is granted, so that a
//! plug-in without that grant does the same with the same message, also in samples and replays. The price is known: a
//! sender can predict how such a plug-in's hash maps scatter its addresses, and make one call slower, within the call's
//! time. Randomness that was drawn during `configure` is part of the snapshot: every instance has the same.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::io::AsyncWrite;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamResult};
use wasmtime_wasi::{HostMonotonicClock, HostWallClock, WasiCtx, WasiCtxView, WasiView};

use crate::limits::Grant;
use crate::services::Services;

use super::random::Stream;
use super::{Call, Owner};

/// How many octets of a plug-in's output in one call are kept. It is the end, because a panic explains itself last.
const SAID_MAX: usize = 4096;
/// The most random octets that one call of WASI returns.
const RANDOM_MAX: u64 = 64 << 10;

impl WasiView for Call {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        let (owner, said, seed) = (&self.owner, &self.said, &mut self.seed);
        let ctx = self.wasi.get_or_insert_with(|| {
            let seed = if owner.grants.contains(&Grant::Random) {
                *seed.get_or_insert_with(|| owner.services.random_seed())
            } else {
                FIXED_SEED
            };
            context(owner, said, seed)
        });
        WasiCtxView {
            ctx,
            table: &mut self.handles,
        }
    }
}

fn context(owner: &Arc<Owner>, said: &Said, seed: [u8; 32]) -> WasiCtx {
    let mut builder = WasiCtx::builder();
    builder
        .stdout(said.clone())
        .stderr(said.clone())
        .allow_tcp(false)
        .allow_udp(false)
        .allow_ip_name_lookup(false)
        .secure_random(Stream::new(seed, "wasi"))
        .insecure_random(Stream::new(seed, "wasi-insecure"))
        .insecure_random_seed(insecure_seed(seed))
        .max_random_size(RANDOM_MAX);
    if owner.grants.contains(&Grant::Clock) {
        builder.wall_clock(Wall(owner.services.clone()));
        builder.monotonic_clock(Monotonic(Instant::now()));
    } else {
        builder.wall_clock(Stopped).monotonic_clock(Stopped);
    }
    if owner.deterministic {
        builder.monotonic_clock(Stopped);
    }
    builder.build()
}

/// The seed of the fixed sequence.
const FIXED_SEED: [u8; 32] = *b"the same numbers in every call, ";

fn insecure_seed(seed: [u8; 32]) -> u128 {
    let mut stream = Stream::new(seed, "wasi-insecure-seed");
    u128::from(stream.number()) << 64 | u128::from(stream.number())
}

struct Stopped;

impl HostWallClock for Stopped {
    fn resolution(&self) -> Duration {
        Duration::from_millis(1)
    }
    fn now(&self) -> Duration {
        Duration::ZERO
    }
}

impl HostMonotonicClock for Stopped {
    fn resolution(&self) -> u64 {
        1_000_000
    }
    fn now(&self) -> u64 {
        0
    }
}

struct Wall(Arc<dyn Services>);

impl HostWallClock for Wall {
    fn resolution(&self) -> Duration {
        Duration::from_millis(1)
    }
    fn now(&self) -> Duration {
        Duration::from_millis(self.0.now_ms())
    }
}

/// Counts from the first use of WASI in this call.
struct Monotonic(Instant);

impl HostMonotonicClock for Monotonic {
    fn resolution(&self) -> u64 {
        1
    }
    fn now(&self) -> u64 {
        u64::try_from(self.0.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}

/// Standard output and standard error: the last [`SAID_MAX`] octets are kept.
#[derive(Clone, Default)]
pub(super) struct Said(Arc<Mutex<Vec<u8>>>);

impl Said {
    /// What was printed until now, once.
    pub fn take(&self) -> String {
        let mut said = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&std::mem::take(&mut *said)).into_owned()
    }
}

impl IsTerminal for Said {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Said {
    /// Only the interfaces of WASI 0.3 ask for this one, and they are not linked.
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(tokio::io::empty())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

impl OutputStream for Said {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        let mut said = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        said.extend_from_slice(&bytes);
        let excess = said.len().saturating_sub(SAID_MAX);
        said.drain(..excess);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(SAID_MAX)
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for Said {
    async fn ready(&mut self) {}
}
