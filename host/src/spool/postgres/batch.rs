//! One transaction: the fence, what the work reaches, what becomes of it, and who leases what.

use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;

use bytes::Bytes;

use super::Durability;
use super::connect::Link;
use super::lease::{Asker, give_back};
use super::life::{self, ID_RESERVE, Life, Whom};
use super::load::{Snapshot, load};
use super::queue::Queue;
use super::rows::{sql_id, sql_time};
use super::schema::CHUNK;
use super::shared::Shared;
use super::wanted::Found;
use super::write::{Stamp, content, writes};
use crate::message::{Content, MessageId};
use crate::spool::model::{Made, Reach, Work};
use crate::spool::{Leased, Noting, SpoolError};

/// What a batch came to.
pub(super) enum Ended {
    /// It is in the store.
    In(Results),
    /// It is not.
    Out(SpoolError),
    /// It is not, and nothing of this relay's ever will be.
    Lapsed,
    /// The program died in it.
    #[cfg(test)]
    Died,
}

/// What is answered when it is in the store.
#[derive(Default)]
pub(super) struct Results {
    pub(super) works: Vec<Result<Made, SpoolError>>,
    pub(super) found: Vec<Found>,
    pub(super) noted: Vec<Noting>,
    /// Streams have new records.
    pub(super) grown: bool,
    /// Ids below are reserved.
    pub(super) reserved: Option<i64>,
    /// Relays that live, where that was asked.
    pub(super) relays: Option<u32>,
}

pub(super) struct Batch<'w> {
    shared: &'w Arc<Shared>,
    link: &'w Link,
    life: Life,
    pub(super) made: Results,
}

impl<'w> Batch<'w> {
    pub(super) fn new(shared: &'w Arc<Shared>, link: &'w Link, life: Life) -> Self {
        Self {
            shared,
            link,
            life,
            made: Results::default(),
        }
    }

    /// Everything but the commit.
    pub(super) async fn prepare(&mut self, queue: &Queue, given_back: &[Leased]) -> Result<(), SpoolError> {
        let me = self.life.incarnation;
        if !queue.leases.is_empty() {
            self.take_over().await?;
        }
        let now = self.shared.clock.now();
        self.link.say("BEGIN").await?;
        let batch = self.fence().await?;
        let mut reach = Reach::default();
        queue.works().for_each(|work| work.reach(&mut reach));
        let mut snapshot = load(self.link, self.shared.salt, &reach).await?;
        for work in queue.works() {
            let made = self
                .may(work, &snapshot)
                .map_or_else(Err, |()| snapshot.state.apply(work, now));
            self.made.works.push(made);
        }
        self.contents(queue, &snapshot).await?;
        let stamp = Stamp {
            salt: self.shared.salt,
            batch,
            me,
            node: self.shared.name.clone(),
            now: sql_time(now),
        };
        self.link.run_all(&writes(&snapshot, &reach, &stamp)?).await?;
        #[cfg(test)]
        if self.shared.trial.lies(super::tests::Liar::NumbersBySequence) {
            let numbered = format!("UPDATE batch SET first = nextval('liar') WHERE id = {batch}");
            self.link.say(&numbered).await?;
        }
        self.reserve_ids(queue).await?;
        self.made.grown = !snapshot.state.records.is_empty();
        self.made.noted = std::mem::take(&mut snapshot.state.noted);
        if !queue.beats.is_empty() {
            self.made.relays = Some(life::count(self.link, &self.shared.time).await?);
        }
        let settled = queue.works().filter_map(|work| match work {
            Work::Settle(event, _) => Some(Leased::Event(*event)),
            _ => None,
        });
        let given_back: Vec<Leased> = given_back.iter().copied().chain(settled).collect();
        give_back(self.link, me, &given_back).await?;
        for (wanted, limit, _) in &queue.leases {
            let asker = Asker {
                link: self.link,
                shared: self.shared,
                me,
                limit: i64::try_from(*limit).unwrap_or(i64::MAX),
            };
            self.made.found.push(asker.lease(wanted).await?);
        }
        Ok(())
    }

    /// Who has been silent may have waited for the store, as this relay did: it must have had the time to say a word.
    async fn take_over(&self) -> Result<(), SpoolError> {
        let whom = match self.shared.health.in_touch() >= self.shared.patience.others {
            true => Whom::Silent,
            false => Whom::Over,
        };
        let over = life::take_over(self.link, (self.life.incarnation, whom), &self.shared.time).await?;
        if !over.is_empty() {
            tracing::warn!(
                relays = over.len(),
                event = "taken-over",
                "relays were silent for too long: what they worked on is others' now"
            );
        }
        Ok(())
    }

    /// The number of the batch, if this relay lives and what is committed is as safe as it was said to be.
    async fn fence(&self) -> Result<i64, SpoolError> {
        let found = life::fence(self.link, &self.life, &self.shared.time).await?;
        #[cfg(test)]
        if found.is_none() && self.shared.trial.lies(super::tests::Liar::HasNoFence) {
            return Ok(i64::MAX);
        }
        let Some(fence) = found else {
            let silent = self.shared.health.silence();
            return Err(life::why_not(self.link, &self.life, silent).await?);
        };
        self.shared.durability.check(fence.replicated, fence.flushed)?;
        Ok(fence.batch)
    }

    /// Whether this relay may do that.
    fn may(&self, work: &Work, snapshot: &Snapshot) -> Result<(), SpoolError> {
        let Work::Record(outcome) = work else {
            return Ok(());
        };
        match snapshot.owners.get(&outcome.id) {
            Some(owner) if *owner != Some(self.life.incarnation) => {
                Err(SpoolError::NotOurs(Leased::Outgoing(outcome.id)))
            }
            _ => Ok(()),
        }
    }

    /// The received bytes of what is accepted and stays.
    async fn contents(&self, queue: &Queue, snapshot: &Snapshot) -> Result<(), SpoolError> {
        for (work, made) in queue.works().zip(&self.made.works) {
            let Work::Accept(acceptance) = work else { continue };
            if made.is_err() || !snapshot.state.messages.contains_key(&acceptance.id) {
                continue;
            }
            let size = acceptance.content.size();
            for place in 0..size.div_ceil(CHUNK) {
                let octets = chunk(&acceptance.content, acceptance.id, place)?;
                self.link
                    .run_all(&[content(acceptance.id, place as i32, octets)])
                    .await?;
            }
        }
        Ok(())
    }

    /// The relay's next start gives none of the ids that it has given.
    async fn reserve_ids(&mut self, queue: &Queue) -> Result<(), SpoolError> {
        const RESERVE: &str = "UPDATE node SET ceiling = $2 WHERE id = $1 AND ceiling <= $3";
        let accepted = queue.works().filter_map(|work| match work {
            Work::Accept(acceptance) => Some(sql_id(acceptance.id)),
            _ => None,
        });
        let Some((last, node)) = accepted.max().zip(self.shared.node) else {
            return Ok(());
        };
        if self.shared.reserved.load(SeqCst) > last {
            return Ok(());
        }
        let ceiling = last + ID_RESERVE;
        self.link.run(RESERVE, &[&node.number(), &ceiling, &last]).await?;
        self.made.reserved = Some(ceiling);
        Ok(())
    }
}

/// Blocks, where it is not in memory.
fn chunk(of: &Content, id: MessageId, place: u64) -> Result<Bytes, SpoolError> {
    let at = place * CHUNK;
    let range = at..of.size().min(at + CHUNK);
    let read = match of.is_in_memory() {
        true => of.read(range),
        false => tokio::task::block_in_place(|| of.read(range)),
    };
    read.map_err(|error| SpoolError::Unfit(format!("the content of message {id} cannot be read: {error}")))
}

impl Durability {
    fn check(self, replicated: bool, flushed: bool) -> Result<(), SpoolError> {
        let unsafe_because = match self {
            Self::Replicated if !replicated => {
                "synchronous_standby_names is empty, so no other machine has what is committed; \
                 set it, or say in [spool] what keeps it: durability = \"storage\" or \"single-machine\""
            }
            Self::Replicated | Self::Storage | Self::SingleMachine if !flushed => {
                "fsync, full_page_writes or synchronous_commit is off in the database"
            }
            _ => return Ok(()),
        };
        Err(SpoolError::Unprotected(unsafe_because.into()))
    }
}
