//! Compiling in this process, for programs that embed the engine.

use std::sync::mpsc;
use std::thread;

use wasmtime::Engine;
use wasmtime::component::Component;

use super::idle::try_to_be_idle;
use super::patience;

/// Compiles a component in idle time. Blocks its thread, which does the work itself when the machine has no idle time.
pub(super) fn compile_idle(engine: &Engine, wasm: &[u8]) -> wasmtime::Result<Component> {
    let (done, compiled) = mpsc::channel();
    let (its_engine, its_wasm) = (engine.clone(), wasm.to_vec());
    let work = move || {
        try_to_be_idle();
        // The receiver may be gone.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_compile_is_told_to_who_asked() {
        let error = compile_idle(&Engine::default(), b"\0asm\x0d\0\x01\0 and more").err();
        assert!(error.is_some());
    }
}
