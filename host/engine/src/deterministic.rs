//! An engine with deterministic results, for sample cases and replays, where a difference must mean a difference.
//!
//! Its code counts fuel, which bounds a call in place of the clock, and gives the same bits for every NaN. WASI's
//! monotonic clock stands still; everything else from outside, including the seed of random numbers, comes from the
//! caller's [`Services`](crate::Services).

use std::time::Duration;

use wasmtime::{Config, Store};

use crate::host::Call;

/// Fuel for each microsecond of a budget: about what a core of ours executes in one.
const FUEL_PER_MICROSECOND: u128 = 1_000;
/// How much longer than its budget a call may run by the clock before it is stopped all the same. Only a call that
/// waits in a host function gets there.
const PATIENCE: u32 = 20;
/// Makes the engine's code count fuel and canonicalise NaNs.
pub(crate) fn settle(config: &mut Config) {
    config
        .consume_fuel(true)
        .cranelift_nan_canonicalization(true)
        .relaxed_simd_deterministic(true);
}

/// The fuel that a deterministic engine gives a call in place of so much time.
pub fn fuel(budget: Duration) -> u64 {
    u64::try_from(budget.as_micros().saturating_mul(FUEL_PER_MICROSECOND)).unwrap_or(u64::MAX)
}

/// The limit by the clock that goes with a budget in fuel.
pub(crate) fn patience(budget: Duration) -> Duration {
    budget.saturating_mul(PATIENCE).max(Duration::from_secs(5))
}

/// The fuel used since `given` was put in; `None` when the engine does not count.
pub(crate) fn used(store: &Store<Call>, given: u64) -> Option<u64> {
    store.get_fuel().ok().map(|left| given.saturating_sub(left))
}
