//! `mm4relay run`: the relay itself.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::signal::unix::{SignalKind, signal};

use super::print;
use crate::config::Config;
use crate::relay::{Died, Running, Setup};
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
    raise_descriptors(&config);
    let setup = Setup {
        acknowledge_before_commit: args.test_hook_acknowledge_before_commit,
        ..Setup::default()
    };
    let relay = Running::start(config, setup)
        .await
        .context("the relay does not start")?;
    announce(&relay);
    loop {
        tokio::select! {
            died = relay.died() => return give_up(relay, died).await,
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

/// Asks for as many file descriptors as it may have. Sessions are a limit that an operator set; running out of descriptors
/// before is a surprise for everybody.
fn raise_descriptors(config: &Config) {
    const OTHERS: u64 = 512;
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    let current = match setrlimit(Resource::Nofile, raised) {
        Ok(()) => limit.maximum,
        Err(_) => limit.current,
    };
    let listeners = config.relay.listen.len() + config.relay.inside_listen.len();
    let wanted = u64::from(config.limits.sessions) * listeners as u64 + OTHERS;
    // None is no limit.
    if let Some(current) = current.filter(|current| *current < wanted) {
        tracing::warn!(
            current,
            wanted,
            "fewer file descriptors than [limits] sessions may need: raise LimitNOFILE, or lower sessions"
        );
    }
}

/// Ends with an error, after what is under way had the time to be recorded.
async fn give_up(relay: Running, died: Died) -> anyhow::Result<()> {
    const FAREWELL: Duration = Duration::from_secs(30);
    let _ = tokio::time::timeout(FAREWELL, relay.drain()).await;
    Err(died.into())
}

/// Where it listens, for whoever started it. The relay does without a reader.
fn announce(relay: &Running) {
    let print = |line: String| {
        if let Err(error) = print::try_out(format_args!("{line}\n")) {
            tracing::warn!("standard output cannot be written: {error}");
        }
    };
    for (address, side) in relay.addresses() {
        print(match side {
            Side::Inside => format!("listening on {address} for our own relay-servers"),
            Side::Outside | Side::Both => format!("listening on {address}"),
        });
    }
    if let Some(address) = relay.console_address() {
        print(format!("console on http://{address}"));
    }
}
