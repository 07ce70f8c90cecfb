//! Whom a report or response may be for although its recipient has no route: whoever sent what the reporting peer was asked
//! to take.
//!
//! Applications send from addresses that are no numbers (`NEWS@mms.own.example`), and from codes that nobody lists; systems ask
//! to be answered at host names that are nobody's domain. What answers them goes home by its IDs, which are not known at
//! `RCPT`. Whether there can be such a home is looked up before, and remembered until `RCPT` is answered: that must not
//! wait.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::message::{MmsAddress, PeerName, Timestamp, Transaction, TransactionKey};

use super::Relay;

/// From the look-up to the answer to `RCPT` it is microseconds.
const KEPT: Duration = Duration::from_secs(60);

/// More sessions than there can be at `RCPT` in the same minute: then some of them have to look again.
const MOST: usize = 10_000;

/// What look-ups have found, for a moment.
#[derive(Default)]
pub(crate) struct Homes(Mutex<HashMap<(PeerName, MmsAddress), Timestamp>>);

impl Homes {
    fn remember(&self, reporter: &PeerName, address: &MmsAddress, until: Timestamp) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST {
            known.clear();
        }
        known.insert((reporter.clone(), address.clone()), until);
    }

    fn has(&self, reporter: &PeerName, address: &MmsAddress, now: Timestamp) -> bool {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let until = known.get(&(reporter.clone(), address.clone()));
        until.is_some_and(|until| *until > now)
    }
}

impl Relay {
    /// Looks whether `reporter` was asked to take something from whom this address is.
    pub(super) async fn look_for_home(&self, reporter: &PeerName, address: &MmsAddress) {
        let own = address
            .domain()
            .is_none_or(|domain| self.directory.load().routing.is_own(domain));
        let is_asker = |of: &Transaction| {
            let asker = of.answer_to.as_ref();
            own || asker.is_some_and(|asker| asker.as_str().eq_ignore_ascii_case(address.as_str()))
        };
        match self
            .store
            .requests
            .find(&TransactionKey::originator(reporter, address))
            .await
        {
            Ok(found) if found.iter().any(is_asker) => {
                self.homes.remember(reporter, address, self.clock.now().plus(KEPT));
            }
            Ok(_) => {}
            Err(error) => tracing::error!(
                event = "spool-not-read",
                "whether an originator is known cannot be looked up: {error}"
            ),
        }
    }

    /// Whether it was found a moment ago.
    pub(super) fn has_home(&self, reporter: &PeerName, address: &MmsAddress) -> bool {
        self.homes.has(reporter, address, self.clock.now())
    }
}
