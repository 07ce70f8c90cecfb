//! The program: the operators' commands (`mm4relay::cli`), those of the lab, completions for shells, and manual pages.

#![forbid(unsafe_code)]

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};
use clap_complete::Shell;
use mm4relay::cli;

/// An MM4 relay whose behaviour operators write themselves, as WebAssembly plug-ins.
#[derive(Debug, Parser)]
#[command(name = "mm4relay", version = env!("MM4RELAY_VERSION"), about, max_term_width = 100)]
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
    /// Print the completions of commands, flags and words for a shell
    Completions { shell: Shell },
    /// Write a manual page for each command into a folder, which is made
    Man { folder: PathBuf },
}

fn main() -> ExitCode {
    cli::main(|program: Program| match program.command {
        Command::Operators(command) => cli::run(*command),
        Command::Lab(command) => mm4relay_lab::run(command),
        Command::Completions { shell } => Box::pin(async move { Ok(completions(shell)) }),
        Command::Man { folder } => Box::pin(async move { pages(&folder) }),
    })
}

fn completions(shell: Shell) -> ExitCode {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Program::command(), "mm4relay", &mut text);
    cli::print::octets(&text);
    ExitCode::SUCCESS
}

/// `mm4relay.1`, `mm4relay-queue.1`, `mm4relay-queue-list.1` and so on.
fn pages(folder: &Path) -> anyhow::Result<ExitCode> {
    std::fs::create_dir_all(folder)?;
    clap_mangen::generate_to(Program::command(), folder)?;
    Ok(ExitCode::SUCCESS)
}
