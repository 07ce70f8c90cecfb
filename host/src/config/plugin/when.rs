//! `[plugin.when]`: the messages that a plug-in may be called for.

use super::super::file::Section;
use super::super::peer::Peer;
use super::super::problem::one_of;

/// Message types, by the words of the contract in `wit/`.
pub const MESSAGE_TYPES: [&str; 6] = [
    "forward-request",
    "forward-response",
    "delivery-report-request",
    "delivery-report-response",
    "read-reply-report-request",
    "read-reply-report-response",
];

/// Directions of a message between our own MMSE (inside) and other operators (outside).
pub const DIRECTIONS: [&str; 4] = ["inbound", "outbound", "internal", "transit"];

/// An empty list admits every message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PluginWhen {
    /// Peers that the message comes from.
    pub from: Vec<String>,
    /// Peers that it goes to; on arrival one of its next hops is enough.
    pub to: Vec<String>,
    /// Of [`DIRECTIONS`]; on arrival one of its next hops is enough.
    pub direction: Vec<String>,
    /// `message-types`: of [`MESSAGE_TYPES`].
    pub message_types: Vec<String>,
}

impl PluginWhen {
    pub(super) fn read(s: &mut Section<'_>, peers: &[Peer]) -> Self {
        let names: Vec<&str> = peers.iter().map(|peer| peer.name.as_str()).collect();
        let mut words = |key, known: &[&str], what: &str| {
            s.list(key, |value| match value.as_str() {
                Some(word) if known.contains(&word) => Ok(word.to_owned()),
                other => Err(format!("{what}{}", one_of(other.unwrap_or_default(), known))),
            })
        };
        Self {
            from: words("from", &names, "the name of a peer: "),
            to: words("to", &names, "the name of a peer: "),
            direction: words("direction", &DIRECTIONS, ""),
            message_types: words("message-types", &MESSAGE_TYPES, ""),
        }
    }
}
