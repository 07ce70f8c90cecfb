//! What a look through a whole store finds: `mm4relay spool check`.

/// A look through everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Soundness {
    /// The stored format.
    pub format: i64,
    /// Rows with checksums by what they are, with their number.
    pub rows: Vec<(&'static str, u64)>,
    /// Rows that have no checksum: an earlier version wrote them.
    pub without_sum: u64,
    /// What is wrong with pages, a line each.
    pub pages: Vec<String>,
    /// Rows that are damaged, or do not belong together, a line each: the first thousand.
    pub damaged: Vec<String>,
    /// How many there are.
    pub faults: u64,
}

/// Damaged rows that are named one by one.
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
