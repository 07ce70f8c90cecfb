//! `mm4relay run`: the relay itself.

use std::path::PathBuf;

use anyhow::Context;
use tokio::signal::unix::{SignalKind, signal};

use crate::config::Config;
use crate::relay::{Running, Setup};
use crate::routing::Side;
use crate::telemetry;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The configuration
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// For tests of the tests only: acknowledge messages before they are on disk, and so lose some in a crash
    #[arg(long, hide = true)]
    test_hook_acknowledge_before_commit: bool,
}

pub async fn run(args: Args) -> anyhow::Result<()> {
    telemetry::start("info");
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut reload = signal(SignalKind::hangup())?;

    let config = Config::load(&args.config)?;
    config.warn_of_renamed(&args.config);
    let setup = Setup {
        acknowledge_before_commit: args.test_hook_acknowledge_before_commit,
        ..Setup::default()
    };
    let relay = Running::start(config, setup)
        .await
        .context("the relay does not start")?;
    for (address, side) in relay.addresses() {
        match side {
            Side::Inside => println!("listening on {address} for our own relay-servers"),
            Side::Outside | Side::Both => println!("listening on {address}"),
        }
    }
    if let Some(address) = relay.console_address() {
        println!("console on http://{address}");
    }
    loop {
        tokio::select! {
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
            _ = reload.recv() => match relay.reload(&args.config).await {
                Ok(()) => tracing::info!("configuration reloaded"),
                Err(error) => tracing::error!("the configuration is not reloaded, the running one stays: {error:#}"),
            },
        }
    }
    tracing::info!("draining; another signal ends it at once");
    tokio::select! {
        () = relay.drain() => Ok(()),
        _ = terminate.recv() => anyhow::bail!("ended before the drain was over: what was not acknowledged is with its sender"),
        _ = interrupt.recv() => anyhow::bail!("ended before the drain was over: what was not acknowledged is with its sender"),
    }
}
