//! Forgetting transactions and ledger entries whose time is over: a little at a time, between commits, so that nobody
//! waits for it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot};

use super::readers::Readers;
use super::unit::Unit;
use super::work::{Request, Work};
use super::writer::Tally;
use super::{ledger, transactions};
use crate::clock::SharedClock;
use crate::message::MessageId;
use crate::spool::SpoolError;
use crate::spool::states::statement;

/// How many transactions the writer forgets at a time, and how long that may take. Their pages are all over the
/// database and must be read and flushed, about 1 MiB each time, while commits wait.
const MOST: usize = 16;
const TURN: Duration = Duration::from_millis(2);

/// The pause between two times while there is more, so that commits take precedence.
const PAUSE: Duration = Duration::from_millis(5);

/// Looks for work to forget and sends it to the writer. Ends with the spool.
pub(super) struct Forgetter {
    pub requests: mpsc::WeakSender<Request>,
    pub readers: Arc<Readers>,
    pub clock: SharedClock,
    pub tally: Arc<Tally>,
    pub every: Duration,
    /// How long the ledger is kept.
    pub ledger: Duration,
}

impl Forgetter {
    pub(super) fn start(self) -> Result<(), SpoolError> {
        let thread = std::thread::Builder::new().name("spool-forgetting".into());
        let spawned = thread.spawn(move || self.run());
        spawned.map_err(|e| SpoolError::Broken(format!("no thread for forgetting: {e}")))?;
        Ok(())
    }

    fn run(self) {
        let mut pause = self.every;
        loop {
            std::thread::sleep(pause);
            match self.look() {
                Ok(false) => pause = self.every,
                Ok(true) => pause = PAUSE,
                Err(SpoolError::Closed) => return,
                Err(error) => {
                    tracing::warn!(%error, event = "spool-not-tidied", "old transactions and movements are not forgotten yet");
                    pause = self.every;
                }
            }
        }
    }

    /// Whether there was something to forget.
    fn look(&self) -> Result<bool, SpoolError> {
        // Held briefly, because the writer ends when all senders are gone.
        let requests = self.requests.upgrade().ok_or(SpoolError::Closed)?;
        let now = self.clock.now();
        let begins = MessageId::first_at(now.minus(self.ledger));
        let (over, old) = self.readers.with(|db| {
            let over = !transactions::over(db, now, 1)?.is_empty();
            Ok((over, ledger::is_older(db, begins)?))
        })?;
        let before = self.tally.tidied();
        for (due, work) in [(over, Work::Forget), (old, Work::ForgetMovements(begins))] {
            if due {
                let (reply, answer) = oneshot::channel();
                let sent = requests.blocking_send(Request { work, reply });
                sent.map_err(|_| SpoolError::Closed)?;
                answer.blocking_recv().map_err(|_| SpoolError::Closed)??;
            }
        }
        Ok(old || self.tally.tidied() > before)
    }
}

impl Unit<'_> {
    /// Forgets some of the transactions whose time is over, and puts off those of which something is still open.
    pub(super) fn forget_some(&mut self) -> Result<(), SpoolError> {
        let started = Instant::now();
        for id in transactions::over(self.db, self.now, MOST)? {
            match self.put_off(id)? {
                true => self.put_off += 1,
                false => {
                    self.forget(id)?;
                    self.forgotten += 1;
                }
            }
            if started.elapsed() > TURN {
                break;
            }
        }
        Ok(())
    }

    /// Postpones forgetting a transaction of which something is open: a message of it waits or is held, or the asking
    /// peer has not been told. So its end is told and charged, however long a peer was away. Returns whether it did.
    fn put_off(&mut self, id: i64) -> Result<bool, SpoolError> {
        const IS_OPEN: &str = statement!(
            "
            SELECT EXISTS(SELECT 1 FROM outgoing WHERE message = ?1 AND state IN ({waiting}, {held}))
                OR EXISTS(SELECT 1 FROM message WHERE id = ?1 AND hold IS NOT NULL AND failed = 0)"
        );
        let Some(before) = transactions::read(self.db, id)? else {
            return Ok(false);
        };
        let is_open = || {
            self.db
                .prepare_cached(IS_OPEN)?
                .query_row([id], |row| row.get::<_, bool>(0))
        };
        if !before.is_telling() && !is_open()? {
            return Ok(false);
        }
        let mut after = before.clone();
        after.stay_known(self.now);
        self.rewrite(id, &before, after)?;
        Ok(true)
    }
}
