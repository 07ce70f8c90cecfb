//! `[[route]]`: the next hop for addresses in our own domains.

use std::collections::HashSet;

use super::Peer;
use super::file::Section;
use super::forms::{PREFIX, local_part, prefix, yes_or_no};
use super::problem::one_of;
use crate::message::PeerName;

/// `[[route]]`: addresses in our own domains. Of several prefixes the longest wins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// `prefix`: with a leading `+`, the beginning of a number; without, a whole code. Or `local-part`: a word, in lower case.
    pub prefix: String,
    pub to: RouteTo,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RouteTo {
    Peer(PeerName),
    /// `plugins = true`: accepted at `RCPT`, because a plug-in will give the recipient another address or a peer.
    PlugIns,
}

impl Route {
    pub(super) fn read(s: &mut Section<'_>, peers: &[Peer], taken: &mut HashSet<String>) -> Option<Route> {
        let prefix = key(s, taken);
        let peer = s.optional("peer", |value| {
            let name = value.as_str().unwrap_or_default();
            let known = || peers.iter().map(|peer| peer.name.as_str()).collect::<Vec<_>>();
            let peer = peers.iter().find(|peer| peer.name.as_str() == name);
            let peer = peer.ok_or_else(|| format!("the name of a peer: {}", one_of(name, &known())))?;
            match peer.takes_messages() {
                true => Ok(peer.name.clone()),
                false => Err("a peer that has hosts, where messages can go".to_owned()),
            }
        });
        let plug_ins = s.optional("plugins", yes_or_no);
        let to = match (peer, plug_ins) {
            (Some(_), Some(true)) => {
                s.refuse("plugins", "either peer or plugins = true, not both");
                None
            }
            (Some(peer), _) => Some(RouteTo::Peer(peer)),
            (None, Some(true)) => Some(RouteTo::PlugIns),
            (None, _) => {
                if !s.has("peer") {
                    s.refuse("peer", "the name of a peer, or plugins = true");
                }
                None
            }
        };
        Some(Route {
            prefix: prefix?,
            to: to?,
        })
    }
}

/// The key of the route: `prefix` or `local-part`.
fn key(s: &mut Section<'_>, taken: &mut HashSet<String>) -> Option<String> {
    let word = s.optional("local-part", local_part);
    let (key, read) = match (s.has("local-part"), s.has("prefix")) {
        (true, false) => ("local-part", word),
        (false, _) => ("prefix", s.required("prefix", PREFIX, prefix)),
        (true, true) => {
            s.refuse("local-part", "either prefix or local-part, not both");
            ("prefix", s.optional("prefix", prefix))
        }
    };
    if read.as_ref().is_some_and(|read| !taken.insert(read.clone())) {
        s.refuse(
            key,
            format!(
                "a {key} that no other route has, nor a relay-server among its {}",
                match key {
                    "prefix" => "numbers",
                    _ => "local-parts",
                }
            ),
        );
    }
    read
}
