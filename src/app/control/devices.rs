//! The answers to what is asked about devices on the control socket.

use serde_json::json;

use crate::model::Timestamp;
use crate::web::DeviceAsk;

use super::Control;

impl Control {
    /// Answers one question; whoever asked may have gone, then the answer is nobody's.
    pub(super) fn answer_device(&mut self, now: Timestamp, asked: DeviceAsk) {
        match asked {
            DeviceAsk::List(answer) => {
                self.core.advance(now, &mut self.outputs);
                let _ = answer.send(json!({ "now": now.utc.seconds(), "devices": self.core.parts().3.status() }));
            }
            DeviceAsk::Person { device, fields, answer } => {
                let said = self.core.person(now, &device, &fields, &mut self.outputs);
                let _ = answer.send(said.map(|word| json!(word)));
            }
        }
    }
}
