//! Answers from peers that were not asked.
//!
//! The asking peer sees only the relay, and believes what comes from it. So a response, a report or a bounce passes on
//! to the peer that asked only if it comes from the peer to which the request went. Identifiers are no secret, because
//! every network on the way has seen them.
//!
//! The sender is identified as a peer, and not as a host: an answer may come from any address of the peer, and from any
//! Relay/Server of our own MMSE where one of them was asked. An answer to an unknown request concerns nobody's request;
//! it is carried by its recipient.

use super::{Terms, Transactions};
use crate::message::{
    BareId, Leg, Message, MessageId, MessageType, MmsAddress, OpaqueId, PeerName, Transaction, TransactionKey,
};
use crate::protocol::mm4::{Pdu, Returned};
use crate::spool::SpoolError;

const REPORTS: [MessageType; 2] = [MessageType::DeliveryReportRequest, MessageType::ReadReplyReportRequest];

/// An answer to a request that its sender was not asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unasked {
    /// That request, for the log.
    pub of: MessageId,
    /// The peers that asked. None of them gets the answer.
    pub askers: Vec<PeerName>,
}

/// The peers from which an arriving message may be. A null sender has no domain that would distinguish peers at one
/// address, so it may be any of them.
#[derive(Clone, Debug)]
pub struct Speakers {
    recognised: PeerName,
    others: Vec<PeerName>,
}

impl Speakers {
    pub fn new(recognised: PeerName, others: Vec<PeerName>) -> Self {
        Self { recognised, others }
    }

    /// The peer that intake recognised.
    pub fn recognised(&self) -> &PeerName {
        &self.recognised
    }

    /// All of them; the recognised one comes first.
    pub fn iter(&self) -> impl Iterator<Item = &PeerName> {
        std::iter::once(&self.recognised).chain(&self.others)
    }

    pub fn contains(&self, peer: &PeerName) -> bool {
        self.iter().any(|speaker| speaker == peer)
    }
}

impl Transactions {
    /// Checks a response that matches no request asked of its sender.
    pub(super) async fn unasked_response(
        &self,
        message: &Message,
        request: MessageType,
        speakers: &Speakers,
    ) -> Result<Option<Unasked>, SpoolError> {
        let pdu = Pdu::of(&message.header);
        let ids = [pdu.transaction_id(), pdu.message_id()];
        self.unasked(ids, request, speakers).await
    }

    /// Checks a bounce that matches no request asked of its sender.
    pub(super) async fn unasked_bounce(
        &self,
        returned: &Returned,
        speakers: &Speakers,
    ) -> Result<Option<Unasked>, SpoolError> {
        let kind = returned.kind.unwrap_or(MessageType::ForwardRequest);
        let ids = [returned.transaction_id.clone(), returned.message_id.clone()];
        self.unasked(ids, kind, speakers).await
    }

    /// The requests that a lenient reader may match with a report whose message ID is unknown.
    pub(super) async fn passes_read_otherwise(&self, report: &Message) -> Result<Vec<Transaction>, SpoolError> {
        let mut passes = Vec::new();
        let id = Pdu::of(&report.header).message_id();
        let id = id.filter(|_| REPORTS.contains(&report.kind)).unwrap_or_default();
        for message_id in id.bare().other_readings() {
            passes.extend(self.requests.find(&TransactionKey::Message { message_id }).await?);
        }
        Ok(passes)
    }

    /// Checks a report; `passes` are the requests with its message ID.
    pub(super) fn unasked_report(
        &self,
        report: &Message,
        passes: &[Transaction],
        speakers: &Speakers,
    ) -> Option<Unasked> {
        if !REPORTS.contains(&report.kind) {
            return None;
        }
        let terms = self.terms.load();
        let about = Pdu::of(&report.header).from();
        let forwards = passes.iter().filter(|of| of.kind == MessageType::ForwardRequest);
        let judged = forwards.map(|of| (of, may_report(&terms, of, about.as_ref(), speakers)));
        unasked(&terms, judged)
    }

    /// Checks an answer with this transaction ID and this message ID. The asking peer finds its request by the
    /// transaction ID, so only a peer that was asked with that ID may answer; some find it by the message ID.
    async fn unasked(
        &self,
        ids: [Option<OpaqueId>; 2],
        kind: MessageType,
        speakers: &Speakers,
    ) -> Result<Option<Unasked>, SpoolError> {
        let terms = self.terms.load_full();
        let bare = |id: Option<OpaqueId>| id.map(|id| id.bare()).filter(|id| !id.is_empty());
        let [transaction_id, message_id] = ids.map(bare);
        let mut judged = Vec::new();
        for id in transaction_id.into_iter().flat_map(readings) {
            for key in keys(&terms, kind, &id) {
                let found = self.requests.find(&key).await?;
                judged.extend(found.into_iter().map(|of| {
                    let asked = asked(&terms, &of, speakers).any(|leg| of.asked_with(leg, &id));
                    (of, asked)
                }));
            }
        }
        for message_id in message_id.into_iter().flat_map(readings) {
            let found = self.requests.find(&TransactionKey::Message { message_id }).await?;
            judged.extend(found.into_iter().map(|of| {
                let asked = asked(&terms, &of, speakers).next().is_some();
                (of, asked)
            }));
        }
        judged.retain(|(of, _)| of.kind == kind);
        Ok(unasked(&terms, judged.iter().map(|(of, asked)| (of, *asked))))
    }
}

/// The ID in the relay's reading, and in those of lenient readers.
fn readings(id: BareId) -> Vec<BareId> {
    let mut readings = id.other_readings();
    readings.insert(0, id);
    readings
}

/// All keys under which a request with this transaction ID may be found, whichever peer was asked.
fn keys(terms: &Terms, kind: MessageType, id: &BareId) -> Vec<TransactionKey> {
    let received = TransactionKey::Received {
        transaction_id: id.clone(),
    };
    let asked = terms.peers.keys().map(|peer| TransactionKey::Asked {
        peer: peer.clone(),
        kind,
        transaction_id: id.clone(),
    });
    asked.chain([received]).collect()
}

/// The peers whose request was not asked of the sender, without those that asked the sender the same. A leg at a peer
/// that is no longer configured may have been the sender's, under another name.
fn unasked<'a>(terms: &Terms, judged: impl Iterator<Item = (&'a Transaction, bool)>) -> Option<Unasked> {
    let renamed = |of: &Transaction| {
        of.legs
            .iter()
            .any(|leg| leg.asked().is_some_and(|peer| !terms.peers.contains_key(peer)))
    };
    let (may, not): (Vec<_>, Vec<_>) = judged.partition(|(of, asked)| *asked || renamed(of));
    let mut askers: Vec<PeerName> = not.iter().map(|(of, _)| of.source.clone()).collect();
    askers.retain(|asker| !may.iter().any(|(of, _)| of.source == *asker));
    askers.sort();
    askers.dedup();
    let of = not.iter().find(|(of, _)| askers.contains(&of.source))?.0.id;
    Some(Unasked { of, askers })
}

/// The legs in which one of the speakers was asked. One of our own Relay/Servers speaks for all of them.
fn asked<'a>(terms: &Terms, of: &'a Transaction, speakers: &'a Speakers) -> impl Iterator<Item = &'a Leg> {
    let inside = |peer: &PeerName| terms.peer(peer).inside;
    let is_inside = speakers.iter().any(inside);
    let legs = of.asked_legs();
    let theirs: Vec<&Leg> = legs
        .filter(|(_, peer)| speakers.contains(peer) || (is_inside && inside(peer)))
        .map(|(leg, _)| leg)
        .collect();
    theirs.into_iter()
}

/// Whether the sender may report on a request: it was asked, and the reported recipient was not asked of somebody else.
/// A recipient that matches none may be any of those that the sender was asked for: some Relay/Servers report in the
/// name of their host, or of a subscriber's other number.
fn may_report(terms: &Terms, of: &Transaction, about: Option<&MmsAddress>, speakers: &Speakers) -> bool {
    let theirs: Vec<&PeerName> = asked(terms, of, speakers).filter_map(Leg::peer).collect();
    let names = |leg: &Leg| {
        let mut recipients = leg.recipients.iter();
        about.is_some_and(|about| recipients.any(|recipient| same_user(about, &recipient.address)))
    };
    let (own, others): (Vec<&Leg>, Vec<&Leg>) = of
        .legs
        .iter()
        .partition(|leg| leg.peer().is_some_and(|peer| theirs.contains(&peer)));
    let somebody_elses = !own.into_iter().any(names) && others.into_iter().any(names);
    !theirs.is_empty() && !somebody_elses
}

/// Whether both name the same user, with or without the plus sign of a number.
fn same_user(one: &MmsAddress, other: &MmsAddress) -> bool {
    let bare = |address: &MmsAddress| address.user().trim_start_matches('+').to_ascii_lowercase();
    bare(one) == bare(other)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::super::Profile;
    use super::*;
    use crate::message::{
        LegState, Mode, Ordinal, Place, Recipient, RecipientId, RepeatKey, ResponseState, SystemAddress, Timestamp,
        Wants,
    };

    fn name(text: &str) -> PeerName {
        PeerName::new(text).unwrap()
    }

    fn terms(inside: &[&str], outside: &[&str]) -> Terms {
        let profile = |name: &&str, inside| {
            let profile = Profile {
                inside,
                ..Profile::default()
            };
            (self::name(name), profile)
        };
        let inside = inside.iter().map(|name| profile(name, true));
        let peers: HashMap<_, _> = inside.chain(outside.iter().map(|name| profile(name, false))).collect();
        Terms {
            name: "mm4.hub.example".into(),
            system: SystemAddress::new("mm4relay@mms.hub.example").unwrap(),
            node: "mm4".into(),
            keep: std::time::Duration::from_secs(1),
            pass_limit: 3,
            peers,
        }
    }

    /// A request of `source`, with a leg for each peer and recipient.
    fn request(source: &str, legs: &[(&str, &str)]) -> Transaction {
        let leg = |(number, (peer, recipient)): (u32, &(&str, &str))| {
            let (ordinal, peer) = (Ordinal::new(number).unwrap(), name(peer));
            let recipient = Recipient {
                id: RecipientId(number),
                address: MmsAddress::new(recipient).unwrap(),
            };
            Leg::new(Place::Destination { ordinal, peer }, vec![recipient], LegState::Waiting)
        };
        Transaction {
            id: MessageId(7),
            kind: MessageType::ForwardRequest,
            source: name(source),
            transaction_id: "\"t-1\"".into(),
            message_id: "m-1".into(),
            version: None,
            answer_to: None,
            sender: None,
            originator: None,
            wants: Wants::default(),
            mode: Mode::Transparent,
            received_at: Timestamp(1),
            forget_at: Timestamp(2),
            repeat: RepeatKey(1),
            body: 1,
            like: None,
            legs: (1..).zip(legs).map(leg).collect(),
            response: ResponseState::NotSent,
            revision: 0,
            next: None,
            records: Vec::new(),
        }
    }

    fn reports(terms: &Terms, of: &Transaction, speakers: &[&str], about: Option<&str>) -> bool {
        let mut names = speakers.iter().map(|speaker| name(speaker));
        let speakers = Speakers::new(names.next().unwrap(), names.collect());
        let about = about.map(|about| MmsAddress::new(about).unwrap());
        may_report(terms, of, about.as_ref(), &speakers)
    }

    const AT_B: &str = "+15555550199/TYPE=PLMN@mms.b.example";
    const AT_C: &str = "+15555550188/TYPE=PLMN@mms.c.example";

    #[test]
    fn a_peer_reports_on_the_recipients_that_it_was_asked_for_and_on_no_others() {
        let terms = terms(&[], &["a", "b", "c", "d"]);
        let of = request("a", &[("b", AT_B), ("c", AT_C)]);
        let cases = [
            ("b", Some(AT_B), true),
            ("c", Some(AT_C), true),
            ("b", Some(AT_C), false),
            ("c", Some(AT_B), false),
            // As peers write them.
            ("b", Some("15555550199"), true),
            ("b", Some("15555550188"), false),
            ("b", Some("mms.b.example"), true),
            ("b", Some("+15555550123/TYPE=PLMN"), true),
            ("b", None, true),
            ("d", Some(AT_B), false),
            ("d", None, false),
            ("a", Some(AT_B), false),
        ];
        for (speaker, about, expected) in cases {
            assert_eq!(
                reports(&terms, &of, &[speaker], about),
                expected,
                "{speaker} about {about:?}"
            );
        }
    }

    #[test]
    fn a_null_sender_may_be_any_peer_at_its_address_and_our_own_relay_servers_are_one() {
        let terms = terms(&["a1", "a2"], &["b", "c"]);
        let of = request("b", &[("a1", AT_B)]);
        assert!(reports(&terms, &of, &["a2"], Some(AT_B)));
        assert!(!reports(&terms, &of, &["c"], Some(AT_B)));
        assert!(reports(&terms, &of, &["c", "a1"], Some(AT_B)));
    }

    #[test]
    fn whoever_asked_the_sender_too_may_be_meant() {
        let terms = terms(&[], &["a", "b", "c"]);
        let (of_b, of_c) = (request("a", &[("b", AT_B)]), request("a", &[("c", AT_C)]));
        let other = request("c", &[("b", AT_B)]);
        let judge = |all: &[(&Transaction, bool)]| unasked(&terms, all.iter().copied()).map(|it| it.askers);
        assert_eq!(judge(&[(&of_b, false)]), Some(vec![name("a")]));
        assert_eq!(judge(&[(&of_b, false), (&of_c, true)]), None);
        assert_eq!(judge(&[(&of_b, true), (&other, false)]), Some(vec![name("c")]));
        assert_eq!(judge(&[]), None);
    }

    #[test]
    fn a_peer_that_is_not_configured_any_more_may_have_another_name_now() {
        let terms = terms(&[], &["a", "b2"]);
        let of = request("a", &[("b", AT_B)]);
        assert_eq!(unasked(&terms, [(&of, false)].into_iter()), None);
    }
}
