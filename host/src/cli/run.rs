//! `mm4relay run`: the relay itself.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{mpsc, oneshot};

use super::logging::{log_anew, log_as};
use super::print;
use super::supervisor::Supervisor;
use crate::assembly::{Died, Findings, Running, Setup};
use crate::clock::{Clock, SystemClock};
use crate::config::Config;
use crate::control::audit::Entry;
use crate::control::{Order, Problem, Reloaded, Role, When};
use crate::routing::Side;
use crate::telemetry;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The configuration
    #[arg(long, value_name = "FILE", default_value_os_t = super::usual_config())]
    config: PathBuf,
}

/// The events that the relay reacts to: signals, and orders from its door.
struct Calls {
    signals: Signals,
    orders: mpsc::Receiver<Order>,
}

impl Calls {
    async fn next(&mut self) -> Asked {
        let Self { signals, orders } = self;
        tokio::select! {
            asked = signals.next() => asked,
            Some(order) = orders.recv() => match order {
                Order::Reload(told) => Asked::Reload(Some(told)),
                Order::Stop => Asked::Stop,
            },
        }
    }
}

/// The signals that the relay reacts to, at all times: also while it starts and reloads, which may take minutes when
/// plug-ins are compiled.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
    user: Signal,
}

impl Signals {
    fn listen() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
            user: signal(SignalKind::user_defined1())?,
        })
    }

    /// Waits for SIGTERM or SIGINT.
    async fn stop(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }

    /// Waits for SIGHUP, SIGUSR1, or a request to stop.
    async fn next(&mut self) -> Asked {
        tokio::select! {
            _ = self.terminate.recv() => Asked::Stop,
            _ = self.interrupt.recv() => Asked::Stop,
            _ = self.hangup.recv() => Asked::Reload(None),
            _ = self.user.recv() => Asked::ReopenLog,
        }
    }
}

#[derive(Debug)]
enum Asked {
    /// From a signal, or from a client that waits for the result.
    Reload(Option<oneshot::Sender<Reloaded>>),
    /// The file of the log was moved away.
    ReopenLog,
    Stop,
}

/// How many orders may wait; further ones wait at the door.
const ORDERS: usize = 16;

pub async fn run(args: Args) -> anyhow::Result<()> {
    telemetry::start("info");
    let mut signals = Signals::listen()?;
    let (give, orders) = mpsc::channel(ORDERS);
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        config = %args.config.display(),
        event = "relay-starts", "mm4relay starts"
    );
    let supervisor = Supervisor::of_environment();
    let relay = tokio::select! {
        started = start(&args, give) => started?,
        () = supervisor.keep_patient() => return Ok(()),
        () = signals.stop() => {
            tracing::info!(event = "relay-stops", "mm4relay ends: stopped before it had started");
            return Ok(());
        }
    };
    for (address, side) in relay.addresses().chain(relay.addresses_with_tls()) {
        tracing::info!(%address, side = side.as_str(), event = "listening", "listening");
    }
    announce(&relay);
    supervisor.ready();
    let mut calls = Calls { signals, orders };
    let stopped = tokio::select! {
        died = relay.died() => Err(died),
        () = heed(&relay, &args.config, &mut calls, supervisor) => Ok(()),
        () = supervisor.keep_living() => Ok(()),
    };
    supervisor.stopping();
    if let Err(died) = stopped {
        return give_up(relay, died).await;
    }
    tracing::info!(event = "draining", "draining; another signal ends it at once");
    let drained = tokio::select! {
        () = relay.drain() => true,
        () = supervisor.keep_patient() => false,
        () = calls.signals.stop() => false,
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

/// Starts the relay. Problems are printed as `check` prints them.
async fn start(args: &Args, orders: mpsc::Sender<Order>) -> anyhow::Result<Running> {
    let config = Config::examine(&args.config).config;
    log_as(&config.log).context("the log that [log] names cannot be written to")?;
    raise_descriptors(&config);
    let setup = Setup {
        orders: Some(orders),
        ..Setup::default()
    };
    let started = Running::start(&args.config, setup).await;
    started.map_err(|error| match error.downcast::<Findings>() {
        Ok(found) => {
            found.problems.iter().for_each(|problem| eprintln!("{problem}"));
            anyhow!("the relay does not start: {}", found.count())
        }
        Err(error) => error.context("the relay does not start"),
    })
}

/// Handles reloads until a request to stop.
async fn heed(relay: &Running, config: &Path, calls: &mut Calls, supervisor: Supervisor) {
    loop {
        match calls.next().await {
            Asked::Stop => return,
            Asked::ReopenLog => log_anew(&relay.log().await),
            Asked::Reload(who) => {
                supervisor.reloading();
                if reload(relay, config, calls, who).await.is_break() {
                    return;
                }
                supervisor.ready();
            }
        }
    }
}

/// Reloads, and again for each request that came meanwhile, because the files may have changed once more. Breaks when
/// the relay must stop; a load under way is dropped then.
async fn reload(
    relay: &Running,
    config: &Path,
    calls: &mut Calls,
    who: Option<oneshot::Sender<Reloaded>>,
) -> ControlFlow<()> {
    let mut asked = vec![who];
    while !asked.is_empty() {
        let mut later = Vec::new();
        let mut reloading = pin!(relay.reload(config));
        let ended = loop {
            tokio::select! {
                ended = &mut reloading => break ended,
                call = calls.next() => match call {
                    Asked::Stop => return ControlFlow::Break(()),
                    // A reload ends with opening the log anew.
                    Asked::ReopenLog => {}
                    Asked::Reload(who) => {
                        tracing::info!("a reload is under way, and another one will follow it");
                        later.push(who);
                    }
                },
            }
        };
        let ended = ended.map_err(|found| {
            found.log();
            tracing::error!(
                event = "reload-failed",
                "the configuration is not reloaded, the running one stays: {}",
                found.count()
            );
            found.problems.iter().map(ToString::to_string).collect::<Vec<_>>()
        });
        log_anew(&relay.log().await);
        if ended.is_ok() {
            tracing::info!(event = "reloaded", "configuration reloaded");
        }
        for who in std::mem::replace(&mut asked, later) {
            match who {
                // The client may be gone.
                Some(who) => drop(who.send(ended.clone())),
                None => relay.note(by_signal(&ended)).await,
            }
        }
    }
    ControlFlow::Continue(())
}

/// The audit entry for a signal, whose sender is unknown.
fn by_signal(reloaded: &Reloaded) -> Entry {
    let refused = reloaded
        .as_ref()
        .err()
        .map(|errors| Problem::configuration(errors.clone()));
    Entry {
        at: When(SystemClock.now()),
        who: "SIGHUP".to_owned(),
        role: Role::Administrator,
        from: "signal".to_owned(),
        relay: None,
        did: "reload".to_owned(),
        asked: serde_json::json!({}),
        changed: refused.is_none().then(|| serde_json::json!({})),
        refused,
    }
}

/// Raises the limit of file descriptors as far as the system allows. Sessions are limited by the operator; to run out
/// of descriptors before that would be a surprise.
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
    let listeners = config.relay.listen.len() + config.relay.inside_listen.len() + config.relay.listen_tls.len();
    let wanted = u64::from(config.limits.sessions) * listeners as u64 + OTHERS;
    // `None` means no limit.
    if let Some(current) = current.filter(|current| *current < wanted) {
        tracing::warn!(
            current,
            wanted,
            event = "few-descriptors",
            "fewer file descriptors than [limits] sessions may need: raise LimitNOFILE, or lower sessions"
        );
    }
}

/// Ends with an error, after some time for outcomes to be recorded.
async fn give_up(relay: Running, died: Died) -> anyhow::Result<()> {
    const FAREWELL: Duration = Duration::from_secs(30);
    let _ = tokio::time::timeout(FAREWELL, relay.drain()).await;
    Err(died.into())
}

/// Prints the listening addresses for whoever started the relay, which can do without a reader.
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
    for (address, _) in relay.addresses_with_tls() {
        print(format!("listening on {address} with TLS"));
    }
    if let Some(address) = relay.door_address() {
        print(format!("door on {address}"));
    }
    if let Some(address) = relay.monitoring_address() {
        print(format!("monitoring on http://{address}"));
    }
}
