//! The one face that our MMSE shows to other operators. Host names inside stay inside.
//!
//! A Relay/Server that was configured without regard to the relay writes its own host into `Sender`, `MAIL` or `From`.
//! Outside, nobody could answer such an address, and everybody could infer how our network is built. So towards other
//! operators an address at a host inside becomes one of our own domain: that of a subscriber or an application keeps
//! its local part; that of a system becomes our system address, with the Relay/Server in its tag, so that answers find
//! their way back.

use std::sync::Arc;

use crate::message::{AddressKind, Message, MmsAddress, PeerName, SystemTag};
use crate::protocol::mm4::{self, Pdu};
use crate::routing::Role;

use super::directory::{Directory, Face};

impl Face {
    /// The system address that leads back to one of our Relay/Servers.
    fn system_of(&self, server: &PeerName) -> Option<MmsAddress> {
        let system = self.system.as_ref()?;
        let tag = SystemTag {
            node: self.node.clone(),
            relay_server: server.clone(),
        };
        let text = system.tagged(&tag).unwrap_or_else(|_| system.plain());
        MmsAddress::new(&text).ok()
    }
}

impl Directory {
    /// The message as `peer` may see it. Only a message from inside to outside changes.
    pub(super) fn faced(&self, message: Arc<Message>, peer: &PeerName) -> Arc<Message> {
        let inside = |peer: &PeerName| self.routing.role(peer) == Some(Role::Inside);
        let source = message.origin.source.peer().filter(|source| inside(source));
        let Some(source) = source.filter(|_| !inside(peer)) else {
            return message;
        };
        let seen = Seen::new(self, source, &message);
        let sender = message.envelope.sender.as_ref();
        let new_sender = sender.and_then(|sender| seen.instead_of(None, sender));
        let mut header = message.header.clone();
        mm4::exchange_originators(&mut header, |field, address| seen.instead_of(Some(field), address));
        if new_sender.is_none() && header == message.header {
            return message;
        }
        let mut faced = Message::clone(&message);
        faced.header = header;
        faced.envelope.sender = new_sender.or_else(|| sender.cloned());
        Arc::new(faced)
    }
}

/// A message of one of our Relay/Servers, as it appears outside.
struct Seen<'a> {
    directory: &'a Directory,
    /// The Relay/Server.
    source: &'a PeerName,
    message: &'a Message,
    /// `X-Mms-Originator-System`, as the Relay/Server wrote it: outside it becomes our system address.
    system: Option<MmsAddress>,
    /// `From`, if a person or an application stands there.
    originator: Option<MmsAddress>,
}

impl<'a> Seen<'a> {
    fn new(directory: &'a Directory, source: &'a PeerName, message: &'a Message) -> Self {
        let pdu = Pdu::of(&message.header);
        Self {
            directory,
            source,
            message,
            system: pdu.originator_system(),
            // The `From` of a response is a system.
            originator: pdu.from().filter(|_| message.kind.request().is_none()),
        }
    }

    /// The replacement for an address of the envelope or of a field; `None` when the address may stay.
    fn instead_of(&self, field: Option<&str>, address: &MmsAddress) -> Option<MmsAddress> {
        let (face, routing) = (&self.directory.face, &self.directory.routing);
        let domain = address.domain()?;
        let names_originator = self.originator.as_ref().is_some_and(|of| of.user() == address.user());
        let is_number = matches!(address.kind(), AddressKind::Number | AddressKind::ShortCode);
        let is_of_system = self.system.as_ref().is_some_and(|system| {
            let there = system.domain().is_some_and(|host| host.eq_ignore_ascii_case(domain));
            there && !routing.is_own(domain) && (is_number || system == address && !names_originator)
        });
        if !routing.is_inner(domain, &self.message.origin.helo) && !is_of_system {
            return None;
        }
        if is_number || names_originator || field == Some("From") && self.originator.is_some() {
            return address.at(face.system.as_ref()?.domain()).ok();
        }
        face.system_of(self.source)
    }
}
