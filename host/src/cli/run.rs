//! `mm4relay run`: the relay itself.

use std::path::{Path, PathBuf};
use std::pin::pin;
use std::time::Duration;

use anyhow::{anyhow, bail};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::print;
use crate::assembly::{Died, Findings, Running, Setup};
use crate::config::Config;
use crate::routing::Side;
use crate::telemetry;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The configuration
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

/// The signals that the relay heeds, at all times: also while it starts, and while it reloads, which can take minutes
/// where plug-ins are compiled.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Signals {
    fn listen() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    /// SIGTERM or SIGINT.
    async fn stop(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }

    /// SIGHUP, or a request to stop.
    async fn next(&mut self) -> Asked {
        tokio::select! {
            _ = self.terminate.recv() => Asked::Stop,
            _ = self.interrupt.recv() => Asked::Stop,
            _ = self.hangup.recv() => Asked::Reload,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    Reload,
    Stop,
}

pub async fn run(args: Args) -> anyhow::Result<()> {
    telemetry::start("info");
    let mut signals = Signals::listen()?;
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        config = %args.config.display(),
        event = "relay-starts", "mm4relay starts"
    );
    let relay = tokio::select! {
        started = start(&args) => started?,
        () = signals.stop() => {
            tracing::info!(event = "relay-stops", "mm4relay ends: stopped before it had started");
            return Ok(());
        }
    };
    for (address, side) in relay.addresses() {
        tracing::info!(%address, side = side.as_str(), event = "listening", "listening");
    }
    announce(&relay);
    let stopped = tokio::select! {
        died = relay.died() => Err(died),
        () = heed(&relay, &args.config, &mut signals) => Ok(()),
    };
    if let Err(died) = stopped {
        return give_up(relay, died).await;
    }
    tracing::info!(event = "draining", "draining; another signal ends it at once");
    let drained = tokio::select! {
        () = relay.drain() => true,
        () = signals.stop() => false,
    };
    if !drained {
        tracing::warn!(event = "drain-cut-short", "mm4relay ends before the drain was over");
        bail!("ended before the drain was over: what was not acknowledged is with its sender");
    }
    tracing::info!(
        event = "relay-stops",
        "mm4relay ends: everything under way is finished, or in the spool"
    );
    Ok(())
}

/// What is wrong is printed as `check` prints it.
async fn start(args: &Args) -> anyhow::Result<Running> {
    raise_descriptors(&Config::examine(&args.config).config);
    let started = Running::start(&args.config, Setup::default()).await;
    started.map_err(|error| match error.downcast::<Findings>() {
        Ok(found) => {
            found.problems.iter().for_each(|problem| eprintln!("{problem}"));
            anyhow!("the relay does not start: {}", found.count())
        }
        Err(error) => error.context("the relay does not start"),
    })
}

/// Reloads whenever it is asked to, until it is asked to stop.
async fn heed(relay: &Running, config: &Path, signals: &mut Signals) {
    while signals.next().await == Asked::Reload {
        if reload(relay, config, signals).await == Asked::Stop {
            return;
        }
    }
}

/// Reloads until nobody asks for it any more. A request that comes meanwhile is a reload of its own afterwards, since the
/// files may have changed once more. Says whether the relay was asked to stop: then what was being loaded is dropped.
async fn reload(relay: &Running, config: &Path, signals: &mut Signals) -> Asked {
    let mut again = true;
    while again {
        again = false;
        let mut reloading = pin!(relay.reload(config));
        let ended = loop {
            tokio::select! {
                ended = &mut reloading => break ended,
                asked = signals.next() => match asked {
                    Asked::Stop => return Asked::Stop,
                    Asked::Reload => {
                        tracing::info!("a reload is under way, and another one will follow it");
                        again = true;
                    }
                },
            }
        };
        match ended {
            Ok(()) => tracing::info!(event = "reloaded", "configuration reloaded"),
            Err(found) => {
                found.log();
                tracing::error!(
                    event = "reload-failed",
                    "the configuration is not reloaded, the running one stays: {}",
                    found.count()
                );
            }
        }
    }
    Asked::Reload
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
            event = "few-descriptors",
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
            tracing::warn!(
                event = "output-not-written",
                "standard output cannot be written: {error}"
            );
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
