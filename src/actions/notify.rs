//! `notify`, `sms`, `email`, `push`: a rule's own word to a person, by the name of a receiver, never by a number.

use crate::model::Note;
use crate::rules::{HostFunction, Param};

use super::{Action, ActionKind, Failure, Job, Lost, Performer, Posts};

/// Its row in the table.
pub(super) static KIND: ActionKind = ActionKind {
    name: "notify",
    summary: "tells a receiver of growctl.yaml something, through the outbox",
    example: r#"notify("growers", "The tank is empty"); sms("head-grower", "Come"); push("growers", "Harvest");
email("head-grower", "Weekly report", `${msg.temperature} °C`);"#,
    functions: &[
        HostFunction {
            name: "notify",
            params: &[Param::Text, Param::Any],
            summary: "tells a receiver, in every way there is to it",
        },
        HostFunction { name: "sms", params: &[Param::Text, Param::Any], summary: "tells a receiver by text message" },
        HostFunction { name: "push", params: &[Param::Text, Param::Any], summary: "tells a receiver by push message" },
        HostFunction {
            name: "email",
            params: &[Param::Text, Param::Any, Param::Any],
            summary: "tells a receiver by e-mail: receiver, subject, text",
        },
    ],
    performer: Performer::Thread(|context| Ok(Box::new(Notify(context.posts.clone())))),
};

struct Notify(Posts);

impl Action for Notify {
    fn perform(&mut self, job: &Job<'_>) -> Result<(), Failure> {
        let (receiver, summary, details) = match job.args {
            [receiver, text] => (receiver, text.to_string(), Vec::new()),
            [receiver, subject, text] => {
                (receiver, subject.to_string(), text.to_string().lines().map(str::to_owned).collect())
            }
            args => {
                return Err(Failure::Call(format!(
                    "{}() takes a receiver and a text, not {} values",
                    job.function,
                    args.len()
                )));
            }
        };
        let receiver =
            receiver.as_text().ok_or_else(|| Failure::Call("the name of a receiver is a text".to_owned()))?;
        let (rule, since) = (job.origin.rule.clone(), job.at.utc.seconds());
        let note = Note { summary, details, rule, since, count: 1, ..Note::default() };
        let way = (job.function != "notify").then_some(job.function);
        self.0.tell(job.at.utc, receiver, way, &note)
    }

    fn flush(&mut self, _: &mut Vec<Lost>) {}
}
