//! What the functions of the contract answer from, one for each thread: tests run beside each other.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use super::message::{Message, Part};
use crate::Fault;
use crate::charging::ChargingRecord;
use crate::http::Request;
use crate::log::Level;
use crate::numbering::Network;

/// 2026-01-26T00:17:43Z, as in sample cases.
const NOW: u64 = 1_769_386_663_000;

#[derive(Clone, Debug)]
pub(crate) struct State {
    pub message: Message,
    /// Not on an outcome.
    pub has_parts: bool,
    /// JSON.
    pub settings: String,
    pub tables: BTreeMap<String, BTreeMap<String, String>>,
    pub networks: BTreeMap<String, Network>,
    /// What each scanner finds, by the id of the part.
    pub scanners: BTreeMap<String, BTreeMap<u32, String>>,
    /// Status and body, by method and URL with a blank between them.
    pub answers: BTreeMap<String, (u16, Vec<u8>)>,
    /// Of services.
    pub asked: Vec<Request>,
    pub now: u64,
    pub time_left: u64,
    pub values: BTreeMap<String, Vec<u8>>,
    pub log: Vec<(Level, String)>,
    /// Named with `log.rule`.
    pub rules: Vec<String>,
    /// What `config.granted` says yes to.
    pub grants: BTreeSet<String>,
    pub records: Vec<(ChargingRecord, Vec<(String, String)>)>,
    pub counters: BTreeMap<String, u64>,
    pub observed: Vec<(String, f64)>,
    random: u64,
}

impl State {
    pub fn new(message: Message) -> Self {
        Self {
            message,
            has_parts: true,
            settings: "{}".to_owned(),
            tables: BTreeMap::new(),
            networks: BTreeMap::new(),
            answers: BTreeMap::new(),
            asked: Vec::new(),
            scanners: BTreeMap::new(),
            now: NOW,
            time_left: 250,
            values: BTreeMap::new(),
            log: Vec::new(),
            rules: Vec::new(),
            grants: BTreeSet::new(),
            records: Vec::new(),
            counters: BTreeMap::new(),
            observed: Vec::new(),
            random: 0,
        }
    }

    pub fn part(&self, id: u32) -> Result<&Part, Fault> {
        let found = self.has_parts.then(|| self.message.part_of_id(id)).flatten();
        found.ok_or_else(|| Fault::Invalid(format!("the message has no part {id}")))
    }

    /// The same numbers in every test (SplitMix64).
    pub fn next_random(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.random;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

thread_local! {
    static PRESENT: RefCell<Option<State>> = const { RefCell::new(None) };
}

/// Runs `code` with `state` in place, and gives back what it has become. A panic takes it out of its place too.
pub(crate) fn with<T>(state: State, code: impl FnOnce() -> T) -> (T, State) {
    struct Restore(Option<State>);
    impl Drop for Restore {
        fn drop(&mut self) {
            PRESENT.set(self.0.take());
        }
    }
    let restore = Restore(PRESENT.replace(Some(state)));
    let result = code();
    let state = PRESENT.take();
    drop(restore);
    (result, state.expect("nobody takes it out meanwhile"))
}

/// The state of the relay under test, for the function of that name.
pub(crate) fn within<T>(function: &str, answer: impl FnOnce(&mut State) -> T) -> T {
    PRESENT.with_borrow_mut(|present| match present {
        Some(state) => answer(state),
        None => panic!(
            "{function} was called, and there is no relay to answer: in a test, call the plug-in through \
             mm4_filter::testing::Relay, or keep what is tested in functions of plain data"
        ),
    })
}

#[cfg(test)]
mod tests {
    use crate::testing::{Message, Relay};
    use crate::{kv, message};

    #[test]
    fn a_function_of_the_relay_without_one_panics_and_says_what_would_be_right() {
        let panicked = std::panic::catch_unwind(|| message::header("Subject")).unwrap_err();
        let said = panicked.downcast_ref::<String>().unwrap();
        assert!(
            said.starts_with("message.header was called") && said.contains("testing::Relay"),
            "{said}"
        );
    }

    #[test]
    fn a_test_that_panics_leaves_no_relay_behind() {
        let relay = Relay::new(Message::forward("+15555550100", "+15555550199")).value("count", "3");
        let panicked = std::panic::catch_unwind(|| relay.run(|| panic!("on purpose")));
        assert!(panicked.is_err() && std::panic::catch_unwind(|| kv::get("count")).is_err());
        let count = relay.run(|| {
            kv::increment("count", 4).unwrap();
            kv::get("count").unwrap()
        });
        assert_eq!(count, Some(b"7".to_vec()));
        assert!(relay.run(|| kv::increment("", 1)).is_err());
    }
}
