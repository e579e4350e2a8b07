//! A plant of rooms without hardware: it answers in the map's own frames, so that control loops close and faults can be
//! tried. Pure and deterministic by seed. Rank 3, above `channels`, because it encodes with the map.

mod climate;
mod plant;

pub use climate::{Climate, Inputs};
pub use plant::Plant;
