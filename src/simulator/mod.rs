//! The built-in plant: rooms with a balance of energy, water and carbon dioxide, seen and switched through the frames of
//! the channel map. It is what is at the other end of a bus with `simulate: true`. Pure: time and commands come in as
//! arguments, the same seed gives the same frames. Rank 3: above `channels`, because it encodes with the map.

mod actuator;
mod build;
mod climate;
mod fault;
mod plant;
mod quantity;
mod room;
mod sender;

pub use fault::FaultKind;
pub use plant::{Plant, PlantCounts};
pub use quantity::well;

#[cfg(test)]
mod fault_tests;
#[cfg(test)]
mod fixture;
#[cfg(test)]
mod plant_tests;
