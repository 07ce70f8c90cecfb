//! A message out of the queue, taken apart to be shown.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use crate::message::{Content, Envelope, Incoming, Message, MessageId, Origin, Protocol, Source, Timestamp};
use crate::protocol::mm4::{Foreign, Limits, read};

/// The structure of a message, whatever it is: a held one need not be one of MM4.
pub(super) fn indexed(octets: Vec<u8>) -> Result<Message, String> {
    let limits = Limits {
        unknown_types: Foreign::Pass,
        notifications: Foreign::Pass,
        untyped: Foreign::Pass,
        ..Limits::default()
    };
    let nobody = Origin {
        source: Source::Relay,
        remote: SocketAddr::from((IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0)),
        helo: String::new(),
        protocol: Protocol::Smtp,
        received_at: Timestamp(0),
    };
    let incoming = Incoming {
        id: MessageId::first_at(Timestamp(0)),
        origin: nobody,
        envelope: Envelope {
            sender: None,
            recipients: Vec::new(),
        },
        content: Content::from_bytes(octets),
    };
    read(incoming, &limits).map_err(|refusal| refusal.to_string())
}
