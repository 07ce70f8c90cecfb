//! Compilation of plug-ins: this program does it, in a process of its own for each.

use mm4relay_engine::{CompilerProcess, EngineOptions};

pub use mm4relay_engine::compile_as_told;

/// The hidden command of this program that compiles a plug-in. The engine's arguments follow it.
pub const COMPILER_COMMAND: &str = "compile-plugin";

/// What all engines of this program have in common.
pub fn engine_options() -> EngineOptions {
    EngineOptions {
        compiler: Some(CompilerProcess {
            // Not the path of the program: an upgrade puts another program there while this one runs.
            program: "/proc/self/exe".into(),
            arguments: vec![COMPILER_COMMAND.into()],
        }),
        ..EngineOptions::default()
    }
}
