//! The route of a recipient with its explanation, for `mm4relay route` and for the door.

use crate::config::{Config, Peer};
use crate::delivery::Delivery;
use crate::intake::reply_to;
use crate::message::{MmsAddress, PeerName, SystemTag};
use crate::relay::Directory;
use crate::routing::{Role, Route};

/// The explanation, step by step.
pub struct Explained {
    /// The name of each step, and what it found.
    pub lines: Vec<(String, String)>,
    /// The recipient would be refused.
    pub refused: bool,
}

/// The route of a recipient of a message from `from`. Queries DNS, and sends nothing. With `now`, uses the running
/// relay's knowledge of unreachable peers; otherwise all count as reachable.
///
/// # Errors
/// There is no such recipient, or no such peer.
pub async fn explain(
    config: &Config,
    directory: &Directory,
    now: Option<&Delivery>,
    recipient: &str,
    from: Option<&str>,
) -> Result<Explained, String> {
    let address = MmsAddress::new(recipient).map_err(|error| format!("{recipient:?} is no recipient: {error}"))?;
    let source = from.map(|name| peer(config, name)).transpose()?;
    let mut lines = Vec::new();
    let mut line = |what: &str, found: String| lines.push((what.to_owned(), found));
    line("recipient", address.to_string());
    match source {
        Some(peer) => line("from", format!("{}, {}", peer.name, side(directory, &peer.name))),
        None => line("from", "no peer in particular: rights are not checked".to_owned()),
    }
    let name = source.map(|peer| &peer.name);
    let told = |step: &str, what: std::fmt::Arguments<'_>| line(step, what.to_string());
    let refused = match directory.explain(name, &address, now, told).await {
        Ok(route) => {
            show(config, directory, source, &address, &route, now, &mut line);
            false
        }
        Err(refusal) => {
            line("refused", reply_to(&refusal).to_string());
            true
        }
    };
    Ok(Explained { lines, refused })
}

fn show(
    config: &Config,
    directory: &Directory,
    source: Option<&Peer>,
    address: &MmsAddress,
    route: &Route,
    now: Option<&Delivery>,
    line: &mut impl FnMut(&str, String),
) {
    match route {
        Route::Peer(name) => {
            line("goes to", format!("{name}, {}", side(directory, name)));
            if let Ok(next) = peer(config, name.as_str()) {
                match &next.mx {
                    Some(domain) => line("hosts", format!("those of the MX records of {domain}")),
                    None => next.hosts.iter().for_each(|host| line("host", host.to_string())),
                }
            }
            line("it sees", format!("RCPT TO:<{address}>"));
            if let Some(system) = source.and_then(|source| originator_system(config, directory, source, name)) {
                line("it sees", format!("X-Mms-Originator-System: {system}, in requests"));
            }
            match now {
                Some(delivery) => line("it is", reached(delivery, name).to_owned()),
                None => line(
                    "unknown",
                    "which hosts can be reached now: the running relay knows, and this is as if all could".to_owned(),
                ),
            }
        }
        Route::PlugIns => line(
            "goes to",
            "plug-ins: one of them has to give it another address, or a peer".to_owned(),
        ),
        Route::System(Some(tag)) => match directory.routing().home(tag) {
            Some(home) => line("goes to", format!("{home}, whose request it answers")),
            None => line(
                "goes to",
                format!("this relay itself: there is no relay-server {}", tag.relay_server),
            ),
        },
        Route::System(None) => line("goes to", "this relay itself".to_owned()),
        Route::Postmaster => match &config.relay.postmaster {
            Some(person) => line("goes to", format!("{person}, who reads what is sent to the postmaster")),
            None => line(
                "goes to",
                "the queue, held for an operator to read: postmaster of [relay] is not set".to_owned(),
            ),
        },
    }
}

/// The originator system in a request of one of our own Relay/Servers to another operator.
fn originator_system(config: &Config, directory: &Directory, source: &Peer, next: &PeerName) -> Option<String> {
    let inside = |peer| directory.routing().role(peer) == Some(Role::Inside);
    if !inside(&source.name) || inside(next) {
        return None;
    }
    let tag = SystemTag {
        node: config.relay.node.clone(),
        relay_server: source.name.clone(),
    };
    config.relay.system_address.as_ref()?.tagged(&tag).ok()
}

fn side(directory: &Directory, peer: &PeerName) -> &'static str {
    match directory.routing().role(peer) {
        Some(Role::Inside) => "one of our own relay-servers",
        Some(Role::Hub) => "outside, a hub",
        Some(Role::Outside) | None => "outside",
    }
}

fn reached(delivery: &Delivery, peer: &PeerName) -> &'static str {
    match delivery.is_unreachable(peer) {
        true => "down: `mm4relay peers` says since when, and what each host said",
        false => "up, as far as is known",
    }
}

fn peer<'a>(config: &'a Config, name: &str) -> Result<&'a Peer, String> {
    let found = config.peers.iter().find(|peer| peer.name.as_str() == name);
    let Some(found) = found else {
        let names: Vec<_> = config.peers.iter().map(|peer| peer.name.as_str()).collect();
        return Err(format!("{name} is no peer: there are {}", names.join(", ")));
    };
    Ok(found)
}
