//! The networks of telephone numbers, for plug-ins that ask: what routing says of them.

use std::collections::HashMap;
use std::sync::Arc;

use mm4relay_engine::{BoxFuture, Network};

use crate::config::Peer;
use crate::message::{MmsAddress, PeerName};
use crate::pipeline::Numbering;
use crate::routing::{Route, Routing};

/// Answers from the routes of one configuration. It asks nobody, so it never fails.
pub struct RoutedNumbers {
    routing: Arc<Routing>,
    /// The first domain of each peer that has one.
    domains: HashMap<PeerName, String>,
}

impl RoutedNumbers {
    pub fn new(routing: Arc<Routing>, peers: &[Peer]) -> Self {
        let domain = |peer: &Peer| Some((peer.name.clone(), peer.domains.first()?.clone()));
        Self {
            routing,
            domains: peers.iter().filter_map(domain).collect(),
        }
    }

    fn look_up(&self, number: &str) -> Option<Network> {
        let address = MmsAddress::new(number).ok()?;
        match self.routing.route(&address).ok()? {
            Route::Peer(peer) => Some(Network {
                id: None,
                domain: self.domains.get(&peer).cloned(),
                peer: Some(peer.to_string()),
            }),
            Route::PlugIns => None,
        }
    }
}

impl Numbering for RoutedNumbers {
    fn network<'a>(&'a self, number: &'a str) -> BoxFuture<'a, Result<Option<Network>, String>> {
        Box::pin(async move { Ok(self.look_up(number)) })
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::Config;

    #[test]
    fn a_number_has_the_network_of_its_longest_prefix() {
        let config = "[relay]\nname = \"r.example\"\ndomains = [\"mms.r.example\"]\nlisten = [\"127.0.0.1:0\"]\n\
                      [[peer]]\nname = \"b\"\ndomains = [\"mms.b.example\"]\nhosts = [\"127.0.0.1:25\"]\nfrom = [\"127.0.0.1\"]\n";
        let peers = Config::parse(config, Path::new("")).unwrap().peers;
        let to_b = Route::Peer(PeerName::new("b").unwrap());
        let routes = [("+1555".to_owned(), to_b), ("+15559".to_owned(), Route::PlugIns)];
        let routing = Routing::new(["mms.r.example".to_owned()], Vec::new(), routes).unwrap();
        let numbers = RoutedNumbers::new(Arc::new(routing), &peers);
        let network = Network {
            id: None,
            domain: Some("mms.b.example".into()),
            peer: Some("b".into()),
        };
        assert_eq!(numbers.look_up("+15555550100"), Some(network));
        assert_eq!(numbers.look_up("+15559550100"), None);
        assert_eq!(numbers.look_up("+9995550100"), None);
    }
}
