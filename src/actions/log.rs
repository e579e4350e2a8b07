//! `info`, `warn`, `error`: a rule's word in the engine's own log.

use crate::rules::{HostFunction, Param};

use super::{Action, ActionKind, Failure, Job, Lost, Performer};

/// Its row in the table.
pub(super) static KIND: ActionKind = ActionKind {
    name: "log",
    summary: "writes a line into the engine's log",
    example: r#"info("begins"); warn(`${msg.node} is at ${msg.temperature} °C`); error(msg);"#,
    functions: &[
        HostFunction { name: "info", params: &[Param::Any], summary: "writes to the log: good to know" },
        HostFunction { name: "warn", params: &[Param::Any], summary: "writes to the log: somebody should look" },
        HostFunction { name: "error", params: &[Param::Any], summary: "writes to the log: somebody must act" },
    ],
    performer: Performer::Thread(|_| Ok(Box::new(Log))),
};

struct Log;

impl Action for Log {
    fn perform(&mut self, job: &Job<'_>) -> Result<(), Failure> {
        let [value] = job.args else {
            return Err(Failure::Call(format!("{}() takes one value, not {}", job.function, job.args.len())));
        };
        // One event is one line, whatever a message from outside carries.
        let text = value.to_string().replace(char::is_control, " ");
        let (rule, instance) = (&*job.origin.rule, &*job.origin.instance);
        let revision = job.origin.revision.as_deref();
        match job.function {
            "error" => tracing::error!(rule, instance, revision, "{text}"),
            "warn" => tracing::warn!(rule, instance, revision, "{text}"),
            _ => tracing::info!(rule, instance, revision, "{text}"),
        }
        Ok(())
    }

    fn flush(&mut self, _: &mut Vec<Lost>) {}
}

#[cfg(test)]
mod tests {
    use std::fmt::Debug;
    use std::sync::{Arc, Mutex};

    use tracing::field::{Field, Visit};
    use tracing::{Event, Metadata, Subscriber, span};

    use super::*;
    use crate::model::{Origin, Timestamp, Value};

    /// Keeps each event as `LEVEL field=value …`.
    #[derive(Clone, Default)]
    struct Book(Arc<Mutex<Vec<String>>>);

    struct Line(String);

    impl Visit for Line {
        fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
            self.0 += &format!(" {field}={value:?}");
        }
    }

    impl Subscriber for Book {
        fn enabled(&self, _: &Metadata<'_>) -> bool {
            true
        }
        fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
            span::Id::from_u64(1)
        }
        fn record(&self, _: &span::Id, _: &span::Record<'_>) {}
        fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
        fn event(&self, event: &Event<'_>) {
            let mut line = Line(event.metadata().level().to_string());
            event.record(&mut line);
            self.0.lock().unwrap().push(line.0);
        }
        fn enter(&self, _: &span::Id) {}
        fn exit(&self, _: &span::Id) {}
    }

    #[test]
    fn each_function_has_its_level_and_an_event_is_one_line() {
        let book = Book::default();
        let origin =
            Origin { rule: "cool".into(), instance: "FR-C1".into(), priority: 50, shadow: false, revision: None };
        tracing::subscriber::with_default(book.clone(), || {
            for (function, value) in
                [("info", Value::text("a\nb")), ("warn", Value::Number(5.0)), ("error", Value::Null)]
            {
                Log.perform(&Job { at: Timestamp::default(), function, args: &[value], origin: &origin }).unwrap();
            }
        });
        let from = r#"rule="cool" instance="FR-C1""#;
        let mut lines = book.0.lock().unwrap().clone();
        lines.iter_mut().for_each(|line| *line = line.replace(&format!(" {from}"), " <from>"));
        assert_eq!(lines, ["INFO message=a b <from>", "WARN message=5 <from>", "ERROR message=no value <from>"]);
    }
}
