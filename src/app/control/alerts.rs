//! The answers to what is asked about alerts on the control socket.

use serde_json::json;

use crate::model::Timestamp;
use crate::store::Question;
use crate::web::AlertAsk;

use super::Control;

impl Control {
    /// Answers one question; whoever asked may have gone, then the answer is nobody's.
    pub(super) fn answer_alert(&mut self, now: Timestamp, asked: AlertAsk) {
        match asked {
            AlertAsk::List(answer) => {
                let mut book = json!(self.core.alerts(now, &mut self.outputs));
                book["now"] = json!(now.utc.seconds());
                let _ = answer.send(book);
            }
            AlertAsk::Ack { which, by, answer } => {
                let meant = self.core.acknowledge(now, &which, &by, &mut self.outputs);
                let one = |(rule, instance)| json!({ "rule": rule, "instance": instance });
                let all = meant.map(|keys| json!({ "acknowledged": keys.into_iter().map(one).collect::<Vec<_>>() }));
                let _ = answer.send(all);
            }
            AlertAsk::Silence { wish, answer } => {
                let id = self.core.silence(now, wish, &mut self.outputs);
                let silences = self.core.alerts(now, &mut self.outputs).silences;
                let mut silence = json!(silences.into_iter().find(|silence| silence.id == id));
                silence["now"] = json!(now.utc.seconds());
                let _ = answer.send(silence);
            }
            AlertAsk::Unsilence(id, answer) => {
                let _ = answer.send(self.core.unsilence(now, &id, &mut self.outputs));
            }
            AlertAsk::History { rule, seconds, limit, answer } => {
                let since = now.utc.seconds() - seconds;
                let question = Question::Alerts { rule, since, limit, answer };
                let refused = match &self.outlets.store {
                    Some(store) => store.ask(question),
                    None => Err(question),
                };
                if let Err(Question::Alerts { answer, .. }) = refused {
                    let _ = answer.send(Err("the store takes no question now; try again".to_owned()));
                }
            }
        }
    }
}
