//! A mutex that is locked in one way in every room, whatever became of an earlier holder.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks the mutex, also after a thread that held it has panicked. Use it only for values that every critical section
/// changes by a single call: a panic cannot leave such a value half changed.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
