//! Our records compared with a partner's: what only one side has, what differs, and the totals for settlement.
//!
//! What one side sent, the other received: our record of a request that we sent is compared with the partner's record
//! of the same request received, recipient by recipient, and the other way round.

mod leg;
mod read;
mod rows;

use std::collections::{BTreeMap, HashMap, HashSet};

pub use leg::{Flow, LegFacts, LegKey, RecordName, legs_of, partner};
pub use read::{Partner, ReadRecord, read};
pub(super) use rows::Rows;

/// Differences that are tolerated.
#[derive(Clone, Copy, Debug)]
pub struct Tolerance {
    /// In seconds.
    pub time: u64,
    /// In octets.
    pub size: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Differs {
    OnlyOurs,
    OnlyTheirs,
    Size,
    Time,
    Status,
    /// One side recorded the same leg more than once.
    Double,
}

impl Differs {
    pub fn name(self) -> &'static str {
        match self {
            Self::OnlyOurs => "only-ours",
            Self::OnlyTheirs => "only-theirs",
            Self::Size => "size",
            Self::Time => "time",
            Self::Status => "status",
            Self::Double => "double",
        }
    }
}

/// One difference. The key is that of our side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    pub what: Differs,
    pub leg: LegKey,
    pub ours: Option<LegFacts>,
    pub theirs: Option<LegFacts>,
}

/// A line of the summary: requests to or from the partner, of one class, on one day (UTC).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SettlementLine {
    pub day: String,
    pub flow: Flow,
    /// To the partner; otherwise from it.
    pub sent: bool,
    pub class: String,
}

/// Recipients, and octets summed over recipients; `None` where no record has a size, as those of reports in BER.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sum {
    pub recipients: u64,
    pub octets: Option<u64>,
}

#[derive(Debug, Default)]
pub struct Comparison {
    theirs: HashMap<LegKey, (LegFacts, bool)>,
    /// Legs of ours that the partner does not have.
    alone: HashSet<LegKey>,
    pub differences: Vec<Difference>,
    /// The sums of our side and of the partner's.
    pub lines: BTreeMap<SettlementLine, (Sum, Sum)>,
    pub matched: u64,
}

impl Comparison {
    /// Adds a leg of the partner's, with the partner's key. All of them must be added before ours.
    pub fn theirs(&mut self, leg: LegKey, said: LegFacts) {
        let ours = leg.mirrored();
        if self.theirs.contains_key(&ours) {
            // A leg that was recorded twice is counted twice.
            self.add(line(&ours, &said), None, Some(&said));
            return self.differ(Differs::Double, ours, None, Some(said));
        }
        self.theirs.insert(ours, (said, false));
    }

    /// Whether the partner has this leg of ours.
    pub fn is_theirs_too(&self, leg: &LegKey) -> bool {
        self.theirs.contains_key(leg)
    }

    /// Adds a leg of ours to or from the partner.
    pub fn ours(&mut self, leg: LegKey, said: LegFacts, tolerance: Tolerance) {
        let line = line(&leg, &said);
        let Some((theirs, met)) = self.theirs.get_mut(&leg) else {
            self.add(line, Some(&said), None);
            let what = match self.alone.insert(leg.clone()) {
                true => Differs::OnlyOurs,
                false => Differs::Double,
            };
            return self.differ(what, leg, Some(said), None);
        };
        let first = !std::mem::replace(met, true);
        let theirs = theirs.clone();
        self.add(line, Some(&said), first.then_some(&theirs));
        if !first {
            return self.differ(Differs::Double, leg, Some(said), None);
        }
        self.matched += 1;
        for what in differ(&said, &theirs, tolerance) {
            self.differ(what, leg.clone(), Some(said.clone()), Some(theirs.clone()));
        }
    }

    /// Reports the partner's legs that we do not have. Must be called after all of ours.
    pub fn finish(&mut self) {
        let mut left: Vec<(LegKey, LegFacts)> = std::mem::take(&mut self.theirs)
            .into_iter()
            .filter(|(_, (_, met))| !met)
            .map(|(leg, (said, _))| (leg, said))
            .collect();
        left.sort_by(|one, other| (one.1.at, &one.0).cmp(&(other.1.at, &other.0)));
        for (leg, said) in left {
            self.add(line(&leg, &said), None, Some(&said));
            self.differ(Differs::OnlyTheirs, leg, None, Some(said));
        }
    }

    fn add(&mut self, line: SettlementLine, ours: Option<&LegFacts>, theirs: Option<&LegFacts>) {
        let sums = self.lines.entry(line).or_default();
        for (sum, said) in [(&mut sums.0, ours), (&mut sums.1, theirs)] {
            if let Some(said) = said {
                sum.recipients += 1;
                sum.octets = said
                    .size
                    .map_or(sum.octets, |size| Some(sum.octets.unwrap_or_default() + size));
            }
        }
    }

    fn differ(&mut self, what: Differs, leg: LegKey, ours: Option<LegFacts>, theirs: Option<LegFacts>) {
        self.differences.push(Difference {
            what,
            leg,
            ours,
            theirs,
        });
    }
}

/// Compares what both records state. What only one states is no difference.
fn differ(ours: &LegFacts, theirs: &LegFacts, tolerance: Tolerance) -> Vec<Differs> {
    let mut differs = Vec::new();
    if let (Some(one), Some(other)) = (ours.size, theirs.size)
        && one.abs_diff(other) > tolerance.size
    {
        differs.push(Differs::Size);
    }
    if ours.at.abs_diff(theirs.at) > tolerance.time {
        differs.push(Differs::Time);
    }
    if let (Some(one), Some(other)) = (&ours.status, &theirs.status)
        && one != other
    {
        differs.push(Differs::Status);
    }
    differs
}

fn line(leg: &LegKey, said: &LegFacts) -> SettlementLine {
    let day = jiff::Timestamp::from_second(said.at).map(|at| at.to_string());
    SettlementLine {
        day: day.map_or_else(|_| "?".into(), |day| day[..10].to_owned()),
        flow: leg.flow,
        sent: leg.sent,
        class: said.class.clone(),
    }
}
