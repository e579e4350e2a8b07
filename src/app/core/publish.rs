//! What a rule publishes, on its way into the queue.

use std::sync::Arc;

use crate::app::Output;
use crate::model::{Fields, Name, Origin, Provenance, Value};

use super::trail::Trail;
use super::{Core, Hop, MOST_HOPS, message};

impl Core {
    pub(super) fn publish(
        &mut self,
        origin: Origin,
        hop: u8,
        (channel, mut fields): (Name, Fields),
        trail: Option<&Arc<Trail>>,
        out: &mut Vec<Output>,
    ) {
        let trail = Trail::behind(origin.rule.clone(), trail);
        if hop >= MOST_HOPS {
            return self.refuse_circle(&trail, channel, out);
        }
        if let (None, Some(revision)) = (fields.get(&self.names.revision), origin.revision) {
            fields.push(self.names.revision.clone(), Value::Text(revision));
        }
        let delivery = self.router.stamp(self.now, message(channel, Provenance::Rule, hop + 1, fields));
        self.queue.push_back(Hop { delivery, trail: Some(trail) });
    }
}
