//! What is known of peers and numbers: made of one configuration and its tables, and replaced as a whole.

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

/// Under which name we are known outside.
pub(crate) struct Face {
    pub(crate) system: Option<SystemAddress>,
    pub(crate) node: String,
}

/// One generation. A message asks for it at each step of its way, and may meet the next one at its next step.
pub struct Directory {
    pub(crate) routing: Routing,
    /// What each peer can take, as departure plug-ins are told. Peers without hosts are not here: nothing can go there.
    pub(crate) destinations: HashMap<PeerName, Destination>,
    /// What holds for messages of each peer.
    pub(crate) senders: HashMap<PeerName, SenderProfile>,
    /// Who logs in by which name.
    pub(crate) logins: Arc<Logins>,
    pub(crate) quirks: Quirks,
    /// How long each peer may have to wait for the answer to its end of data.
    pub(crate) answer_within: HashMap<PeerName, Duration>,
    /// How we look from outside.
    pub(crate) face: Face,
    /// Who reads what is sent to the postmaster, and the peer through which that goes. `None`: an operator, in the queue.
    pub(crate) postmaster: Option<(MmsAddress, PeerName)>,
    /// What DNS says of numbers, if it is asked.
    pub(crate) numbering: Option<Arc<Numbering>>,
}

impl Directory {
    /// Routing's view of the world.
    pub(super) fn now<'a>(&'a self, delivery: &'a Delivery) -> Now<'a> {
        Now {
            delivery: Some(delivery),
            numbering: self.numbering.as_deref(),
        }
    }

    /// The first domain of a peer to which something can be sent.
    pub(crate) fn domain(&self, peer: &PeerName) -> Option<&str> {
        let destination = self.destinations.get(peer)?;
        Some(destination.domain.as_str()).filter(|domain| !domain.is_empty())
    }

    /// Whether a message is for the postmaster and nobody else: then it need not be MM4.
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

    /// Where a recipient of a message from `source` would go, or of one from nobody in particular. DNS is asked if need
    /// be; without a delivery to ask, every peer counts as reachable. `told` hears what each step found, by its name.
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

    /// Whose a number is. DNS is asked if need be.
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

    /// Whom to ask, and for which number, before this recipient can be routed; `None` when nothing has to be asked.
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

/// What routing is told of the world: delivery knows who can be reached, and DNS has been asked.
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
            // It was asked, and has run out since.
            None => EnumAnswer::Silence("not asked yet".to_owned()),
        }
    }
}
