//! Scheduling in idle time.
//!
//! A low priority (nice) is not enough: Linux gives a thread that has just begun a few milliseconds before it considers
//! others, and a message that comes then is delayed by as much. A thread with the idle policy gives up the core at
//! once. But on a machine that is never idle it gets next to nothing, so a caller waits for such a thread for a while
//! only, and then has the work done at normal priority.

use std::io;

/// Makes this thread idle for its whole life, because only a privileged process could undo it, and so are all processes
/// that it starts.
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

/// Like [`be_idle`]. If the system refuses, messages are slower during a load, and nothing else happens.
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
