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
    /// Exactly these identifiers.
    #[must_use]
    pub fn exactly(ids: impl IntoIterator<Item = CanId>) -> Filter {
        let whole = |id| (id, if matches!(id, CanId::Extended(_)) { 0x1FFF_FFFF } else { 0x7FF });
        Filter::Only(ids.into_iter().map(whole).collect())
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
        let words = Filter::exactly(ids).words().unwrap();
        assert_eq!(words, [(0x181, 0xC000_07FF), (0x98FE_F500, 0xDFFF_FFFF)]);
        let many = (0..513).map(CanId::Standard);
        assert_eq!(Filter::exactly(many).words(), None);
        assert_eq!(Filter::exactly([]).words(), Some(vec![]));
    }
}
