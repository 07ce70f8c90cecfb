//! Lines for the charts that templates draw as SVG.

/// Of every chart, in its own units; the page stretches it.
pub(super) const HEIGHT: u32 = 100;

/// A line in a chart: the attribute `d` of a path, from left to right through all values.
pub(super) fn line(values: &[u32], top: u32) -> String {
    use std::fmt::Write;

    let (mut path, mut last) = (String::new(), None);
    let end = values.len().saturating_sub(1);
    for (x, value) in values.iter().enumerate() {
        let y = HEIGHT - (u64::from(*value) * u64::from(HEIGHT) / u64::from(top.max(1))).min(HEIGHT.into()) as u32;
        // Only where it bends: a quiet line costs a few octets.
        let bends = values.get(x + 1).is_none_or(|next| next != value) || last != Some(*value);
        if bends || x == end {
            let letter = if path.is_empty() { 'M' } else { 'L' };
            // Writing to a string cannot fail.
            let _ = write!(path, "{letter}{x} {y}");
        }
        last = Some(*value);
    }
    path
}

/// The same, closed along the bottom, to be filled.
pub(super) fn area(values: &[u32], top: u32) -> String {
    let end = values.len().saturating_sub(1);
    format!("{}L{end} {HEIGHT}L0 {HEIGHT}Z", line(values, top))
}

/// A round number that no value passes: 1, 2 or 5 with zeros.
pub(super) fn top(of: impl IntoIterator<Item = u32>) -> u32 {
    let most = of.into_iter().max().unwrap_or_default().max(1);
    let mut ten = 1_u32;
    loop {
        for step in [1, 2, 5] {
            let round = ten.saturating_mul(step);
            if round >= most {
                return round;
            }
        }
        ten = ten.saturating_mul(10);
    }
}

/// Sums of so many values each.
pub(super) fn coarser(values: &[u32], each: usize) -> Vec<u32> {
    values.chunks(each).map(|some| some.iter().sum()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_a_point_where_it_bends() {
        assert_eq!(line(&[0, 0, 0, 0, 10, 10], 10), "M0 100L3 100L4 0L5 0");
        assert_eq!(line(&[], 1), "");
        assert_eq!(area(&[1, 1], 1), "M0 0L1 0L1 100L0 100Z");
    }

    #[test]
    fn the_top_of_a_chart_is_a_round_number() {
        assert_eq!(
            [0, 1, 3, 50, 51, u32::MAX].map(|most| top([most])),
            [1, 1, 5, 50, 100, u32::MAX]
        );
    }
}
