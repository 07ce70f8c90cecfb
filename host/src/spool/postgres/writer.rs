//! The one task that writes for this relay: what is asked while a batch is under way shares the next one.
//!
//! A batch is in the store, or it is not, or nobody knows: the connection broke while it was committed, no answer came, or
//! the server warned (a cancelled wait for a standby is answered like a commit). Then nobody is told anything until the
//! store itself has said which: see `settle`.

use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::timeout;

use super::batch::{Batch, Ended, Results};
use super::connect::Link;
use super::health::Begun;
use super::life::{self, Life, Who};
use super::parcel::{Lessor, Parcel};
use super::queue::Queue;
use super::shared::{Asked, Shared};
use crate::spool::model::Work;
use crate::spool::{Leased, SpoolError};

/// Between two looks at a store that does not answer.
pub(super) const PAUSE: Duration = Duration::from_millis(500);

pub(super) struct Writer {
    pub(super) shared: Arc<Shared>,
    pub(super) asked: UnboundedReceiver<Asked>,
    pub(super) link: Option<Link>,
    /// `None`: a command that has not written yet.
    pub(super) life: Option<Life>,
    /// What is to be given back with the next batch.
    pub(super) given_back: Vec<Leased>,
}

impl Writer {
    pub(super) async fn run(mut self) {
        while let Some(first) = self.asked.recv().await {
            let mut queue = Queue::default();
            self.take(&mut queue, first);
            while queue.has_room() {
                match self.asked.try_recv() {
                    Ok(next) => self.take(&mut queue, next),
                    Err(_) => break,
                }
            }
            let closes = queue.closes.take();
            if self.carry(queue).await.is_break() {
                break;
            }
            if let Some(reply) = closes {
                self.end().await;
                let _ = reply.send(());
                break;
            }
        }
        self.shared.health.ends();
    }

    fn take(&mut self, queue: &mut Queue, asked: Asked) {
        match asked {
            Asked::Work(errand) => {
                if let Work::Accept(acceptance) = &*errand.work {
                    queue.octets += acceptance.content.size();
                }
                queue.errands.push(errand);
            }
            Asked::Lease(wanted, limit, reply) => queue.leases.push((wanted, limit, reply)),
            Asked::GiveBack(leased) => self.given_back.push(leased),
            Asked::Beat(reply) => queue.beats.push(reply),
            Asked::Close(reply) => queue.closes = Some(reply),
        }
    }

    /// One batch, until it is known what became of it. Breaks when the program is to die here, in a test.
    async fn carry(&mut self, mut queue: Queue) -> std::ops::ControlFlow<()> {
        queue.keep_what_is_wanted();
        if queue.is_empty() && self.given_back.is_empty() {
            return std::ops::ControlFlow::Continue(());
        }
        match self.commit(&mut queue).await {
            Ended::In(batch) => self.answer(queue, batch),
            Ended::Lapsed => self.lapse(queue),
            Ended::Out(error) if queue.errands.len() > 1 && error.is_of_one() => {
                // One of them is at fault, and its neighbours are not.
                let Queue {
                    errands, leases, beats, ..
                } = queue;
                for errand in errands {
                    let alone = Queue {
                        errands: vec![errand],
                        ..Queue::default()
                    };
                    if Box::pin(self.carry(alone)).await.is_break() {
                        return std::ops::ControlFlow::Break(());
                    }
                }
                let rest = Queue {
                    leases,
                    beats,
                    ..Queue::default()
                };
                return Box::pin(self.carry(rest)).await;
            }
            Ended::Out(error) => queue.fail(&error),
            #[cfg(test)]
            Ended::Died => return std::ops::ControlFlow::Break(()),
        }
        std::ops::ControlFlow::Continue(())
    }

    /// Asks until the store has said what became of the batch.
    async fn commit(&mut self, queue: &mut Queue) -> Ended {
        if let Err(error) = self.shared.health.is_as_it_was() {
            return Ended::Out(error);
        }
        self.shared.health.begins();
        let mut tries = 0;
        loop {
            let begun = Begun::now();
            let ended = match timeout(self.shared.patience.store, self.connected()).await {
                Ok(Ok(())) => self.attempt(queue).await,
                Ok(Err(error)) => Err(error),
                Err(_) => Err(SpoolError::Away("it does not answer".into())),
            };
            match ended {
                Ok(Some(Ended::In(batch))) => {
                    self.shared.health.confirms(begun);
                    return Ended::In(batch);
                }
                Ok(Some(other)) => return other,
                Ok(None) => {}
                // Two relays waited for each other, or the connection had been closed meanwhile.
                Err(SpoolError::Away(_)) if tries < 2 => tries += 1,
                Err(SpoolError::Lapsed) => return Ended::Lapsed,
                Err(error @ SpoolError::WentBack { .. }) => {
                    self.shared.health.goes_back(&error);
                    return Ended::Out(error);
                }
                Err(error) => {
                    if !error.is_of_one() {
                        self.shared.health.fails(&error);
                    }
                    return Ended::Out(error);
                }
            }
            queue.keep_what_is_wanted();
        }
    }

    /// Once; an error means that nothing of it is in the store. `None`: some of it was called off, and it is made again without
    /// that.
    async fn attempt(&mut self, queue: &Queue) -> Result<Option<Ended>, SpoolError> {
        match self.prepare(queue).await {
            Ok(made) if queue.may_be_sent() => self.send(made, queue).await.map(Some),
            not_sent => {
                queue.is_out();
                self.roll_back().await;
                match not_sent {
                    Ok(_) => Ok(None),
                    Err(SpoolError::Lapsed) => Ok(Some(Ended::Lapsed)),
                    Err(error) => Err(error),
                }
            }
        }
    }

    async fn prepare(&self, queue: &Queue) -> Result<Results, SpoolError> {
        let (Some(link), Some(life)) = (&self.link, self.life) else {
            return Err(SpoolError::Away("there is no connection".into()));
        };
        let mut batch = Batch::new(&self.shared, link, life);
        match timeout(self.shared.patience.store, batch.prepare(queue, &self.given_back)).await {
            Ok(done) => done.map(|()| batch.made),
            Err(_) => Err(SpoolError::Away("it does not answer".into())),
        }
    }

    async fn roll_back(&mut self) {
        let Some(link) = &self.link else { return };
        if timeout(PAUSE, link.say("ROLLBACK")).await.is_err() || link.client.is_closed() || link.is_in_doubt() {
            self.link = None;
        }
    }

    /// The commit of what was prepared, and what became of it.
    async fn send(&mut self, made: Results, queue: &Queue) -> Result<Ended, SpoolError> {
        let (Some(link), Some(life)) = (&self.link, &mut self.life) else {
            return Err(SpoolError::Away("there is no connection".into()));
        };
        #[cfg(test)]
        if let Some(durable) = self.shared.trial.dies() {
            if durable {
                let _ = link.say("COMMIT").await;
            }
            return Ok(Ended::Died);
        }
        let committed = timeout(self.shared.patience.store, link.say("COMMIT")).await;
        if matches!(committed, Ok(Ok(()))) && !self.shared.is_in_doubt(link) {
            life.last_batch += 1;
            return Ok(Ended::In(made));
        }
        let error = committed.map_or_else(
            |_| "no answer".into(),
            |said| said.err().map_or("a warning".into(), |e| e.to_string()),
        );
        tracing::warn!(
            event = "commit-unknown",
            "whether a commit is in the store is not known ({error}): it is asked"
        );
        self.link = None;
        match self.settle().await? {
            true => Ok(Ended::In(made)),
            false => {
                queue.is_out();
                Err(SpoolError::Away("the connection broke before the commit".into()))
            }
        }
    }

    async fn connected(&mut self) -> Result<(), SpoolError> {
        if self
            .link
            .as_ref()
            .is_none_or(|link| link.client.is_closed() || link.is_in_doubt())
        {
            self.link = None;
            self.link = Some(self.shared.access.connect("writes").await?);
        }
        if let (None, Some(link)) = (self.life, &self.link) {
            let nobody = Who { node: None, home: None };
            let begun = life::begin(link, nobody, &self.shared.time).await?;
            self.life = Some(begun);
        }
        Ok(())
    }

    fn answer(&mut self, queue: Queue, batch: Results) {
        for (errand, made) in queue.errands.into_iter().zip(batch.works) {
            let born = born(&errand.work);
            errand.answer(made.map(|made| Parcel::new(self.lessor(), made, born)));
        }
        for ((.., reply), found) in queue.leases.into_iter().zip(batch.found) {
            let leased = found.leased();
            let _ = reply.send(Ok(Parcel::new(self.lessor(), found, leased)));
        }
        if let Some(relays) = batch.relays {
            self.shared.relays.store(relays, SeqCst);
        }
        for reply in queue.beats {
            let _ = reply.send(Ok(()));
        }
        batch.noted.iter().for_each(crate::spool::Noting::written);
        self.shared.returning.fetch_sub(self.given_back.len(), SeqCst);
        self.given_back.clear();
        if let Some(reserved) = batch.reserved {
            self.shared.reserved.store(reserved, SeqCst);
        }
        if batch.grown {
            self.shared.grows.send_replace(());
        }
    }

    fn lessor(&self) -> Arc<dyn Lessor> {
        Arc::clone(&self.shared) as Arc<dyn Lessor>
    }

    /// Others have what this relay had. Nothing of what was asked happens.
    fn lapse(&mut self, queue: Queue) {
        self.shared.held().clear();
        self.shared.returning.fetch_sub(self.given_back.len(), SeqCst);
        self.given_back.clear();
        if self.shared.node.is_none() {
            // A command begins anew with whatever it writes next.
            self.life = None;
        } else {
            self.shared.health.ends();
        }
        queue.fail(&SpoolError::Lapsed);
    }

    async fn end(&mut self) {
        self.shared.held().clear();
        if let (Ok(Ok(())), Some(life), Some(link)) =
            (timeout(PAUSE * 4, self.connected()).await, self.life, &self.link)
        {
            let ended = timeout(self.shared.patience.store, life::end(link, &life)).await;
            if let Ok(Err(error)) = ended {
                tracing::warn!(%error, event = "leases-not-ended", "others take this relay's work over in a minute only");
            }
        }
    }
}

impl SpoolError {
    /// Whether one piece of work is at fault, and not the store.
    fn is_of_one(&self) -> bool {
        matches!(self, Self::Unfit(_) | Self::Broken(_) | Self::Damaged(_))
    }
}

/// What a commit leases to whoever commits it.
fn born(work: &Work) -> Vec<Leased> {
    use crate::spool::Finish;
    let acceptance = match work {
        Work::Accept(acceptance) => acceptance,
        Work::Finish(_, Finish::Done(acceptance)) => acceptance,
        _ => return Vec::new(),
    };
    acceptance
        .outgoing
        .iter()
        .map(|outgoing| Leased::Outgoing(outgoing.id))
        .collect()
}
