//! J1939: parameter groups in place of whole identifiers, and the raw values with which its nodes say that they have none.
//!
//! A group is matched by its number and, if one is named, by the source address: never by the priority, and where the
//! format makes the second byte a destination (PDU1, PF below 0xF0), never by that (SAE J1939-21).

use std::fmt;

use hashbrown::HashMap;

use crate::can::{BusId, CanId};

use super::layout::{Kind, Layout};

/// Up from here the second byte of a number is part of it (PDU2); below, it is a destination (PDU1).
const PDU2: u32 = 0xF0;
/// The destination that means everybody.
const GLOBAL: u32 = 0xFF;
/// Priority of ordinary data, 6, in its place in an identifier.
const PRIORITY: u32 = 6 << 26;
/// The last address that a node can have: 0xFE is none, 0xFF all.
pub(super) const LAST_ADDRESS: u8 = 0xFD;

/// A parameter group of one sender, or of any.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Group {
    /// The number of the group, 18 bits.
    pub pgn: u32,
    /// The source address; `None`: any.
    pub source: Option<u8>,
}

impl Group {
    /// The group of an extended identifier with its sender; there is none of a standard one.
    #[must_use]
    pub fn of(id: CanId) -> Option<Group> {
        let CanId::Extended(raw) = id else { return None };
        let whole = raw >> 8 & 0x3_FFFF;
        let pgn = if is_addressed(whole) { whole & 0x3_FF00 } else { whole };
        Some(Group { pgn, source: Some(raw as u8) })
    }

    /// The bits of an identifier that tell the group.
    #[must_use]
    pub fn mask(self) -> u32 {
        let number = if is_addressed(self.pgn) { 0x03FF_0000 } else { 0x03FF_FF00 };
        number | if self.source.is_some() { 0xFF } else { 0 }
    }

    /// An identifier that a node of the group could send with.
    #[must_use]
    pub fn example(self) -> CanId {
        let to = if is_addressed(self.pgn) { GLOBAL } else { 0 };
        CanId::Extended(PRIORITY | (self.pgn | to) << 8 | u32::from(self.source.unwrap_or(LAST_ADDRESS)))
    }
}

/// Whether the second byte of a number stands for a destination.
pub(super) fn is_addressed(pgn: u32) -> bool {
    pgn >> 8 & 0xFF < PDU2
}

impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PGN 0x{:04X}", self.pgn)?;
        self.source.map_or(Ok(()), |source| write!(f, " from 0x{source:02X}"))
    }
}

/// How the map says whose frames are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Address {
    /// Those with this identifier.
    Id(CanId),
    /// Those of a J1939 group.
    Group(Group),
}

impl From<CanId> for Address {
    fn from(id: CanId) -> Address {
        Address::Id(id)
    }
}

/// As users write it: `0x181`, `PGN 0xFEF5`.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Id(id) => id.fmt(f),
            Address::Group(group) => group.fmt(f),
        }
    }
}

/// Something for each address of the map. The nearest description of a frame has it: its identifier, then its group with
/// its sender, then its group.
#[derive(Debug)]
pub(super) struct Directory<T> {
    exact: HashMap<(BusId, CanId), T>,
    groups: HashMap<(BusId, Group), T>,
}

impl<T> Default for Directory<T> {
    fn default() -> Directory<T> {
        Directory { exact: HashMap::new(), groups: HashMap::new() }
    }
}

impl<T> Directory<T> {
    /// What is at an address, put there first if nothing is.
    pub(super) fn entry(&mut self, bus: BusId, address: Address, otherwise: impl FnOnce() -> T) -> &mut T {
        match address {
            Address::Id(id) => self.exact.entry((bus, id)).or_insert_with(otherwise),
            Address::Group(group) => self.groups.entry((bus, group)).or_insert_with(otherwise),
        }
    }

    /// What the frames of an identifier have.
    #[inline]
    pub(super) fn find(&self, bus: BusId, id: CanId) -> Option<&T> {
        let exact = self.exact.get(&(bus, id));
        if exact.is_some() || self.groups.is_empty() {
            return exact;
        }
        let group = Group::of(id)?;
        let any = || self.groups.get(&(bus, Group { source: None, ..group }));
        self.groups.get(&(bus, group)).or_else(any)
    }
}

/// From which raw value on a signal says that there is none: "error" and "not available" of SAE J1939-71, tables 1 and 2.
/// That is 0xFE and 0xFF in the most significant byte of a whole number of bytes, and 2 and 3 of two bits. `None`: the
/// standard says nothing about such a signal.
pub(super) fn no_value_from(layout: Layout) -> Option<u64> {
    match (layout.kind, layout.width) {
        (Kind::Unsigned, 2) => Some(2),
        (Kind::Unsigned, width @ (8 | 16 | 24 | 32)) => Some(0xFE << (width - 8)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(pgn: u32, source: u8) -> Group {
        Group { pgn, source: Some(source) }
    }

    #[test]
    fn priority_and_destination_are_no_part_of_a_group() {
        for (raw, pgn) in [
            (0x18FE_F51A, 0xFEF5),
            (0x0CFE_F51A, 0xFEF5),
            (0x19FE_F51A, 0x1_FEF5),
            (0x1AFE_F51A, 0x2_FEF5),
            (0x18EF_031A, 0xEF00),
            (0x18EF_FF1A, 0xEF00),
            (0x18F0_041A, 0xF004),
            (0x1800_001A, 0),
        ] {
            assert_eq!(Group::of(CanId::Extended(raw)), Some(group(pgn, 0x1A)), "{raw:08X}");
        }
        assert_eq!(Group::of(CanId::Standard(0x181)), None);
    }

    #[test]
    fn the_masks_are_those_of_the_facts() {
        let same = |a: u32, b: u32| Group::of(CanId::Extended(a)) == Group::of(CanId::Extended(b));
        let mut random = fastrand::Rng::with_seed(1);
        for _ in 0..20_000 {
            let (a, flip) = (random.u32(..1 << 29), random.u32(..1 << 29) & random.u32(..) & random.u32(..));
            let (a, b) = (a & !0xFF, (a ^ flip) & !0xFF);
            let mask = if a >> 16 & 0xFF < 0xF0 { 0x03FF_0000 } else { 0x03FF_FF00 };
            let other = if b >> 16 & 0xFF < 0xF0 { 0x03FF_0000 } else { 0x03FF_FF00 };
            assert_eq!(same(a, b), a & mask == b & mask && mask == other, "{a:08X} {b:08X}");
        }
    }

    #[test]
    fn the_nearest_description_of_a_frame_has_it() {
        let (bus, id) = (BusId(0), CanId::Extended(0x18FE_F51A));
        let mut directory = Directory::default();
        assert_eq!(directory.find(bus, id), None);
        directory.entry(bus, Address::Group(Group { pgn: 0xFEF5, source: None }), || "any");
        assert_eq!((directory.find(bus, id), directory.find(BusId(1), id)), (Some(&"any"), None));
        directory.entry(bus, Address::Group(group(0xFEF5, 0x1A)), || "one");
        directory.entry(bus, Address::Group(group(0xFEF5, 0x1B)), || "other");
        assert_eq!(directory.find(bus, id), Some(&"one"));
        directory.entry(bus, Address::Id(id), || "exact");
        assert_eq!(directory.find(bus, id), Some(&"exact"));
        assert_eq!(directory.find(bus, CanId::Extended(0x0CFE_F51A)), Some(&"one"), "another priority");
        assert_eq!(directory.find(bus, CanId::Extended(0x18FE_F533)), Some(&"any"));
    }

    #[test]
    fn an_example_of_a_group_is_of_that_group() {
        for pgn in [0xFEF5, 0xEF00, 0, 0x1_F000, 0x3_FFFF] {
            assert_eq!(Group::of(group(pgn, 7).example()), Some(group(pgn, 7)));
        }
    }
}

#[cfg(test)]
#[path = "j1939_tests.rs"]
mod map_tests;
