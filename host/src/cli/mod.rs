//! The operators' commands: flags in, exit code out. One file for each subcommand. The program (`host/program`) puts those
//! of the lab beside them.

// Declared first, because the modules below use its macros.
#[macro_use]
pub mod print;

mod alarms;
mod cdr;
mod check;
mod cluster;
mod configuration;
pub mod console;
mod door;
mod kv;
mod ledger;
mod logging;
mod peer_password;
mod peers;
pub mod plugin;
mod queue;
mod relay;
mod requests;
mod route;
mod run;
mod sample;
mod spool;
mod supervisor;
mod token;
mod trace;
mod who;

use std::path::PathBuf;
use std::pin::Pin;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};

use crate::assembly::Died;
pub use crate::control::counted;
use crate::pipeline::{COMPILER_COMMAND, compile_as_told};
use crate::telemetry;

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the relay; SIGHUP reloads the configuration and the plug-ins, SIGTERM drains and stops
    Run(run::Args),
    /// Report every problem in the configuration, the tables and the plug-ins at once
    Check(check::Args),
    /// Show where a recipient would go, and why, step by step
    Route(route::Args),
    /// Build, inspect and test plug-ins
    #[command(subcommand)]
    Plugin(plugin::Args),
    /// Show the state of the relay: health, queue, peers with problems
    Status(relay::StatusArgs),
    /// Show the state of each next hop; pause one, or limit its rate
    Peers(peers::Args),
    /// Let the running relay read its configuration again, and report what is wrong with it
    Reload(relay::ReloadArgs),
    /// The configuration of the running relay: check a candidate, put one in place, go back to one that has run
    #[command(subcommand)]
    Config(configuration::Args),
    /// Stop the running relay once everything under way is finished
    Stop(relay::StopArgs),
    /// Open the relay's pages in your browser, on a port of this machine
    Console(console::Args),
    /// Show what is wrong at this moment, since when, and what to do about it
    Alarms(alarms::Args),
    /// Show who changed what, when and from where
    Audit(relay::AuditArgs),
    /// List the messages in a spool; retry, release or drop them
    #[command(subcommand)]
    Queue(queue::Args),
    /// Show stored requests: their peers, and their state
    Requests(requests::Args),
    /// Manage access to the door over TCP: make tokens, list them, revoke them
    #[command(subcommand)]
    Token(token::Args),
    /// Print the hash that [peer.login] needs for a peer's password
    PeerPassword(peer_password::Args),
    /// Show sample messages of all kinds
    #[command(subcommand)]
    Sample(sample::Args),
    /// Show or change plug-ins' durable values
    #[command(subcommand)]
    Kv(kv::Args),
    /// Check the spool, copy it, restore a copy, or upgrade it from an earlier version
    #[command(subcommand)]
    Spool(spool::Args),
    /// Manage the store that several relays share: make its tables, show its relays, fence one
    #[command(subcommand)]
    Cluster(cluster::Args),
    /// Show everything known about a message: hops, plug-ins, deliveries, responses, records, times
    Trace(trace::Args),
    /// Export charging records, and manage their files
    #[command(subcommand)]
    Cdr(cdr::Args),
    /// Check the end of every recipient, and compare our records with a partner's
    #[command(subcommand)]
    Ledger(ledger::Args),
}

/// Parses the command line of a program and runs it. Errors go to standard error with their causes, and make the exit
/// code 1.
pub fn main<P: Parser>(run: impl FnOnce(P) -> Underway) -> ExitCode {
    if let Some(order) = order_to_compile() {
        return compile_as_told(&order);
    }
    let program = P::parse();
    let code = in_runtime(run(program)).unwrap_or_else(|error| {
        eprintln!("mm4relay: {error:#}");
        match error.is::<Died>() {
            true => ExitCode::from(DIED),
            false => ExitCode::FAILURE,
        }
    });
    telemetry::finish(LAST_WORDS);
    code
}

/// The default configuration: `relay.toml` in the current folder; else, if it exists, that of an installed relay.
fn usual_config() -> PathBuf {
    const INSTALLED: &str = "/etc/mm4relay/relay.toml";
    let (here, installed) = (PathBuf::from("relay.toml"), PathBuf::from(INSTALLED));
    match !here.exists() && installed.exists() {
        true => installed,
        false => here,
    }
}

/// The exit code of a relay that could not go on: EX_SOFTWARE of sysexits.h. Start another.
const DIED: u8 = 70;

/// How long the process waits at its end for the reader of its log.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// The order for this process if a relay started it to compile a plug-in. Nobody runs this by hand. It is handled
/// before anything else, because the process limits its memory, and the threads of a runtime would take some of it.
fn order_to_compile() -> Option<String> {
    let mut arguments = std::env::args().skip(1);
    let command = arguments.next()?;
    (command == COMPILER_COMMAND).then(|| arguments.next().unwrap_or_default())
}

/// A running command with its result. Boxed and without its type, because the compiler cannot handle the depth of a
/// relay and a demo together.
pub type Underway = Pin<Box<dyn Future<Output = anyhow::Result<ExitCode>>>>;

pub fn run(command: Command) -> Underway {
    Box::pin(async {
        match command {
            Command::Run(args) => run::run(args).await,
            Command::Check(args) => return Ok(check::run(&args).await),
            Command::Route(args) => return route::run(args).await,
            Command::Alarms(args) => return alarms::run(args).await,
            Command::Ledger(args) => return Ok(ledger::run(args)),
            Command::Plugin(args) => plugin::run(args).await,
            Command::Sample(args) => sample::run(args),
            Command::Kv(args) => kv::run(args).await,
            Command::Requests(args) => requests::run(args).await,
            Command::Console(args) => console::run(args).await,
            Command::PeerPassword(args) => peer_password::run(&args),
            Command::Token(args) => token::run(args).await,
            Command::Status(args) => relay::status(args).await,
            Command::Peers(args) => peers::run(args).await,
            Command::Reload(args) => relay::reload(args).await,
            Command::Config(args) => configuration::run(args).await,
            Command::Stop(args) => relay::stop(args).await,
            Command::Audit(args) => relay::audit(args).await,
            Command::Queue(args) => queue::run(args).await,
            Command::Spool(args) => spool::run(args).await,
            Command::Cluster(args) => cluster::run(args),
            Command::Trace(args) => trace::run(args).await,
            Command::Cdr(args) => cdr::run(args).await,
        }
        .map(|()| ExitCode::SUCCESS)
    })
}

fn in_runtime(command: Underway) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let done = runtime.block_on(command);
    // A task that still waits for a file or a socket must not keep the process alive.
    runtime.shutdown_background();
    done
}
