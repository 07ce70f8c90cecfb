//! Reading the configuration again while the relay runs.

use std::path::Path;
use std::sync::Arc;

use super::control_configuration::note_generation;
use super::findings::Findings;
use super::metrics::Monitoring;
use super::peers::peer_options;
use super::plugins;
use super::prepare::{Asking, Beside, prepare};
use super::rooms::next_hops;
use super::start::Running;
use super::tables::Current;
use crate::config::{self, Code, Config, Examined};
use crate::relay::directory::Directory;
use crate::spool::BoxFuture;
use crate::transactions::Terms;

impl Running {
    /// Reads the configuration again and applies name servers, peers, Relay/Servers, routes, tables, certificates and
    /// plug-ins: all of them, or none when anything is wrong. The log names changes that need a restart.
    ///
    /// # Errors
    /// Everything that is wrong, as a start with this configuration would report it.
    pub fn reload<'a>(&'a self, file: &'a Path) -> BoxFuture<'a, Result<(), Findings>> {
        Box::pin(self.read_again(file))
    }

    async fn read_again(&self, file: &Path) -> Result<(), Findings> {
        let mut current = self.current.lock().await;
        let monitoring = self.monitoring.as_ref().map(Monitoring::address);
        let listening = self.addresses().chain(self.addresses_with_tls());
        let listening = listening.map(|(address, _)| address).chain(monitoring);
        let asking = Asking::Reload(Beside {
            tables: current.tables.clone(),
            directory: self.relay.directory.load_full(),
            listening: listening.collect(),
        });
        let read = prepare(Config::examine(file), asking.clone()).await?;
        // Changes that need a restart are left out; the rest must be valid without them too.
        let mut prepared = match with_what_stays(&read.examined.config, &current.config) {
            None => read,
            Some(config) => {
                let examined = Examined {
                    config,
                    ..read.examined
                };
                prepare(examined, asking).await?
            }
        };
        let config = prepared.examined.config.clone();
        let recorder = plugins::recorder(&config, current.recorder.clone());
        let recorder = recorder.map_err(|error| {
            prepared
                .found
                .problem(Code::FolderUnusable, "recording.folder", format!("{error:#}"))
        });
        let recorder = recorder.unwrap_or_default();
        let (tables, directory) = (&prepared.tables.tables, &prepared.directory);
        // Boxed for the same reason as in a start.
        Box::pin(
            self.relay
                .replace_plugins(&config, tables, directory, recorder.as_ref(), &mut prepared.found),
        )
        .await?;
        prepared.found.log();
        config.warn_of_renamed(file);
        self.certificates.take_over(prepared.certificates);
        self.change_peers(&current.config, &config, prepared.directory, prepared.terms)
            .await;
        *current = Current {
            config,
            tables: prepared.tables,
            recorder,
            found: prepared.found.blank(),
        };
        note_generation(&prepared.examined, &*self.relay.clock);
        self.relay.reloaded.notify_one();
        Ok(())
    }

    /// The order matters: first delivery learns of new peers, then routing changes, then delivery stops sending to
    /// removed peers. So routing never names a peer that delivery does not have.
    async fn change_peers(&self, old: &Config, new: &Config, directory: Arc<Directory>, terms: Terms) {
        let before = |peer: &config::Peer| next_hops(old).find(|old| old.name == peer.name);
        let others_are_asked = new.relay.name_servers != old.relay.name_servers;
        let is_changed = |peer: &&config::Peer| others_are_asked || before(peer) != Some(peer);
        let changed: Vec<_> = next_hops(new).filter(is_changed).collect();
        for peer in &changed {
            let what = if before(peer).is_some() { "changed" } else { "added" };
            tracing::info!(peer = %peer.name, event = "peer-changed", "peer {what}");
        }
        let delivery = &self.relay.delivery;
        delivery.set_peers(peer_options(changed.into_iter(), &new.relay, &self.certificates));
        self.relay.replace_directory(directory);
        self.relay.transactions.agree(terms);
        let gone = next_hops(old).filter(|old| next_hops(new).all(|peer| peer.name != old.name));
        let gone: Vec<_> = gone.map(|peer| peer.name.clone()).collect();
        delivery.remove_peers(&gone);
        for peer in gone {
            match self.relay.store.queue.next_due().await {
                Ok(due) if due.iter().any(|(waiting, _)| *waiting == peer) => {
                    tracing::warn!(%peer, event = "peer-removed", "peer removed: what waits for it stays in the spool, until it is added again or dropped");
                }
                _ => tracing::info!(%peer, event = "peer-removed", "peer removed: nothing waits for it"),
            }
        }
    }
}

/// `read`, with the running values of everything that a reload does not change. `None` when they are the same. The log
/// names the differences.
fn with_what_stays(read: &Config, running: &Config) -> Option<Config> {
    let same = |what: &str, same: bool| {
        if !same {
            tracing::warn!(
                event = "restart-needed",
                "{what} changed in the configuration: that takes a restart"
            );
        }
    };
    let relay = config::Relay {
        name_servers: read.relay.name_servers.clone(),
        ..running.relay.clone()
    };
    same("[relay]", read.relay == relay);
    same("[limits]", read.limits == running.limits);
    same("[tls]", read.tls.is_some() == running.tls.is_some());
    same("[control]", read.control == running.control);
    same("[tracing]", read.tracing == running.tracing);
    same("[monitoring]", read.monitoring == running.monitoring);
    same("[[charging-output]]", read.charging_outputs == running.charging_outputs);
    let config = Config {
        relay,
        monitoring: running.monitoring.clone(),
        tracing: running.tracing.clone(),
        control: running.control.clone(),
        limits: running.limits.clone(),
        charging_outputs: running.charging_outputs.clone(),
        ..read.clone()
    };
    (config != *read).then_some(config)
}
