//! The result of checking a whole store: `mm4relay spool check`.

/// The result of a check.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Soundness {
    /// The stored format.
    pub format: i64,
    /// The number of rows with checksums, by kind.
    pub rows: Vec<(&'static str, u64)>,
    /// Rows without a checksum, which an earlier version wrote.
    pub without_sum: u64,
    /// Faults of pages, one a line.
    pub pages: Vec<String>,
    /// Damaged or inconsistent rows, one a line: the first thousand.
    pub damaged: Vec<String>,
    /// The number of such rows.
    pub faults: u64,
}

/// How many damaged rows are named one by one.
const MOST_NAMED: usize = 1000;

impl Soundness {
    pub fn is_well(&self) -> bool {
        self.pages.is_empty() && self.faults == 0
    }

    pub(super) fn name(&mut self, fault: String) {
        self.faults += 1;
        if self.damaged.len() < MOST_NAMED {
            self.damaged.push(fault);
        }
    }
}
