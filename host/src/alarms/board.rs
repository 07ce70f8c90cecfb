//! The board of alarms.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{AlarmKind, Severity};
use crate::message::Timestamp;

/// The present state of one thing that can go wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sign {
    pub kind: AlarmKind,
    /// The peer, plug-in, output or file that it concerns; empty for the relay as a whole.
    pub about: String,
    pub level: Level,
    /// A description, with names and numbers.
    pub said: String,
    /// How long the state must last before it raises an alarm.
    pub patience: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    Wrong,
    /// Not wrong enough to raise an alarm, and not well enough to clear one.
    Doubtful,
    Fine,
}

impl Level {
    /// Wrong at or above a threshold, and fine below half of it.
    pub fn of(value: u64, threshold: u64) -> Self {
        match value {
            value if value >= threshold => Self::Wrong,
            value if value >= threshold.div_ceil(2) => Self::Doubtful,
            _ => Self::Fine,
        }
    }

    pub fn wrong_if(wrong: bool) -> Self {
        if wrong { Self::Wrong } else { Self::Fine }
    }
}

/// A condition that an operator should see to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alarm {
    pub kind: AlarmKind,
    pub about: String,
    pub since: Timestamp,
    pub said: String,
}

impl Alarm {
    pub fn severity(&self) -> Severity {
        self.kind.severity()
    }

    /// The kind, and the thing that it concerns: `peer-down operator-b`.
    pub fn name(&self) -> String {
        format!("{} {}", self.kind.as_str(), self.about).trim_end().to_owned()
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AlarmChange {
    Raised(Alarm),
    /// A raised alarm is over.
    Cleared(Alarm),
}

/// All alarms, and the conditions that may become one.
#[derive(Debug, Default)]
pub struct Board {
    raised: BTreeMap<(AlarmKind, String), Alarm>,
    /// Since when something is wrong that is no alarm yet.
    wrong: BTreeMap<(AlarmKind, String), Timestamp>,
    /// Since when something is fine whose alarm is still raised.
    fine: BTreeMap<(AlarmKind, String), Timestamp>,
}

impl Board {
    /// The raised alarms, the most severe first.
    pub fn raised(&self) -> Vec<Alarm> {
        let mut all: Vec<Alarm> = self.raised.values().cloned().collect();
        all.sort_by_key(|alarm| (std::cmp::Reverse(alarm.severity()), alarm.since));
        all
    }

    /// Takes the present signs. A thing without a sign is fine, for example a peer that was removed. An alarm is
    /// cleared when its thing has been fine for as long as `calm`.
    pub fn look(&mut self, now: Timestamp, calm: Duration, signs: Vec<Sign>) -> Vec<AlarmChange> {
        let mut changes = Vec::new();
        let mut seen = BTreeMap::new();
        for sign in signs {
            let key = (sign.kind, sign.about.clone());
            seen.insert(key.clone(), sign.level);
            match sign.level {
                Level::Wrong => changes.extend(self.is_wrong(key, now, sign)),
                Level::Doubtful => {
                    self.wrong.remove(&key);
                    self.fine.remove(&key);
                }
                Level::Fine => {}
            }
        }
        let is_fine = |key: &(AlarmKind, String)| seen.get(key).is_none_or(|level| *level == Level::Fine);
        self.wrong.retain(|key, _| !is_fine(key));
        let over: Vec<_> = self.raised.keys().filter(|key| is_fine(key)).cloned().collect();
        for key in over {
            let since = *self.fine.entry(key.clone()).or_insert(now);
            if now.since(since) >= calm {
                self.fine.remove(&key);
                changes.extend(self.raised.remove(&key).map(AlarmChange::Cleared));
            }
        }
        changes
    }

    fn is_wrong(&mut self, key: (AlarmKind, String), now: Timestamp, sign: Sign) -> Option<AlarmChange> {
        self.fine.remove(&key);
        if let Some(alarm) = self.raised.get_mut(&key) {
            alarm.said = sign.said;
            return None;
        }
        let since = *self.wrong.entry(key.clone()).or_insert(now);
        if now.since(since) < sign.patience {
            return None;
        }
        self.wrong.remove(&key);
        let alarm = Alarm {
            kind: sign.kind,
            about: sign.about,
            since,
            said: sign.said,
        };
        self.raised.insert(key, alarm.clone());
        Some(AlarmChange::Raised(alarm))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CALM: Duration = Duration::from_secs(60);

    fn sign(level: Level) -> Vec<Sign> {
        vec![Sign {
            kind: AlarmKind::PeerDown,
            about: "b".into(),
            level,
            said: "no route to host".into(),
            patience: Duration::from_secs(10),
        }]
    }

    fn at(seconds: u64) -> Timestamp {
        Timestamp(seconds * 1000)
    }

    #[test]
    fn what_is_wrong_for_long_enough_is_raised_once_and_says_since_when() {
        let mut board = Board::default();
        assert_eq!(board.look(at(0), CALM, sign(Level::Wrong)), []);
        let raised = board.look(at(10), CALM, sign(Level::Wrong));
        let [AlarmChange::Raised(alarm)] = raised.as_slice() else {
            panic!("{raised:?}");
        };
        assert_eq!((alarm.since, alarm.name()), (at(0), "peer-down b".to_owned()));
        assert_eq!(board.look(at(20), CALM, sign(Level::Wrong)), []);
        assert_eq!(board.raised().len(), 1);
    }

    #[test]
    fn what_is_wrong_for_a_moment_is_no_alarm() {
        let mut board = Board::default();
        for second in [0, 8, 16, 24] {
            board.look(at(second), CALM, sign(Level::Wrong));
            assert_eq!(board.look(at(second + 4), CALM, sign(Level::Fine)), []);
        }
    }

    #[test]
    fn an_alarm_is_cleared_once_when_it_has_been_fine_for_a_while() {
        let mut board = Board::default();
        board.look(at(0), CALM, sign(Level::Wrong));
        board.look(at(10), CALM, sign(Level::Wrong));
        assert_eq!(board.look(at(20), CALM, sign(Level::Fine)), []);
        assert_eq!(
            board.look(at(30), CALM, sign(Level::Wrong)),
            [],
            "it is still the same alarm"
        );
        assert_eq!(board.look(at(40), CALM, sign(Level::Doubtful)), []);
        assert_eq!(
            board.look(at(1000), CALM, sign(Level::Doubtful)),
            [],
            "doubt clears nothing"
        );
        assert_eq!(board.look(at(1010), CALM, Vec::new()), []);
        let cleared = board.look(at(1070), CALM, Vec::new());
        assert!(matches!(cleared.as_slice(), [AlarmChange::Cleared(_)]), "{cleared:?}");
        assert!(board.raised().is_empty());
        assert_eq!(board.look(at(1080), CALM, Vec::new()), []);
    }

    #[test]
    fn between_a_threshold_and_half_of_it_nothing_changes() {
        let levels = [10, 9, 5, 4, 0].map(|value| Level::of(value, 10));
        use Level::{Doubtful, Fine, Wrong};
        assert_eq!(levels, [Wrong, Doubtful, Doubtful, Fine, Fine]);
    }
}
