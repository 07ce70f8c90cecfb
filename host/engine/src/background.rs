//! Compiling when nobody else wants the core.
//!
//! To be behind in line (nice) is not enough: Linux gives a thread that has just begun a few milliseconds before it
//! asks who else is waiting, and a message that comes then is late by as much. A thread that is idle by policy gives the
//! core up at once. But on a machine that is never idle it gets next to nothing: after a while the load does the work
//! itself, in its own turn.

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use wasmtime::Engine;
use wasmtime::component::Component;

/// How long idle time is waited for: many times what a free core needs, which is about a second for each megabyte.
const PATIENCE: Duration = Duration::from_secs(1);
const PATIENCE_PER_MIB: Duration = Duration::from_secs(5);

/// Compiles a component. Blocks its thread, which does the work itself when the machine has no time to spare.
pub(crate) fn compile(engine: &Engine, wasm: &[u8]) -> wasmtime::Result<Component> {
    let (done, compiled) = mpsc::channel();
    let (its_engine, its_wasm) = (engine.clone(), wasm.to_vec());
    let work = move || {
        if let Err(error) = be_idle() {
            tracing::debug!("compiling does not wait for idle time: {error}");
        }
        // Nobody may be waiting any more.
        let _ = done.send(Component::new(&its_engine, its_wasm));
    };
    if thread::Builder::new().name("plugin-compile".into()).spawn(work).is_ok()
        && let Ok(component) = compiled.recv_timeout(patience(wasm.len()))
    {
        return component;
    }
    tracing::debug!("the machine is never idle: compiling takes time that messages could use");
    Component::new(engine, wasm)
}

fn patience(octets: usize) -> Duration {
    PATIENCE + PATIENCE_PER_MIB.mul_f64(octets as f64 / f64::from(1 << 20))
}

/// For the whole life of this thread, since only a privileged process could take it back.
fn be_idle() -> std::io::Result<()> {
    let parameters = libc::sched_param { sched_priority: 0 };
    // SAFETY: the call reads a value that outlives it. Zero is the calling thread.
    #[allow(unsafe_code)]
    let refused = unsafe { libc::sched_setscheduler(0, libc::SCHED_IDLE, &parameters) } != 0;
    match refused {
        true => Err(std::io::Error::last_os_error()),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_that_is_idle_by_policy_says_so() {
        let policy = thread::spawn(|| {
            be_idle().unwrap();
            std::fs::read_to_string("/proc/thread-self/sched").unwrap()
        });
        let sched = policy.join().unwrap();
        let policy = sched.lines().find(|line| line.starts_with("policy")).unwrap();
        assert!(policy.ends_with(" 5"), "{policy}");
    }

    #[test]
    fn a_large_component_is_waited_for_longer() {
        assert_eq!(patience(0), Duration::from_secs(1));
        assert_eq!(patience(20 << 20), Duration::from_secs(101));
    }

    #[test]
    fn what_does_not_compile_is_told_to_who_asked() {
        let error = compile(&Engine::default(), b"\0asm\x0d\0\x01\0 and more").err();
        assert!(error.is_some());
    }
}
