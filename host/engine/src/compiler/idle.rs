//! Working when nobody else wants the core.
//!
//! To be behind in line (nice) is not enough: Linux gives a thread that has just begun a few milliseconds before it
//! asks who else is waiting, and a message that comes then is late by as much. A thread that is idle by policy gives the
//! core up at once. But on a machine that is never idle it gets next to nothing, so whoever waits for one waits for a
//! while only, and then has the work done in turn with others.

use std::io;

/// For the whole life of this thread, since only a privileged process could take it back, and of every process that it
/// starts.
pub(crate) fn be_idle() -> io::Result<()> {
    let parameters = libc::sched_param { sched_priority: 0 };
    // SAFETY: the call reads a value that outlives it. Zero is the calling thread.
    #[allow(unsafe_code)]
    let refused = unsafe { libc::sched_setscheduler(0, libc::SCHED_IDLE, &parameters) } != 0;
    match refused {
        true => Err(io::Error::last_os_error()),
        false => Ok(()),
    }
}

/// As [`be_idle`]. Where the system refuses, messages are slower during a load, and nothing worse happens.
pub(crate) fn try_to_be_idle() {
    if let Err(error) = be_idle() {
        tracing::debug!("compiling does not wait for idle time: {error}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_that_is_idle_by_policy_says_so() {
        let policy = std::thread::spawn(|| {
            be_idle().unwrap();
            std::fs::read_to_string("/proc/thread-self/sched").unwrap()
        });
        let sched = policy.join().unwrap();
        let policy = sched.lines().find(|line| line.starts_with("policy")).unwrap();
        assert!(policy.ends_with(" 5"), "{policy}");
    }
}
