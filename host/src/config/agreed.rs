//! What relays that share a store must agree about.

use sha2::{Digest, Sha256};

use super::{Config, Relay};

impl Config {
    /// A hash of everything that must be the same at relays that share a store. What is each relay's own is left out: its name,
    /// addresses and folders, its log, door and monitoring, the files that it writes, and the way on which it comes to the store.
    /// Tables are compared by their rows: see [`assembly`](crate::assembly). Of one version of the program.
    pub fn agreed(&self) -> String {
        // All of them by name, so that whoever adds a section says whether relays must agree about it.
        let Self {
            relay,
            limits,
            transactions,
            ledger,
            shared_spool,
            routing,
            peers,
            relay_servers,
            routes,
            tables,
            scanners,
            plugin_signing,
            plugins,
            audit,
            alarms: _,
            log: _,
            tls: _,
            monitoring: _,
            control: _,
            recording: _,
            tracing: _,
            renamed: _,
            charging_outputs: _,
        } = self;
        let Relay {
            domains,
            system_address,
            postmaster,
            hop_limit,
            pass_limit,
            hold_after_deferrals,
            name: _,
            listen: _,
            inside_listen: _,
            listen_tls: _,
            balancers: _,
            name_servers: _,
            node: _,
            spool: _,
            plugin_folder: _,
        } = relay;
        let of_relay = (
            domains,
            system_address,
            postmaster,
            hop_limit,
            pass_limit,
            hold_after_deferrals,
        );
        let durability = shared_spool.as_ref().map(|shared| shared.durability);
        let tables: Vec<&str> = tables.iter().map(|table| table.name.as_str()).collect();
        let terms = (limits, transactions, ledger, durability, audit);
        let network = (routing, peers, relay_servers, routes, tables);
        let chain = (scanners, plugin_signing, plugins);
        let text = format!("{of_relay:?} {terms:?} {network:?} {chain:?}");
        hex(&Sha256::digest(text))
    }
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn agreed(text: &str) -> String {
        let config = Config::parse(text, Path::new("/etc/mm4relay"));
        config.unwrap_or_else(|problems| panic!("{problems}")).agreed()
    }

    const ONE: &str = r#"
[relay]
name = "mm4-1.hub.example"
domains = ["mms.hub.example"]
listen = ["192.0.2.1:25"]
[[peer]]
name = "operator-a"
domains = ["mms.a.example"]
from = ["198.51.100.1"]
hosts = ["198.51.100.1:25"]
"#;

    #[test]
    fn relays_agree_whatever_is_each_ones_own() {
        let other = ONE.replace("mm4-1", "mm4-2").replace("192.0.2.1", "192.0.2.2")
            + "[log]\nlevel = \"debug\"\n[monitoring]\nlisten = \"127.0.0.1:9400\"\n";
        assert_eq!(agreed(ONE), agreed(&other));
    }

    #[test]
    fn relays_do_not_agree_where_peers_or_limits_differ() {
        let another_peer = ONE.replace("198.51.100.1", "198.51.100.2");
        let another_limit = format!("{ONE}[limits]\nmessage-size = \"1 MiB\"\n");
        let all = [ONE, &another_peer, &another_limit].map(agreed);
        assert!(all[0] != all[1] && all[0] != all[2] && all[1] != all[2], "{all:?}");
    }
}
