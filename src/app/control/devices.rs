//! The answers to what is asked about devices on the control socket.

use serde_json::{Value, json};

use crate::model::Timestamp;
use crate::store::Question;
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
            DeviceAsk::Why(device, answer) => {
                let why = self.core.device_why(now, &device, &mut self.outputs);
                let _ = answer.send(why.map(|(why, places)| self.named(json!(why), places)));
            }
            DeviceAsk::History { device, seconds, limit, answer } => {
                let since = now.utc.seconds() - seconds;
                let question = Question::History { of: Some((device.room, device.device)), since, limit, answer };
                let refused = match &self.outlets.store {
                    Some(store) => store.ask(question),
                    None => Err(question),
                };
                if let Err(Question::History { answer, .. }) = refused {
                    let _ = answer.send(Err("the store takes no question now; try again".to_owned()));
                }
            }
        }
    }

    /// Puts in what the Guard does not know: the names of buses, and where rules ask.
    fn named(&self, mut why: Value, places: Vec<Option<String>>) -> Value {
        for part in ["command", "feedback"] {
            let bus = why[part]["bus"].as_u64().and_then(|at| self.status.buses.get(at as usize));
            if let Some(bus) = bus {
                why[part]["bus"] = json!(bus.name);
            }
        }
        for (at, place) in places.into_iter().enumerate() {
            why["requests"][at]["place"] = json!(place);
        }
        why
    }
}
