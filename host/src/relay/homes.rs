//! Recipients of reports and responses that have no route, and are known as senders of what the reporting peer was
//! asked to take.
//!
//! Applications send from addresses that are no numbers (`NEWS@mms.own.example`) and from unlisted short codes; systems
//! ask to be answered at host names in nobody's domain. Answers to these find their way by their IDs, which are not
//! known at `RCPT`. Whether such a way can exist is looked up before, and remembered until `RCPT` is answered, because
//! that answer must not wait.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::message::{MmsAddress, PeerName, Timestamp, Transaction, TransactionKey};

use super::Relay;

/// How long a result is remembered. Only microseconds pass between the look-up and the answer to `RCPT`.
const KEPT: Duration = Duration::from_secs(60);

/// The most results that are remembered. There cannot be so many sessions at `RCPT` within a minute; if there were,
/// some would look again.
const MOST: usize = 10_000;

/// The results of recent look-ups.
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
    /// Looks up whether `reporter` was asked to take a message from this address.
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

    /// Whether such a message was found a moment ago.
    pub(super) fn has_home(&self, reporter: &PeerName, address: &MmsAddress) -> bool {
        self.homes.has(reporter, address, self.clock.now())
    }
}
