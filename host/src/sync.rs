//! Locks that nobody poisons.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks, also after a holder has panicked. For what is changed by single calls only, and so stays whole whatever happens.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
