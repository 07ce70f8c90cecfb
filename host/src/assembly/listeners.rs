//! The SMTP servers of a relay: one for each listening address.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::watch;

use super::certificates::Certificates;
use super::listening::Open;
use crate::config::Config;
use crate::intake;
use crate::relay::Relay;
use crate::relay::intake_handler::{Door, KnownCertificates};
use crate::routing::Side;
use crate::vitals::{Standing, Vitals};

/// A listener at work.
pub(super) struct Listening {
    pub(super) address: SocketAddr,
    pub(super) side: Side,
    pub(super) tls_at_once: bool,
    /// Open while this lives, so that a restarted task uses the same socket.
    pub(super) socket: Arc<TcpListener>,
    pub(super) task: Standing,
}

pub(super) fn serve(
    sockets: Vec<Open>,
    config: &Config,
    certificates: &Certificates,
    relay: &Arc<Relay>,
    stop: &watch::Receiver<bool>,
    vitals: &Arc<Vitals>,
) -> anyhow::Result<Vec<Listening>> {
    let options = Arc::new(intake::Options {
        tls: certificates.server(),
        ..intake_options(config)
    });
    let mut listeners = Vec::new();
    let encrypted = Arc::new(intake::Options {
        tls_at_once: true,
        ..intake::Options::clone(&options)
    });
    let certificates: Arc<dyn KnownCertificates> = certificates.clients();
    for Open {
        listener,
        side,
        tls_at_once,
    } in sockets
    {
        let socket = Arc::new(listener);
        let options = if tls_at_once { &encrypted } else { &options };
        let address = socket.local_addr()?;
        let (relay, options, stop) = (Arc::clone(relay), Arc::clone(options), stop.clone());
        let certificates = Arc::clone(&certificates);
        // Weak, so that the socket closes when the relay stops, and not only when all of its sessions have ended.
        let open = Arc::downgrade(&socket);
        let task = vitals.keep(format!("listener {address}"), move || {
            let (relay, open) = (Arc::clone(&relay), open.clone());
            let (options, stop) = (Arc::clone(&options), stop.clone());
            let certificates = Arc::clone(&certificates);
            let door = Door {
                relay,
                side,
                certificates,
            };
            async move {
                if let Some(socket) = open.upgrade() {
                    intake::serve(socket, options, Arc::new(door), stop).await;
                }
            }
        });
        listeners.push(Listening {
            address,
            side,
            tls_at_once,
            socket,
            task,
        });
    }
    Ok(listeners)
}

pub(crate) fn intake_options(config: &Config) -> intake::Options {
    let limits = &config.limits;
    intake::Options {
        budget: intake::MemoryBudget::new(usize::try_from(limits.memory).unwrap_or(usize::MAX)),
        message: limits.message_size,
        header: limits.header_size,
        line: limits.line_length.into(),
        recipients: limits.recipients,
        sessions: limits.sessions as usize,
        sessions_per_source: limits.sessions_per_source as usize,
        reserved: limits.sessions_reserved as usize,
        useless: limits.useless_commands,
        before_mail: limits.before_mail,
        errors: limits.errors_per_session,
        idle: limits.idle,
        transaction: limits.transaction,
        octets_per_second: limits.data_rate,
        balancers: config.relay.balancers.clone(),
        ..intake::Options::new(config.relay.name.clone(), config.relay.spool.clone())
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;
    use crate::assembly::findings::Findings;
    use crate::assembly::peers::peer_options;
    use crate::assembly::rooms::next_hops;
    use crate::delivery::PeerOptions;
    use crate::message::PeerName;
    use crate::protocol::mm4;

    const SMALLEST: &str = "[relay]\nname = \"r.example\"\ndomains = [\"r.example\"]\nlisten = [\"127.0.0.1:0\"]\n\
                            [[peer]]\nname = \"b\"\ndomains = [\"b.example\"]\nhosts = [\"127.0.0.1:2525\"]\n";

    fn config() -> Config {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("relay.toml");
        std::fs::write(&path, SMALLEST).unwrap();
        Config::load(&path).unwrap()
    }

    #[test]
    fn the_documented_defaults_of_intake_are_what_runs_when_the_configuration_says_nothing() {
        let (runs, documented) = (intake_options(&config()), intake::Options::new("r.example", "spool"));
        let numbers = |it: &intake::Options| {
            let sizes = [it.message, it.header, it.line, it.drain, it.octets_per_second];
            let counts = [it.recipients, it.errors, it.framing_errors, it.useless];
            let sessions = [it.sessions, it.sessions_per_source, it.reserved, it.memory_message];
            let times = [
                it.greet_delay,
                it.idle,
                it.command,
                it.before_mail,
                it.transaction,
                it.farewell,
            ];
            (sizes, counts, sessions, times)
        };
        assert_eq!(numbers(&runs), numbers(&documented));
    }

    #[test]
    fn the_documented_defaults_of_reading_and_of_delivery_are_what_runs_too() {
        let config = config();
        assert_eq!(crate::assembly::rooms::mm4_limits(&config), mm4::Limits::default());
        let certificates = Certificates::load(&config, &mut Findings::default(), SystemTime::now());
        let runs = peer_options(next_hops(&config), &config.relay, &certificates);
        let documented = PeerOptions::new(PeerName::new("b").unwrap(), Vec::new(), "r.example");
        let numbers = |it: &PeerOptions| {
            let counts = [it.sessions, it.messages_per_connection as usize, it.hot_messages];
            (counts, it.idle, it.give_up_after, it.rate, it.max_message_size)
        };
        assert_eq!(numbers(&runs[0]), numbers(&documented));
        assert_eq!(runs[0].timeouts, documented.timeouts);
    }
}
