//! What the verbs of the queue act on: entries by their ids, or everything of one peer; and how those stand.

use super::Named;
use crate::control::{Kind, Problem};
use crate::message::{NextHop, PeerName, QueueId};
use crate::spool::{Operator, QueueState, Selection};

/// Either of both: a request that says neither, or both, is not understood.
pub(super) enum Chosen<'a> {
    Ids(&'a [Named]),
    Peer(&'a str),
}

impl<'a> Chosen<'a> {
    pub(super) fn of(ids: &'a [Named], peer: Option<&'a str>) -> Result<Self, Problem> {
        match (ids, peer) {
            ([], None) => Err(unclear("which ones? Name ids, or a peer")),
            ([], Some(peer)) => Ok(Self::Peer(peer)),
            (ids, None) => Ok(Self::Ids(ids)),
            (_, Some(_)) => Err(unclear("ids, or a peer: not both")),
        }
    }
}

/// What waits for a peer, or what was given up for it.
pub(super) fn all_of(peer: &PeerName, failed: bool) -> Selection<'_> {
    match failed {
        true => Selection::FailedAt(peer),
        false => Selection::WaitingFor(peer),
    }
}

/// `None`: it is not in the queue.
pub(super) fn state_of(store: &dyn Operator, id: QueueId) -> Result<Option<QueueState>, Problem> {
    Ok(store.show(id)?.map(|details| details.entry.state))
}

/// Which of them are in such a state, and which are not.
pub(super) fn parted(
    store: &dyn Operator,
    ids: &[QueueId],
    wanted: impl Fn(QueueState) -> bool,
) -> Result<(Vec<QueueId>, Vec<QueueId>), Problem> {
    let (mut those, mut others) = (Vec::new(), Vec::new());
    for id in ids {
        match state_of(store, *id)?.is_some_and(&wanted) {
            true => those.push(*id),
            false => others.push(*id),
        }
    }
    Ok((those, others))
}

pub(super) fn next_hops_of(store: &dyn Operator, ids: &[QueueId]) -> Result<Vec<PeerName>, Problem> {
    let mut peers = Vec::new();
    for id in ids {
        let details = store.show(*id)?;
        let next_hop = details.and_then(|details| details.entry.next_hop);
        peers.extend(next_hop.as_ref().and_then(NextHop::peer).cloned());
    }
    peers.sort();
    peers.dedup();
    Ok(peers)
}

pub(super) fn one_of(kind: Kind, what: &str, name: &str, known: &[String]) -> Result<(), Problem> {
    match known.iter().any(|known| known == name) {
        true => Ok(()),
        false => Err(Problem::unknown(kind, what, name, known)),
    }
}

pub(super) fn unclear(why: &str) -> Problem {
    Problem::new(Kind::Unreadable, why)
}
