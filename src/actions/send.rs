//! `send(target, value)`: a value for a machine, through the outbox.

use crate::rules::{HostFunction, Param};

use super::{Action, ActionKind, Failure, Job, Lost, Performer, Posts};

/// Its row in the table.
pub(super) static KIND: ActionKind = ActionKind {
    name: "send",
    summary: "sends a value to a target of growctl.yaml: a database, a broker, a web service, a file",
    example: r#"send("influx", msg);"#,
    functions: &[HostFunction {
        name: "send",
        params: &[Param::Text, Param::Any],
        summary: "puts the value into the outbox for a target; it is delivered in order, and tried again for days",
    }],
    performer: Performer::Thread(|context| Ok(Box::new(Send(context.posts.clone())))),
};

struct Send(Posts);

impl Action for Send {
    fn perform(&mut self, job: &Job<'_>) -> Result<(), Failure> {
        let [target, value] = job.args else {
            return Err(Failure::Call(format!("send() takes a target and a value, not {} values", job.args.len())));
        };
        let target = target.as_text().ok_or_else(|| Failure::Call("the name of a target is a text".to_owned()))?;
        let body = serde_json::to_string(value).map_err(|error| Failure::Call(format!("no JSON: {error}")))?;
        self.0.send(job.at.utc, target, body)
    }

    fn flush(&mut self, _: &mut Vec<Lost>) {}
}
