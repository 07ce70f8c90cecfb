//! The directory: everything about peers and numbers that one configuration and its tables say. It is replaced as a
//! whole.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::delivery::Delivery;
use crate::message::{Envelope, MmsAddress, PeerName, Recipient, Refusal, SystemAddress};
use crate::numbering::{Answer, Numbering};
use crate::pipeline::Destination;
use crate::routing::{Circumstances, EnumAnswer, Route, Routing, Step, Whose};

use super::logins::Logins;
use super::quirks::Quirks;
use super::sender::SenderProfile;

/// The names under which our MMSE appears outside.
pub(crate) struct Face {
    pub(crate) system: Option<SystemAddress>,
    pub(crate) node: String,
}

/// One generation of the directory. A message loads the present one at each step of its journey, and may get a newer
/// one at the next step.
pub struct Directory {
    pub(crate) routing: Routing,
    /// What each peer can take, as departure plug-ins are told. Peers without hosts are missing, because nothing can be
    /// sent to them.
    pub(crate) destinations: HashMap<PeerName, Destination>,
    /// The terms for messages of each peer.
    pub(crate) senders: HashMap<PeerName, SenderProfile>,
    /// The peers' names and passwords.
    pub(crate) logins: Arc<Logins>,
    pub(crate) quirks: Quirks,
    /// How long each peer may have to wait for the answer to the end of data.
    pub(crate) answer_within: HashMap<PeerName, Duration>,
    /// The names under which our MMSE appears outside.
    pub(crate) face: Face,
    /// The person who reads mail for the postmaster, and the peer that leads there. `None`: an operator reads it in the
    /// queue.
    pub(crate) postmaster: Option<(MmsAddress, PeerName)>,
    /// The source of what DNS knows about numbers, if ENUM is configured.
    pub(crate) numbering: Option<Arc<Numbering>>,
}

impl Directory {
    /// The circumstances that routing needs.
    pub(super) fn now<'a>(&'a self, delivery: &'a Delivery) -> Now<'a> {
        Now {
            delivery: Some(delivery),
            numbering: self.numbering.as_deref(),
        }
    }

    /// The first domain of a peer that has hosts.
    pub(crate) fn domain(&self, peer: &PeerName) -> Option<&str> {
        let destination = self.destinations.get(peer)?;
        Some(destination.domain.as_str()).filter(|domain| !domain.is_empty())
    }

    /// Whether all recipients are the postmaster: such a message need not be MM4.
    pub(super) fn is_for_postmaster(&self, envelope: &Envelope) -> bool {
        let recipients = &envelope.recipients;
        let is_it = |recipient: &Recipient| self.routing.is_postmaster(&recipient.address);
        !recipients.is_empty() && recipients.iter().all(is_it)
    }

    /// What departure plug-ins are told of a next hop.
    pub fn destination(&self, peer: &PeerName) -> Destination {
        self.destinations.get(peer).cloned().unwrap_or_default()
    }

    pub fn routing(&self) -> &Routing {
        &self.routing
    }

    /// Where a recipient of a message from `source` goes; without a source, a message from anybody. Queries DNS if
    /// necessary. Without a `delivery` every peer counts as reachable. `told` is called with the name of each step and
    /// what it found.
    pub async fn explain(
        &self,
        source: Option<&PeerName>,
        address: &MmsAddress,
        delivery: Option<&Delivery>,
        mut told: impl FnMut(&str, fmt::Arguments<'_>),
    ) -> Result<Route, Refusal> {
        if let Some((numbering, number)) = self.to_be_asked(source, address) {
            numbering.ask(&number).await;
        }
        let now = Now {
            delivery,
            numbering: self.numbering.as_deref(),
        };
        self.routing.explain(source, address, &now, &mut |step, what| {
            told(step.map_or("", Step::name), what);
        })
    }

    /// Which peer serves a number. Queries DNS if necessary.
    ///
    /// # Errors
    /// DNS does not answer.
    pub(crate) async fn whose(&self, number: &MmsAddress) -> Result<Option<Whose>, Refusal> {
        if let Some((numbering, number)) = self.to_be_asked(None, number) {
            numbering.ask(&number).await;
        }
        let now = Now {
            delivery: None,
            numbering: self.numbering.as_deref(),
        };
        self.routing.whose(number, &now)
    }

    /// The ENUM query that routing still needs for this recipient; `None` when it needs none.
    pub(super) fn to_be_asked(
        &self,
        source: Option<&PeerName>,
        address: &MmsAddress,
    ) -> Option<(Arc<Numbering>, String)> {
        let numbering = self.numbering.as_ref()?;
        let number = self.routing.number_for_enum(source, address)?;
        numbering
            .kept(&number)
            .is_none()
            .then(|| (Arc::clone(numbering), number))
    }
}

/// The circumstances of routing: which peers delivery can reach, and what DNS answered.
pub(super) struct Now<'a> {
    delivery: Option<&'a Delivery>,
    numbering: Option<&'a Numbering>,
}

impl Circumstances for Now<'_> {
    fn is_unreachable(&self, peer: &PeerName) -> bool {
        self.delivery.is_some_and(|delivery| delivery.is_unreachable(peer))
    }

    fn enum_answer(&self, number: &str) -> EnumAnswer {
        let kept = self.numbering.and_then(|numbering| numbering.kept(number));
        match kept {
            Some(Answer::Domain(domain)) => EnumAnswer::Domain(domain),
            Some(Answer::Nothing) => EnumAnswer::Nothing,
            Some(Answer::Silence(reason)) => EnumAnswer::Silence(reason),
            // The answer came before, and has expired since.
            None => EnumAnswer::Silence("not asked yet".to_owned()),
        }
    }
}
