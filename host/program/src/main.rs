//! The one program: the operators' commands (`mm4relay::cli`), and those of the lab beside them.

#![forbid(unsafe_code)]

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use mm4relay::cli;

/// An MM4 relay whose behaviour operators write themselves, as WebAssembly plug-ins.
#[derive(Debug, Parser)]
#[command(name = "mm4relay", version, about, max_term_width = 100)]
struct Program {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    #[command(flatten)]
    Operators(Box<cli::Command>),
    #[command(flatten)]
    Lab(mm4relay_lab::Command),
}

fn main() -> ExitCode {
    cli::main(|program: Program| match program.command {
        Command::Operators(command) => cli::run(*command),
        Command::Lab(command) => mm4relay_lab::run(command),
    })
}
