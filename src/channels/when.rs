//! Multiplexing: with which values of another signal a signal is there.

use super::layout::Layout;

/// One multiplexer and the values with which a signal is there.
#[derive(Clone, Debug, PartialEq)]
pub struct When {
    /// Position of the multiplexer among the signals of the frame.
    pub multiplexer: usize,
    /// Where its bits are.
    pub layout: Layout,
    /// Raw values, as the bits stand without a sign: from and to, both included, in order and apart from each other.
    pub values: Vec<(u64, u64)>,
}

impl When {
    /// A multiplexer and its values, in any order.
    #[must_use]
    pub fn new(multiplexer: usize, layout: Layout, values: impl IntoIterator<Item = (u64, u64)>) -> When {
        let mut all: Vec<(u64, u64)> = values.into_iter().filter(|(from, to)| from <= to).collect();
        all.sort_unstable();
        let mut values: Vec<(u64, u64)> = Vec::with_capacity(all.len());
        for (from, to) in all {
            match values.last_mut() {
                Some(last) if from <= last.1.saturating_add(1) => last.1 = last.1.max(to),
                _ => values.push((from, to)),
            }
        }
        When { multiplexer, layout, values }
    }

    /// Whether the frame's bytes say so; not if the frame is too short for the multiplexer.
    #[inline]
    #[must_use]
    pub fn holds(&self, data: &[u8]) -> bool {
        self.layout.get(data).is_some_and(|bits| self.has(bits))
    }

    /// Whether the raw value is among them.
    #[inline]
    #[must_use]
    pub fn has(&self, bits: u64) -> bool {
        match self.values.as_slice() {
            [(from, to)] => (*from..=*to).contains(&bits),
            values => {
                let after = values.partition_point(|(from, _)| *from <= bits);
                after > 0 && values[after - 1].1 >= bits
            }
        }
    }

    /// How many raw values there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.values.iter().fold(0, |sum: u64, (from, to)| sum.saturating_add((to - from).saturating_add(1)))
    }

    /// Every raw value in order.
    pub fn each(&self) -> impl Iterator<Item = u64> {
        self.values.iter().flat_map(|(from, to)| *from..=*to)
    }

    /// Whether some raw value is among both.
    fn meets(&self, other: &When) -> bool {
        self.values.iter().any(|(from, to)| other.values.iter().any(|(low, high)| from <= high && low <= to))
    }
}

/// Whether two signals can be in one frame: not if one multiplexer would have to have two values.
#[must_use]
pub(super) fn may_meet(a: &[When], b: &[When]) -> bool {
    let apart = |own: &When| b.iter().any(|other| other.multiplexer == own.multiplexer && !own.meets(other));
    !a.iter().any(apart)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn when(multiplexer: usize, values: &[(u64, u64)]) -> When {
        When::new(multiplexer, "0|8@1+".parse().expect("right"), values.iter().copied())
    }

    #[test]
    fn values_are_put_in_order_and_joined() {
        let many = when(0, &[(9, 9), (1, 3), (4, 5), (2, 2), (7, 6)]);
        assert_eq!(many.values, [(1, 5), (9, 9)]);
        assert_eq!(many.each().collect::<Vec<_>>(), [1, 2, 3, 4, 5, 9]);
        assert_eq!(many.count(), 6);
        let has: Vec<u64> = (0..12).filter(|bits| many.has(*bits)).collect();
        assert_eq!(has, [1, 2, 3, 4, 5, 9]);
        assert!(many.holds(&[9]) && !many.holds(&[8]) && !many.holds(&[]));
        assert_eq!(when(0, &[(0, u64::MAX)]).count(), u64::MAX);
    }

    #[test]
    fn signals_of_different_values_of_one_multiplexer_never_meet() {
        let (one, two, both) = (when(0, &[(1, 1)]), when(0, &[(2, 2)]), when(0, &[(1, 2)]));
        let other = when(3, &[(2, 2)]);
        assert!(!may_meet(std::slice::from_ref(&one), std::slice::from_ref(&two)));
        assert!(may_meet(std::slice::from_ref(&one), &[both]));
        assert!(may_meet(std::slice::from_ref(&one), std::slice::from_ref(&other)));
        assert!(!may_meet(&[one, other.clone()], &[other, two]));
        assert!(may_meet(&[], &[]));
    }
}
