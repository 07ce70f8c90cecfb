//! The lab: what stands around a relay while somebody tries it out or tests it. Nothing here carries mail.
//!
//! - [`peer`]: an MMSE that accepts, answers, or misbehaves as told
//! - [`send`]: a test client, and a load generator
//! - [`demo`]: a relay, its peers and samples on loopback
//! - [`careless`]: a spool that loses mail, which shows that the crash test would notice

#![forbid(unsafe_code)]
#![cfg_attr(not(test), deny(clippy::unwrap_used))]

// The printer of commands, in place of the standard library's: what strangers wrote is made visible.
#[macro_use(eprintln, print, println)]
extern crate mm4relay;

pub mod careless;
mod demo;
mod mailer;
pub mod peer;
mod send;
mod tally;

use std::process::ExitCode;

use mm4relay::cli::Underway;

#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Build the bundled plug-ins, start a relay and a peer on loopback, and send samples through
    Demo(demo::Args),
    /// Send messages to an SMTP server, or load it
    Send(Box<send::Args>),
    /// Be a programmable peer MMSE: accept MM4, answer it, or misbehave as told
    Peer(Box<peer::Args>),
}

pub fn run(command: Command) -> Underway {
    Box::pin(async {
        match command {
            Command::Demo(args) => demo::run(args).await,
            Command::Send(args) => send::run(*args).await,
            Command::Peer(args) => peer::run(*args).await,
        }
        .map(|()| ExitCode::SUCCESS)
    })
}
