//! Medians and how sure one can be of them.

use serde::Serialize;

/// A median with its interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Median {
    /// Half of the values are smaller.
    pub middle: f64,
    /// With it the median of all possible rounds lies between `low` and `high` in 95 of 100 cases.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

impl Median {
    /// The median of `values` and its 95 % interval by order statistics: whatever their distribution, how many of n
    /// values lie below the true median is a binomial number (n, 1/2), within 0.98 sqrt(n) of n/2 in 95 of 100 cases.
    /// None without values.
    #[must_use]
    pub fn of(values: &[f64]) -> Option<Self> {
        let mut sorted: Vec<f64> = values.iter().copied().filter(|value| value.is_finite()).collect();
        sorted.sort_by(f64::total_cmp);
        let count = sorted.len();
        let last = count.checked_sub(1)?;
        let middle = f64::midpoint(sorted[last / 2], sorted[count / 2]);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
        let reach = (0.98 * (count as f64).sqrt()).ceil() as usize;
        let low = sorted[(count / 2).saturating_sub(reach)];
        let high = sorted[(last / 2 + reach).min(last)];
        Some(Self { middle, low, high })
    }

    /// Whether the two intervals have a value in common.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        self.low <= other.high && other.low <= self.high
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hundred_values() {
        let values: Vec<f64> = (1..=100).rev().map(f64::from).collect();
        assert_eq!(Median::of(&values), Some(Median { middle: 50.5, low: 41.0, high: 60.0 }));
    }

    #[test]
    fn few_values_say_little() {
        assert_eq!(Median::of(&[]), None);
        assert_eq!(Median::of(&[f64::NAN]), None);
        assert_eq!(Median::of(&[3.0]), Some(Median { middle: 3.0, low: 3.0, high: 3.0 }));
        assert_eq!(Median::of(&[2.0, 1.0, 4.0]), Some(Median { middle: 2.0, low: 1.0, high: 4.0 }));
    }

    #[test]
    fn intervals_that_touch_overlap() {
        let of = |low, high| Median { middle: f64::midpoint(low, high), low, high };
        assert!(of(1.0, 2.0).overlaps(&of(2.0, 3.0)));
        assert!(!of(1.0, 2.0).overlaps(&of(2.1, 3.0)));
    }
}
