//! Messages of the relay itself: responses, reports and bounces, each carried down the street like any other.
//!
//! What is due is stored in the spool, so it survives a restart. Such a message is committed together with the note
//! that it was sent, so it is sent once, whatever fails between. Plug-ins see it on arrival and on departure, and
//! charging distinguishes it from others by its source, which is the relay.

use std::collections::{HashMap, HashSet};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use crate::message::{
    Change, Content, Incoming, Masked, MessageId, Origin, PeerName, Refusal, Source, Task, Todo, Transaction,
    TransactionChange,
};
use crate::spool::{Expect, Leased, Room, SpoolError};
use crate::transactions::{Deed, Looked, What, Written};
use crate::vitals::{Panicked, caught};

use super::Relay;
use super::run::{Own, Run, why};

/// How often the spool is asked for due requests. A commit that makes something due wakes the task at once.
const LOOK: Duration = Duration::from_secs(1);

/// The delay between waking and looking: by then the commit is usually finished, and further ones may have come.
const MOMENT: Duration = Duration::from_millis(20);

/// How many requests are handled at the same time.
const AT_ONCE: usize = 64;

/// The time limit for one message, plug-ins included.
const BUDGET: Duration = Duration::from_secs(60);

/// After so many panics over one request, the request is not handled any more.
const MOST_PANICS: u32 = 5;

/// The delay before a failed message is tried again.
const PAUSE: Duration = Duration::from_secs(30);

impl Relay {
    /// Sends what is due until the task is aborted, which loses nothing: nothing has an effect before its commit.
    pub(crate) async fn keep_telling(self: Arc<Self>) {
        let (mut tasks, mut at_work) = (JoinSet::new(), HashSet::new());
        let mut panics = HashMap::new();
        // The shared store leases by a commit that two machines confirm. So all tasks that have ended make room before it
        // is asked again: asking behind each one was as slow as one commit for each message.
        loop {
            // While the disk is full there is no room for the message either.
            if self.store.inbox.room() != Room::Ample {
                tokio::time::sleep(LOOK).await;
                continue;
            }
            let room = AT_ONCE - at_work.len();
            let due = match self.store.requests.transactions_due(self.clock.now(), room).await {
                Ok(due) => due,
                Err(error) => {
                    tracing::error!(
                        event = "spool-not-read",
                        "what is due to be told cannot be read: {error}"
                    );
                    Vec::new()
                }
            };
            for transaction in due {
                at_work.insert(transaction.id);
                let relay = Arc::clone(&self);
                tasks.spawn(async move { (transaction.id, caught(relay.look_after(&transaction)).await) });
            }
            tokio::select! {
                biased;
                // A panic is caught within its task, and nobody aborts one, so joining cannot fail.
                Some(Ok(ended)) = tasks.join_next() => {
                    let mut next = Some(ended);
                    while let Some((id, looked)) = next {
                        self.looked_after(id, looked, &mut panics).await;
                        at_work.remove(&id);
                        next = tasks.try_join_next().and_then(Result::ok);
                    }
                },
                () = self.news.notified(), if room > 0 => tokio::time::sleep(MOMENT).await,
                () = tokio::time::sleep(LOOK) => {}
            }
        }
    }

    /// Gives a request back; after a panic, for later.
    async fn looked_after(&self, id: MessageId, looked: Result<(), Panicked>, panics: &mut HashMap<MessageId, u32>) {
        match looked {
            Ok(()) => drop(panics.remove(&id)),
            Err(panicked) => {
                let times = panics.entry(id).or_default();
                *times += 1;
                self.put_off(id, *times, &panicked).await;
            }
        }
        self.store.requests.give_back(Leased::Request(id));
    }

    /// Puts a request off after a panic, which is a bug of the relay: for longer each time, and a limited number of
    /// times.
    async fn put_off(&self, id: MessageId, times: u32, panicked: &Panicked) {
        let pause = PAUSE.saturating_mul(2u32.saturating_pow(times));
        let task = (times < MOST_PANICS).then(|| Task {
            due: self.clock.now().plus(pause),
            what: Todo::Tell,
        });
        match task {
            Some(_) => tracing::error!(message = %id, times, event = "not-told-yet", "not told yet: {panicked}"),
            None => {
                tracing::error!(message = %id, times, event = "not-told", "not told, and not tried again: {panicked}")
            }
        }
        let change = Change::Next { task };
        let changed = self
            .store
            .requests
            .change(vec![TransactionChange { id, change }], Vec::new())
            .await;
        if let Err(error) = changed {
            tracing::error!(message = %id, event = "not-told-yet", "not told yet: {error}");
            tokio::time::sleep(LOOK).await;
        }
    }

    pub(crate) async fn look_after(&self, found: &Transaction) {
        let looked = self.transactions.look(found).await;
        let done = match looked {
            Ok(Some(Looked {
                deed: Deed::Write(written),
                expect,
                alone: _alone,
            })) => self.say(found.id, expect, *written).await,
            Ok(Some(Looked {
                deed: Deed::Change { changes, noted },
                expect,
                alone: _alone,
            })) => {
                let changed = self.store.requests.change(changes, vec![expect]).await;
                changed.inspect(|()| self.transactions.counts.note(noted))
            }
            Ok(None) => Ok(()),
            Err(error) => Err(error),
        };
        if let Err(SpoolError::Moved(_)) = done {
            // If there is still something to tell, the request is due again, in its new state.
            tracing::debug!(message = %found.id, "it changed while it was looked after, and is looked at again");
        } else if let Err(error) = done {
            tracing::error!(message = %found.id, event = "not-told-yet", "not told yet: {error}");
            // The request is still due, and would come again at once without this pause.
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Carries a message of the relay. When a plug-in refuses it for good, it is dropped: nobody could be told of that.
    async fn say(&self, about: MessageId, expect: Expect, written: Written) -> Result<(), SpoolError> {
        let Written {
            what,
            peer,
            envelope,
            bytes,
            changes,
        } = written;
        let incoming = Incoming {
            id: self.store.inbox.next_id(),
            origin: self.ourselves(),
            envelope,
            content: Content::from_bytes(bytes),
        };
        let id = incoming.id;
        let own = Own {
            peer: peer.clone(),
            changes: changes.clone(),
            expect,
        };
        let run = Run::own(self.catalogue.on_duty(), &incoming, own);
        match tokio::time::timeout(BUDGET, self.journey(incoming, &run)).await {
            Ok(Ok(acceptance)) => {
                self.commit(acceptance).await?;
                self.transactions.counts.note([What::Told(what).with(&peer)]);
                tracing::info!(message = %about, %peer, by = %id, event = "told", "told: {what}");
                Ok(())
            }
            Ok(Err(refusal)) if !refusal.is_temporary() => {
                let reason = refusal.to_string();
                tracing::error!(message = %about, %peer, event = "not-told", "not told, {what} was refused: {}", Masked(&reason));
                self.store.requests.change(changes, vec![expect]).await
            }
            Ok(Err(refusal)) => self.later(about, &peer, &refusal).await,
            Err(_) => {
                let reason = format!("its plug-ins were not done within {BUDGET:?}");
                self.later(about, &peer, &Refusal::Storage { reason }).await
            }
        }
    }

    async fn later(&self, about: MessageId, peer: &PeerName, refusal: &Refusal) -> Result<(), SpoolError> {
        tracing::warn!(message = %about, %peer, event = "not-told-yet", "not told yet: {}", why(refusal));
        let task = Task {
            due: self.clock.now().plus(PAUSE),
            what: Todo::Tell,
        };
        let change = Change::Next { task: Some(task) };
        self.store
            .requests
            .change(vec![TransactionChange { id: about, change }], Vec::new())
            .await
    }

    fn ourselves(&self) -> Origin {
        Origin {
            source: Source::Relay,
            remote: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            helo: self.name.clone(),
            protocol: crate::message::Protocol::Esmtp,
            received_at: self.clock.now(),
        }
    }
}
