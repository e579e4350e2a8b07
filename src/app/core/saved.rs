//! What the parts want kept beyond this run.

use crate::model::Saved;

use super::Core;

impl Core {
    /// Moves everything that changed since the last call, and must outlive this run, to the end of `into`. No part has anything yet.
    pub fn drain_saved(&mut self, _into: &mut Vec<Saved>) {}
}
