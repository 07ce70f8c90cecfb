//! What the claims share: a stage for a store, and messages for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::Duration;

use serde_json::json;

pub(in crate::spool) use crate::clock::Clock;
pub(in crate::spool) use crate::message::{
    Answer, Append, BareId, Cause, Change, Content, Envelope, Leg, LegState, MessageId, MessageType, MmsAddress, Mode,
    NextHop, Ordinal, Origin, Outgoing, OutgoingId, PeerName, Piece, Place, QueueId, Recipient, RecipientId, RepeatKey,
    ResponseState, Rope, StreamName, Timestamp, Transaction, TransactionChange, TransactionKey, Wants,
};
use crate::spool::ledger::Ledger;
pub(in crate::spool) use crate::spool::{
    Acceptance, By, DeliveryResult, Event, Expect, Filter, Leased, Mark, NewEvent, Operator, Outcome, PendingEvent,
    Spool, SpoolError, Streams, Unfinished,
};

pub(in crate::spool) const NOW: Timestamp = Timestamp(1_790_000_000_000);
pub(in crate::spool) const FORGET: Timestamp = Timestamp(NOW.0 + 3 * 86_400_000);

/// One store under test, from its beginning.
pub(in crate::spool) trait Stage: Send + Sync {
    /// Starts a relay on the store. The one before must have been closed.
    fn open(&self) -> Arc<dyn Spool>;

    /// An operator's command beside the relay.
    fn operator(&self) -> Arc<dyn Bystander>;

    /// The number of received messages whose bytes are in the store.
    fn messages(&self) -> u64;

    /// Advances the store's clock.
    fn pass(&self, time: Duration);

    /// What became of each recipient. `None` for a store that is only there to be compared with.
    fn ledger(&self) -> Option<Arc<dyn Ledger>> {
        None
    }

    /// Starts another relay beside a running one. `None` for a store that serves one relay alone.
    fn another(&self) -> Option<Arc<dyn Spool>> {
        None
    }

    /// Makes the program die in its next change, before or after that is durable. `false` if the stage cannot.
    fn dies(&self, _durable: bool) -> bool {
        false
    }
}

/// The facets of a command beside a relay.
pub(in crate::spool) trait Bystander: Operator + Streams {}

impl<T: Operator + Streams> Bystander for T {}

/// A clock that the stage sets.
#[derive(Clone)]
pub(in crate::spool) struct HeldClock(Arc<AtomicU64>);

impl HeldClock {
    pub(in crate::spool) fn at(time: Timestamp) -> Self {
        Self(Arc::new(AtomicU64::new(time.0)))
    }

    pub(in crate::spool) fn pass(&self, time: Duration) {
        self.0.fetch_add(time.as_millis() as u64, SeqCst);
    }
}

impl Clock for HeldClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(SeqCst))
    }
}

/// The operator, at the present time.
pub(in crate::spool) fn by() -> By {
    By {
        who: "root".into(),
        at: NOW,
        noting: None,
    }
}

pub(in crate::spool) fn peer(name: &str) -> PeerName {
    PeerName::new(name).unwrap()
}

pub(in crate::spool) fn envelope(recipients: u32) -> Envelope {
    let recipient = |id| {
        let address = format!("+1555555{:04}/TYPE=PLMN@mms.b.example", 200 + id);
        Recipient {
            id: RecipientId(id),
            address: MmsAddress::new(&address).unwrap(),
        }
    };
    Envelope {
        sender: Some(MmsAddress::new("+15555550100/TYPE=PLMN@mms.a.example").unwrap()),
        recipients: (0..recipients).map(recipient).collect(),
    }
}

/// A message that causes nothing yet.
pub(in crate::spool) fn message(id: MessageId, content: impl Into<bytes::Bytes>) -> Acceptance {
    Acceptance {
        id,
        origin: Origin {
            source: peer("operator-a").into(),
            remote: ([127, 0, 0, 1], 2525).into(),
            helo: "mms.a.example".into(),
            protocol: crate::message::Protocol::Esmtps,
            received_at: NOW,
        },
        envelope: envelope(2),
        content: Content::from_bytes(content),
        outgoing: Vec::new(),
        failed: Vec::new(),
        hold: None,
        appends: Vec::new(),
        kv: Vec::new(),
        journey: Vec::new(),
        says: None,
        opens: None,
        changes: Vec::new(),
        expects: Vec::new(),
        ended: Vec::new(),
    }
}

/// The destination of `of` with this ordinal: all of its bytes, as received.
pub(in crate::spool) fn destination(of: &Acceptance, ordinal: u32, to: &str) -> Outgoing {
    Outgoing {
        id: OutgoingId {
            message: of.id,
            ordinal: Ordinal::new(ordinal).unwrap(),
        },
        next_hop: NextHop::new(to).unwrap(),
        source: of.origin.source.clone(),
        received_at: of.origin.received_at,
        envelope: of.envelope.clone(),
        rope: Rope {
            content: of.content.clone(),
            pieces: vec![Piece::Received(0..of.content.size())],
        },
        kind: Some(MessageType::ForwardRequest),
        repeats: 0,
        header: None,
        parts: None,
        attempts: 0,
        said: None,
        expires_at: None,
    }
}

/// A message for `operator-b`, charged once.
pub(in crate::spool) fn relayed(id: MessageId, content: impl Into<bytes::Bytes>) -> Acceptance {
    let mut acceptance = message(id, content);
    acceptance.outgoing.push(destination(&acceptance, 1, "operator-b"));
    acceptance.appends.push(charge("relay-in"));
    acceptance
}

pub(in crate::spool) fn charge(kind: &str) -> Append {
    Append {
        stream: StreamName::CHARGING,
        plugin: "charging".into(),
        version: "0.1.0".into(),
        record: json!({ "record-type": kind }),
        when_answered: false,
    }
}

pub(in crate::spool) fn outcome(id: OutgoingId, result: DeliveryResult) -> Outcome {
    Outcome {
        attempts: 1,
        id,
        result,
        reply: None,
        changes: Vec::new(),
        appends: Vec::new(),
        kv: Vec::new(),
        ended: Vec::new(),
        event: None,
    }
}

pub(in crate::spool) fn delivered(id: OutgoingId) -> Outcome {
    outcome(id, DeliveryResult::Delivered)
}

pub(in crate::spool) fn event(due: Timestamp) -> Option<NewEvent> {
    Some(NewEvent {
        outcome: r#"{"delivered":true}"#.into(),
        due,
    })
}

pub(in crate::spool) fn id(message: MessageId, ordinal: u32) -> OutgoingId {
    OutgoingId {
        message,
        ordinal: Ordinal::new(ordinal).unwrap(),
    }
}

/// The id of a queue entry; ordinal 0 is the message as received.
pub(in crate::spool) fn entry(message: MessageId, ordinal: u32) -> QueueId {
    QueueId::of(message, ordinal)
}

pub(in crate::spool) fn at(ordinal: u32, to: &str) -> Place {
    Place::Destination {
        ordinal: Ordinal::new(ordinal).unwrap(),
        peer: peer(to),
    }
}

/// A request with the IDs `NUMBER`, asked of operator-b at ordinal 1.
pub(in crate::spool) fn request(id: MessageId, number: u64) -> Transaction {
    let leg = Leg::new(at(1, "operator-b"), envelope(2).recipients, LegState::Waiting);
    Transaction {
        id,
        kind: MessageType::ForwardRequest,
        source: peer("operator-a"),
        transaction_id: format!("\"t-{number}\"").into(),
        message_id: format!("m-{number}@mms.a.example").into(),
        version: Some("6.3.0".into()),
        answer_to: None,
        sender: envelope(1).sender,
        originator: None,
        wants: Wants {
            response: true,
            ..Wants::default()
        },
        mode: Mode::Transparent,
        received_at: NOW,
        forget_at: FORGET,
        repeat: RepeatKey(number),
        body: 7,
        like: None,
        legs: vec![leg],
        response: ResponseState::NotSent,
        revision: 0,
        records: Vec::new(),
        next: None,
    }
}

/// A message for operator-b that opens [`request`].
pub(in crate::spool) fn asking(id: MessageId, number: u64) -> Acceptance {
    Acceptance {
        opens: Some(request(id, number)),
        ..relayed(id, "bytes")
    }
}

/// The same, taken over by the relay.
pub(in crate::spool) fn taken_over(id: MessageId, number: u64) -> Acceptance {
    let mut acceptance = asking(id, number);
    if let Some(opens) = &mut acceptance.opens {
        opens.mode = Mode::PreAcknowledge;
    }
    acceptance
}

pub(in crate::spool) fn asked(number: u64) -> TransactionKey {
    TransactionKey::Asked {
        peer: peer("operator-b"),
        kind: MessageType::ForwardRequest,
        transaction_id: format!("t-{number}").into(),
    }
}

pub(in crate::spool) fn leg(id: MessageId, state: LegState) -> Vec<TransactionChange> {
    let change = Change::Leg {
        ordinal: Ordinal::FIRST,
        state,
    };
    vec![TransactionChange { id, change }]
}

pub(in crate::spool) fn ok() -> Answer {
    Answer::ok(NOW)
}

/// A delivery, with what it means for the transaction.
pub(in crate::spool) fn handed_over(number: MessageId) -> Outcome {
    Outcome {
        attempts: 1,
        changes: leg(number, LegState::Delivered { at: NOW }),
        ..delivered(id(number, 1))
    }
}

/// What a next hop is said to have answered when a delivery came to nothing.
pub(in crate::spool) fn no() -> Answer {
    Answer {
        status: "Error-network-problem".into(),
        ..ok()
    }
}

/// A delivery that was given up, with what it means for the transaction.
pub(in crate::spool) fn given_up(number: MessageId) -> Outcome {
    let state = LegState::Failed {
        answer: no(),
        cause: Cause::Expired,
    };
    Outcome {
        attempts: 1,
        changes: leg(number, state),
        ..outcome(
            id(number, 1),
            DeliveryResult::Failed {
                reason: "given up".into(),
            },
        )
    }
}

pub(in crate::spool) async fn found(spool: &dyn Spool, key: &TransactionKey) -> Vec<MessageId> {
    let found = spool.find(key).await.unwrap();
    found.iter().map(|transaction| transaction.id).collect()
}

pub(in crate::spool) async fn only(spool: &dyn Spool, key: &TransactionKey) -> Transaction {
    let mut found = spool.find(key).await.unwrap();
    assert_eq!(found.len(), 1, "{key:?}");
    found.remove(0)
}

pub(in crate::spool) fn sequences(streams: &dyn Streams) -> Vec<u64> {
    let rows = streams.records(&StreamName::CHARGING, 0, 100_000).unwrap();
    rows.iter().map(|row| row.sequence).collect()
}

pub(in crate::spool) fn exported(streams: &dyn Streams) -> u64 {
    let mark = streams.mark(&StreamName::CHARGING, "export").unwrap();
    mark.map_or(0, |mark| mark.sequence)
}

pub(in crate::spool) fn mark_exported(streams: &dyn Streams, sequence: u64) {
    let mark = Mark { sequence, file: 0 };
    streams.set_mark(&StreamName::CHARGING, "export", mark).unwrap();
}

/// The history of a request.
pub(super) fn events(stage: &dyn Stage, of: MessageId) -> Vec<Event> {
    let traces = stage.operator().trace(&of.to_string(), &by()).unwrap();
    let history = traces.requests.into_iter().flat_map(|trace| trace.history);
    history.map(|entry| entry.event).collect()
}

/// A time at which everything is due.
pub(super) const EVER: Timestamp = Timestamp(u64::MAX >> 16);

/// Ends the leases of everything that is in the queue.
fn give_all_back(spool: &dyn Spool) {
    let everything = Filter {
        limit: 100_000,
        ..Filter::default()
    };
    for entry in spool.list(&everything).unwrap() {
        spool.give_back(match entry.id {
            QueueId::AsReceived(id) => Leased::Unfinished(id),
            QueueId::Destination(id) => Leased::Outgoing(id),
        });
    }
}

fn without<T>(mut found: Vec<T>, limit: usize, is_excepted: impl Fn(&T) -> bool) -> Vec<T> {
    found.retain(|one| !is_excepted(one));
    found.truncate(limit);
    found
}

/// What waits for operator TO now.
pub(super) async fn due(spool: &dyn Spool, to: &str) -> Vec<Outgoing> {
    peek(spool, &peer(to), NOW, 1000, &[]).await.unwrap()
}

/// Leases what waits, whoever had it, and gives it back.
pub(super) async fn peek(
    spool: &dyn Spool,
    peer: &PeerName,
    now: Timestamp,
    limit: usize,
    except: &[OutgoingId],
) -> Result<Vec<Outgoing>, SpoolError> {
    give_all_back(spool);
    let found = spool.lease(peer, now, limit + except.len()).await;
    give_all_back(spool);
    found.map(|found| without(found, limit, |outgoing| except.contains(&outgoing.id)))
}

/// As [`peek`], for messages whose chain is to be run.
pub(super) async fn unfinished_but(
    spool: &dyn Spool,
    now: Timestamp,
    limit: usize,
    except: &[MessageId],
) -> Result<Vec<Unfinished>, SpoolError> {
    give_all_back(spool);
    let found = spool.unfinished(now, limit + except.len()).await;
    give_all_back(spool);
    found.map(|found| without(found, limit, |unfinished| except.contains(&unfinished.incoming.id)))
}

pub(super) async fn transactions_but(
    spool: &dyn Spool,
    now: Timestamp,
    limit: usize,
    except: &[MessageId],
) -> Result<Vec<Transaction>, SpoolError> {
    let found = spool.transactions_due(now, limit + except.len()).await;
    for transaction in found.iter().flatten() {
        spool.give_back(Leased::Request(transaction.id));
    }
    found.map(|found| without(found, limit, |transaction| except.contains(&transaction.id)))
}

pub(super) async fn untold(spool: &dyn Spool, now: Timestamp, limit: usize) -> Result<Vec<PendingEvent>, SpoolError> {
    let found = spool.pending_events(now, limit).await;
    for event in found.iter().flatten() {
        spool.give_back(Leased::Event(event.id));
    }
    found
}

/// Records an outcome as delivery does: of a message that is leased.
pub(super) async fn record(spool: &dyn Spool, outcome: Outcome) -> Result<(), SpoolError> {
    for name in ["operator-a", "operator-b", "operator-c"] {
        spool.lease(&peer(name), EVER, 1000).await?;
    }
    let recorded = spool.record(outcome).await;
    give_all_back(spool);
    recorded
}
