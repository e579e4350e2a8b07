//! Which identifiers a socket is to hear.

use super::CanId;
use super::wire::{EXTENDED, REMOTE};

/// The kernel takes no more filters.
const MOST: usize = 512;

/// What comes in. Error frames always do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Filter {
    /// Everything.
    #[default]
    All,
    /// Identifiers and the bits of them that count.
    Only(Vec<(CanId, u32)>),
}

impl Filter {
    /// An identifier all of whose bits count.
    #[must_use]
    pub fn exact(id: CanId) -> (CanId, u32) {
        (id, if matches!(id, CanId::Extended(_)) { 0x1FFF_FFFF } else { 0x7FF })
    }

    /// Identifier words and masks for the kernel; `None`: all, also where there are too many.
    pub(super) fn words(&self) -> Option<Vec<(u32, u32)>> {
        let Filter::Only(ids) = self else { return None };
        // Without the two flags in the mask, 29-bit identifiers and remote requests would pass as well.
        let word = |(id, mask): &(CanId, u32)| {
            let extended = if matches!(id, CanId::Extended(_)) { EXTENDED } else { 0 };
            (id.raw() | extended, mask | EXTENDED | REMOTE)
        };
        (ids.len() <= MOST).then(|| ids.iter().map(word).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mask_tells_short_from_long_identifiers() {
        let ids = [CanId::Standard(0x181), CanId::Extended(0x18FE_F500)];
        let exactly = |ids: &[CanId]| Filter::Only(ids.iter().copied().map(Filter::exact).collect());
        let words = exactly(&ids).words().unwrap();
        assert_eq!(words, [(0x181, 0xC000_07FF), (0x98FE_F500, 0xDFFF_FFFF)]);
        let many: Vec<CanId> = (0..513).map(CanId::Standard).collect();
        assert_eq!(exactly(&many).words(), None);
        assert_eq!(exactly(&[]).words(), Some(vec![]));
    }
}
