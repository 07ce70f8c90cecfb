//! The operators' commands: flags in, exit code out. One file for each subcommand. The program (`host/program`) puts those
//! of the lab beside them.

// First, because its macros are for all that follow.
#[macro_use]
pub mod print;

mod alarms;
mod cdr;
mod check;
mod cluster;
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
    /// Say where a recipient would go, and why, step by step
    Route(route::Args),
    /// Build, inspect and test plug-ins
    #[command(subcommand)]
    Plugin(plugin::Args),
    /// How the relay is: its health, its queue, peers that need a look
    Status(relay::StatusArgs),
    /// How each next hop stands; send one nothing for a while
    Peers(peers::Args),
    /// Let the running relay read its configuration again, and say what is wrong with it
    Reload(relay::ReloadArgs),
    /// End the running relay once what is under way is finished
    Stop(relay::StopArgs),
    /// Open the relay's pages to your browser, on a port of this machine
    Console(console::Args),
    /// What is wrong at this moment, since when, and what to do about it
    Alarms(alarms::Args),
    /// Who changed what, when and from where
    Audit(relay::AuditArgs),
    /// Look at the messages in a spool, retry or drop them
    #[command(subcommand)]
    Queue(queue::Args),
    /// Requests that are remembered: whom they are from and for, and what came of them
    Requests(requests::Args),
    /// Who may ask at the door over TCP: make tokens, list them, revoke them
    #[command(subcommand)]
    Token(token::Args),
    /// Print what [peer.login] keeps of a password with which a peer logs in
    PeerPassword(peer_password::Args),
    /// Messages of all kinds, to test with
    #[command(subcommand)]
    Sample(sample::Args),
    /// Look at plug-ins' durable values, or change them
    #[command(subcommand)]
    Kv(kv::Args),
    /// The spool as a whole: look through it, copy it, put a copy back, bring an earlier version's up to date
    #[command(subcommand)]
    Spool(spool::Args),
    /// The store that several relays share: make its tables, see who works on it, shut a relay out
    #[command(subcommand)]
    Cluster(cluster::Args),
    /// Everything that is known about a message: hops, plug-ins, deliveries, responses, records, times
    Trace(trace::Args),
    /// Export charging records
    #[command(subcommand)]
    Cdr(cdr::Args),
    /// What became of every recipient, and our records against a partner's
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

/// The configuration of a command that is given none: `relay.toml` in the current folder; else, when it is there, that of an
/// installed relay.
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

/// How long the end waits for whoever reads the log.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// This process was started by a relay, to compile a plug-in. That is no command for people, and it is asked for before
/// anything else: the process limits its memory, and threads of a runtime would take some of that.
fn order_to_compile() -> Option<String> {
    let mut arguments = std::env::args().skip(1);
    let command = arguments.next()?;
    (command == COMPILER_COMMAND).then(|| arguments.next().unwrap_or_default())
}

/// A command under way, and how it ends. Boxed and without its type: the compiler gives up on the depth of what a relay and
/// a demo hold as a whole.
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
    // Whoever still waits for a file or a socket must not keep the process.
    runtime.shutdown_background();
    done
}
