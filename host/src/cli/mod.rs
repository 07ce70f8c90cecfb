//! The command line: flags in, exit code out. One file for each subcommand.

// First, because its macros are for all that follow.
#[macro_use]
mod print;

mod cdr;
mod check;
mod demo;
mod mailer;
pub(crate) mod peer;
mod plugin;
mod queue;
mod route;
mod run;
mod send;
mod spool;
mod tally;
mod trace;
mod who;

use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};

use crate::assembly::Died;
use crate::pipeline::{COMPILER_COMMAND, compile_as_told};
use crate::telemetry;

/// An MM4 relay whose behaviour operators write themselves, as WebAssembly plug-ins.
#[derive(Debug, Parser)]
#[command(version, about, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Build the bundled plug-ins, start a relay and a peer on loopback, and send samples through
    Demo(demo::Args),
    /// Run the relay; SIGHUP reloads the configuration and the plug-ins, SIGTERM drains and stops
    Run(run::Args),
    /// Report every problem in the configuration, the tables and the plug-ins at once
    Check(check::Args),
    /// Say where a recipient would go, and why, step by step
    Route(route::Args),
    /// Send messages to an SMTP server, or load it
    Send(send::Args),
    /// Be a programmable peer MMSE: accept MM4, answer it, or misbehave as told
    Peer(peer::Args),
    /// Build, inspect and test plug-ins
    #[command(subcommand)]
    Plugin(plugin::Args),
    /// Look at the messages in a spool, retry or drop them
    #[command(subcommand)]
    Queue(queue::Args),
    /// Bring a spool that an earlier version wrote up to date, or see whether that is needed
    #[command(subcommand)]
    Spool(spool::Args),
    /// Everything that is known about a message: hops, plug-ins, deliveries, responses, records, times
    Trace(trace::Args),
    /// Export charging records
    #[command(subcommand)]
    Cdr(cdr::Args),
}

/// Parses the command line and runs it. Errors go to standard error with their causes, and make the exit code 1.
pub fn main() -> ExitCode {
    if let Some(order) = order_to_compile() {
        return compile_as_told(&order);
    }
    let cli = Cli::parse();
    let code = in_runtime(cli.command).unwrap_or_else(|error| {
        eprintln!("mm4relay: {error:#}");
        match error.is::<Died>() {
            true => ExitCode::from(DIED),
            false => ExitCode::FAILURE,
        }
    });
    telemetry::finish(LAST_WORDS);
    code
}

/// The exit code of a relay that could not go on: EX_SOFTWARE of sysexits.h. Start another.
const DIED: u8 = 70;

/// How long the end waits for whoever reads the log.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// This process was started by a relay, to compile a plug-in. That is no command for people, and it is asked for before
/// anything else: the process limits its memory, and threads of a runtime would take some of that.
fn order_to_compile() -> Option<String> {
    let mut arguments = std::env::args().skip(1);
    let command = arguments.next()?;
    (command == COMPILER_COMMAND).then(|| arguments.next().unwrap_or_default())
}

/// `1 record`, `2 records`, `2 entries`: a number with what it counts.
fn counted(number: u64, word: &str) -> String {
    match (number, word.strip_suffix('y')) {
        (1, _) => format!("1 {word}"),
        (_, Some(stem)) => format!("{number} {stem}ies"),
        (_, None) => format!("{number} {word}s"),
    }
}

fn in_runtime(command: Command) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let done = runtime.block_on(async {
        match command {
            Command::Demo(args) => demo::run(args).await,
            Command::Run(args) => run::run(args).await,
            Command::Check(args) => return Ok(check::run(&args).await),
            Command::Route(args) => return route::run(args).await,
            Command::Send(args) => send::run(args).await,
            Command::Peer(args) => peer::run(args).await,
            Command::Plugin(args) => plugin::run(args).await,
            Command::Queue(args) => queue::run(args),
            Command::Spool(args) => spool::run(args),
            Command::Trace(args) => trace::run(&args),
            Command::Cdr(args) => cdr::run(args),
        }
        .map(|()| ExitCode::SUCCESS)
    });
    // Whoever still waits for a file or a socket must not keep the process.
    runtime.shutdown_background();
    done
}
