//! What the relay has to say itself, and to whom.
//!
//! | the request | is answered, late | else | else | else |
//! |---|---|---|---|---|
//! | `MM4_forward.REQ` | by its response, if it asked for one that has not been sent | by a delivery report for each recipient, if it asked for them | by a bounce (RFC 3464) to a sender who is not null, if the transport failed and the peer takes bounces | by nobody: the failed queue, and the log |
//! | a report | by its response, if it asked for one that has not been sent | | | by nobody |

mod originator;

use bytes::Bytes;

use crate::message::{
    Answer, Cause, Change, Envelope, Header, LegState, MessageType, MmsAddress, Mode, News, PeerName, Piece, Recipient,
    RecipientId, ResponseSender, Rope, Timestamp, Transaction, TransactionChange,
};
use crate::protocol::mm4;
use crate::spool::{Expect, SpoolError};

use self::originator::originator_address;
use super::{Alone, Noted, Profile, Terms, Told, Transactions, What, status};

pub use self::originator::header;

/// What to do about a transaction now.
pub enum Deed {
    /// Send a message.
    Write(Box<Written>),
    /// Send nothing: time has passed, or nobody can be notified.
    Change {
        changes: Vec<TransactionChange>,
        /// Events to count once the changes are durable.
        noted: Vec<Noted>,
    },
}

/// A message of the relay's own.
pub struct Written {
    pub what: Told,
    /// The peer that it is for.
    pub peer: PeerName,
    pub envelope: Envelope,
    pub bytes: Bytes,
    /// Changes that are committed together with the message, so that it is sent once.
    pub changes: Vec<TransactionChange>,
}

/// The result of a look at a request.
pub struct Looked {
    pub deed: Deed,
    /// What must still be true of the request at the commit.
    pub expect: Expect,
    /// The guard to hold until the commit.
    pub alone: Alone,
}

impl Transactions {
    /// Looks at a transaction that was due a moment ago. `None` when it is gone, or no longer due.
    pub async fn look(&self, found: &Transaction) -> Result<Option<Looked>, SpoolError> {
        let lone = found.legs.first().and_then(|leg| Some((leg, leg.asked()?)));
        let asked = lone.map(|(leg, peer)| found.asked(peer, leg.transaction_id.as_ref()));
        let key = asked.unwrap_or(crate::message::TransactionKey::Repeat(found.repeat));
        let alone = self.alone(&key).await;
        let same = self.requests.find(&key).await?;
        let now = self.clock.now();
        let current = same.into_iter().find(|current| current.id == found.id);
        match current.filter(|current| current.next.is_some_and(|next| next.due <= now)) {
            Some(current) => Ok(Some(Looked {
                expect: Expect::unchanged(&current),
                deed: self.deed(&current, now).await,
                alone,
            })),
            None => Ok(None),
        }
    }

    async fn deed(&self, current: &Transaction, now: Timestamp) -> Deed {
        let terms = self.terms.load();
        let change = |change| TransactionChange { id: current.id, change };
        // A request has one task at a time. Telling replaced waiting for responses, also to a message that was
        // delivered a moment ago.
        let within = current.asked_legs().map(|(_, peer)| terms.peer(peer).response_within);
        let goes_on = within
            .min()
            .map(|within| change(Change::Await { due: now.plus(within) }));
        let told = match current.news() {
            Some(News::Answer(answer)) => self.answer(&terms, current, answer, now),
            Some(News::Failure {
                leg,
                recipients,
                answer,
                cause,
            }) => {
                let lost = Lost {
                    leg,
                    recipients,
                    answer,
                    cause,
                };
                self.failure(&terms, current, &lost, now).await
            }
            None => {
                let changes: Vec<TransactionChange> = overdue(&terms, current, now).into_iter().map(change).collect();
                let noted = What::of_time(current, &changes);
                return Deed::Change { changes, noted };
            }
        };
        told.and(goes_on)
    }
}

impl Deed {
    fn and(mut self, change: Option<TransactionChange>) -> Self {
        match &mut self {
            Self::Write(written) => written.changes.extend(change),
            Self::Change { changes, .. } => changes.extend(change),
        }
        self
    }
}

/// Recipients that will not get a request, and why.
struct Lost {
    /// The place of their leg.
    leg: usize,
    recipients: Vec<Recipient>,
    answer: Answer,
    cause: Cause,
}

impl Transactions {
    fn answer(&self, terms: &Terms, current: &Transaction, answer: Answer, now: Timestamp) -> Deed {
        let told = Change::Told { answer: answer.clone() };
        let peer = terms.peer(&current.source);
        let (Some(to), Some(system), true) = (&current.answer_to, terms.system_address(), peer.takes_messages) else {
            tracing::error!(message = %current.id, peer = %current.source, event = "response-nowhere", "the response {} has nowhere to go", answer.status);
            return changed(current, told, None);
        };
        let response = mm4::Response {
            request: current.kind,
            version: peer.version.as_deref().or(current.version.as_deref()),
            transaction_id: &current.transaction_id,
            message_id: &current.message_id,
            status: &answer.status,
            text: answer.text.as_deref(),
            to,
        };
        match mm4::response(&self.author(terms, &system, &peer, now), &response) {
            Some(bytes) => written(Told::Response, current, &peer, system, to.clone(), bytes, told),
            None => changed(current, told, None),
        }
    }

    async fn failure(&self, terms: &Terms, current: &Transaction, lost: &Lost, now: Timestamp) -> Deed {
        let peer = terms.peer(&current.source);
        let reports = current.kind == MessageType::ForwardRequest && peer.takes_messages;
        let report = (reports && current.wants.delivery_report)
            .then(|| self.report(terms, current, &peer, lost, now))
            .flatten();
        if let Some(report) = report {
            return report;
        }
        if reports
            && peer.bounces
            && lost.cause.is_of_transport()
            && let Some(bounce) = self.bounce(terms, current, &peer, lost, now).await
        {
            return bounce;
        }
        let recipients = lost.recipients.len();
        let (status, cause) = (&lost.answer.status, lost.cause);
        tracing::error!(
            message = %current.id, peer = %current.source, recipients, status, ?cause,
            event = "dead-letter", "dead letter: the message did not arrive, and nobody can be notified"
        );
        changed(current, lost.buried(), Some(What::DeadLetter))
    }

    /// A report to the originator about one recipient, because a report covers one.
    fn report(
        &self,
        terms: &Terms,
        current: &Transaction,
        peer: &Profile,
        lost: &Lost,
        now: Timestamp,
    ) -> Option<Deed> {
        let originator = current.originator.as_deref()?;
        let to = originator_address(originator, current.sender.as_ref())?;
        let system = terms.system_address()?;
        let recipient = lost.recipients.first()?;
        let author = self.author(terms, &system, peer, now);
        let version = peer.version.as_deref().or(current.version.as_deref());
        let status = status::mm_status(&lost.answer, lost.cause).known_to(version);
        let rejected = (status == mm4::MmStatus::Rejected).then_some(mm4::StatusExtension::RejectionByOtherRs);
        let bytes = mm4::delivery_report(
            &author,
            &mm4::DeliveryReport {
                version,
                transaction_id: &format!("{}@{}", author.id, terms.name).into(),
                message_id: &current.message_id,
                from: recipient.address.as_str(),
                to: originator,
                status,
                extension: rejected.and_then(|extension| extension.known_to(version)),
                text: lost.answer.text.as_deref(),
                ack_request: false,
                for_user: true,
            },
        );
        let reported = lost.reported(std::slice::from_ref(recipient));
        Some(written(
            Told::DeliveryReport,
            current,
            peer,
            system,
            to,
            bytes,
            reported,
        ))
    }

    /// A bounce to the envelope sender about all these recipients.
    async fn bounce(
        &self,
        terms: &Terms,
        current: &Transaction,
        peer: &Profile,
        lost: &Lost,
        now: Timestamp,
    ) -> Option<Deed> {
        let to = current.sender.clone()?;
        let system = terms.system_address()?;
        let status = status::enhanced(&lost.answer, lost.cause);
        let failed = |recipient: &'_ Recipient| recipient.address.clone();
        let addresses: Vec<MmsAddress> = lost.recipients.iter().map(failed).collect();
        let recipients: Vec<mm4::FailedRecipient<'_>> = addresses
            .iter()
            .map(|address| mm4::FailedRecipient {
                address,
                status,
                diagnostic: lost.answer.text.as_deref(),
                next_hop: lost.answer.host.as_deref(),
            })
            .collect();
        let bytes = mm4::bounce(
            &self.author(terms, &system, peer, now),
            &mm4::Bounce {
                to: &to,
                received_at: current.received_at,
                recipients: &recipients,
                returned: &self.header_to_return(current).await,
            },
        );
        let reported = lost.reported(&lost.recipients);
        let mut deed = written(Told::Bounce, current, peer, system, to, bytes, reported);
        if let Deed::Write(written) = &mut deed {
            // Bounces do not bounce (RFC 5321, 4.5.5).
            written.envelope.sender = None;
        }
        Some(deed)
    }

    /// The header as it was received. A message that the next hop took, and its mail system bounced later, has left the
    /// spool: for that one, a header of the stored facts.
    async fn header_to_return(&self, of: &Transaction) -> Header {
        match self.received_header(of).await {
            Ok(Some(header)) => header,
            Ok(None) => header(of),
            Err(error) => {
                tracing::debug!(message = %of.id, "its bounce returns the stored fields only: {error}");
                header(of)
            }
        }
    }

    async fn received_header(&self, of: &Transaction) -> Result<Option<Header>, SpoolError> {
        let Some(content) = self.inbox.received(of.id).await? else {
            return Ok(None);
        };
        let pieces = vec![Piece::Received(0..content.size())];
        let rope = Rope { content, pieces };
        let read = super::read_header(rope).await;
        read.map(Some).map_err(|error| SpoolError::Broken(error.to_string()))
    }

    fn author<'a>(&self, terms: &'a Terms, system: &'a MmsAddress, peer: &Profile, at: Timestamp) -> mm4::Author<'a> {
        mm4::Author {
            id: self.inbox.next_id(),
            our_name: &terms.name,
            system,
            at,
            body: match peer.response_body {
                true => mm4::Body::OneLine,
                false => mm4::Body::Empty,
            },
        }
    }
}

impl Lost {
    fn reported(&self, recipients: &[Recipient]) -> Change {
        Change::Reported {
            leg: self.leg,
            recipients: recipients.iter().map(|recipient| recipient.id).collect(),
            to_nobody: false,
        }
    }

    fn buried(&self) -> Change {
        Change::Reported {
            leg: self.leg,
            recipients: self.recipients.iter().map(|recipient| recipient.id).collect(),
            to_nobody: true,
        }
    }
}

fn changed(current: &Transaction, change: Change, what: Option<What>) -> Deed {
    Deed::Change {
        changes: vec![TransactionChange { id: current.id, change }],
        noted: what.map(|what| what.with(&current.source)).into_iter().collect(),
    }
}

fn written(
    what: Told,
    current: &Transaction,
    peer: &Profile,
    system: MmsAddress,
    to: MmsAddress,
    bytes: Bytes,
    change: Change,
) -> Deed {
    let sender = (peer.response_sender == ResponseSender::System).then_some(system);
    let recipients = vec![Recipient {
        id: RecipientId(1),
        address: to,
    }];
    Deed::Write(Box::new(Written {
        what,
        peer: current.source.clone(),
        envelope: Envelope { sender, recipients },
        bytes,
        changes: vec![TransactionChange { id: current.id, change }],
    }))
}

/// Legs whose response is overdue: they are asked again or given up. Also decides when to look at the others.
fn overdue(terms: &Terms, current: &Transaction, now: Timestamp) -> Vec<Change> {
    let mut changes = vec![Change::Next { task: None }];
    if !current.awaits_responses() {
        return changes;
    }
    changes.extend(current.unanswered().filter_map(|(leg, delivered)| {
        let (ordinal, peer) = (leg.ordinal()?, terms.peer(leg.asked()?));
        let due = delivered.plus(peer.response_within);
        Some(match () {
            () if due > now => Change::Await { due },
            () if current.mode == Mode::PreAcknowledge && leg.repeats < peer.repeats => {
                Change::Repeated { ordinal, at: now }
            }
            () => Change::Leg {
                ordinal,
                state: LegState::TimedOut { at: now },
            },
        })
    }));
    changes
}
