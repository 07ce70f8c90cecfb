//! The networks of telephone numbers, for plug-ins that ask: from routing, DNS included.

use std::sync::Arc;

use mm4relay_engine::{BoxFuture, Network};

use crate::message::{MmsAddress, Refusal};
use crate::pipeline::Numbering;
use crate::routing::{NetworkId, Whose};

use crate::relay::Directory;

/// Answers from the routes of one configuration.
pub(crate) struct RoutedNumbers(pub(crate) Arc<Directory>);

impl RoutedNumbers {
    /// # Errors
    /// DNS must be queried, and does not answer.
    async fn look_up(&self, number: &str) -> Result<Option<Network>, String> {
        let Ok(address) = MmsAddress::new(number) else {
            return Ok(None);
        };
        let whose = match self.0.whose(&address).await {
            Ok(whose) => whose,
            Err(Refusal::Numbering { reason, .. }) => return Err(reason),
            Err(_) => None,
        };
        Ok(whose.map(|Whose { network, domain, peer }| Network {
            id: network.map(NetworkId::codes),
            domain: peer
                .as_ref()
                .and_then(|peer| self.0.domain(peer))
                .map(str::to_owned)
                .or(domain),
            peer: peer.map(|peer| peer.to_string()),
        }))
    }
}

impl Numbering for RoutedNumbers {
    fn network<'a>(&'a self, number: &'a str) -> BoxFuture<'a, Result<Option<Network>, String>> {
        Box::pin(self.look_up(number))
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::assembly::Findings;
    use crate::assembly::directory::directory;
    use crate::config::Config;
    use crate::tables::Tables;

    #[tokio::test]
    async fn a_number_has_the_network_of_its_longest_prefix() {
        let config = "[relay]\nname = \"r.example\"\ndomains = [\"mms.r.example\"]\nlisten = [\"127.0.0.1:0\"]\n\
                      [[peer]]\nname = \"b\"\ndomains = [\"mms.b.example\"]\nhosts = [\"127.0.0.1:25\"]\nfrom = [\"127.0.0.1\"]\n\
                      [[route]]\nprefix = \"+1555\"\npeer = \"b\"\n[[route]]\nprefix = \"+15559\"\nplugins = true\n";
        let config = Config::parse(config, Path::new("")).unwrap();
        let directory = directory(&config, &Tables::default(), None, &mut Findings::default()).unwrap();
        let numbers = RoutedNumbers(Arc::new(directory));
        let network = Network {
            id: None,
            domain: Some("mms.b.example".into()),
            peer: Some("b".into()),
        };
        assert_eq!(numbers.look_up("+15555550100").await, Ok(Some(network)));
        assert_eq!(numbers.look_up("+15559550100").await, Ok(None), "left to plug-ins");
        assert_eq!(numbers.look_up("+9995550100").await, Ok(None));
    }
}
