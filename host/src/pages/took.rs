//! How long deliveries took, out of counts by bounds.

use super::words::millis;

/// The bound, in milliseconds, that so many of a hundred deliveries did not pass; `None` when there were none, or when it was
/// longer than all bounds.
pub(super) fn percentile(bounds: &[u64], counts: &[u64], of_hundred: u64) -> Option<u64> {
    let all: u64 = counts.iter().sum();
    let wanted = (all * of_hundred).div_ceil(100);
    let mut so_far = 0;
    let place = counts.iter().position(|count| {
        so_far += count;
        so_far >= wanted
    });
    place.filter(|_| all > 0).and_then(|place| bounds.get(place).copied())
}

/// `≤ 250 ms`; `-` when nothing was delivered.
pub(super) fn shown(bounds: &[u64], counts: &[u64], of_hundred: u64) -> String {
    match (
        percentile(bounds, counts, of_hundred),
        counts.iter().any(|count| *count > 0),
    ) {
        (Some(bound), _) => format!("≤ {}", millis(bound)),
        (None, true) => bounds
            .last()
            .map_or_else(String::new, |last| format!("> {}", millis(*last))),
        (None, false) => "-".to_owned(),
    }
}

/// What has come on top since then. After a restart, all of it.
pub(super) fn since(now: &[u64], then: &[u64]) -> Vec<u64> {
    let then = then.iter().copied().chain(std::iter::repeat(0));
    now.iter()
        .zip(then)
        .map(|(now, then)| now.saturating_sub(then))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_the_bound_that_so_many_did_not_pass() {
        let bounds = [10, 100, 1000];
        assert_eq!(percentile(&bounds, &[50, 45, 4, 1], 50), Some(10));
        assert_eq!(percentile(&bounds, &[50, 45, 4, 1], 95), Some(100));
        assert_eq!(shown(&bounds, &[0, 0, 0, 1], 95), "> 1 s");
        assert_eq!(shown(&bounds, &[0; 4], 95), "-");
        assert_eq!(since(&[5, 7], &[2]), [3, 7]);
    }
}
