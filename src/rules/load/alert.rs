//! `alert` of a rule file: who is told, when again, and a summary whose `${…}` are compiled.

use std::sync::Arc;
use std::time::Duration;

use crate::files::{Place, Spanned};
use crate::model::{AlertPlan, Escalation, Name, Severity, parse_duration};

use super::super::alert::{Alert, Part};
use super::super::spec::{AlertSpec, OneOrMore};
use super::super::{RuleSpec, ScriptError};
use super::Loading;

/// The longest summary: it must fit into a message on a phone.
const LONGEST: usize = 400;

impl Loading<'_> {
    pub(super) fn alert(&mut self, spec: &RuleSpec, segments: &[Name]) -> Option<Alert> {
        let alert = spec.alert.as_ref()?;
        let plan = AlertPlan {
            severity: self.severity(alert.severity.as_ref()),
            notify: self.names_of(alert.notify.as_ref()),
            repeat: self.pauses(alert.repeat.as_ref()),
            escalate: self.escalate(alert),
        };
        let (text, parts) = match &alert.summary {
            Some(summary) => (summary.value.clone(), self.summary(summary, segments)),
            None => {
                let text = spec.description.as_ref().map(|text| text.value.clone());
                let text =
                    text.unwrap_or_else(|| self.file.path.file_stem().unwrap_or_default().to_string_lossy().into());
                (text.clone(), vec![Part::Text(text)])
            }
        };
        Some(Alert { plan, text, parts })
    }

    fn severity(&mut self, text: Option<&Spanned<String>>) -> Severity {
        let Some(text) = text else { return Severity::Warning };
        let found = Severity::ALL.into_iter().find(|severity| severity.name() == text.value);
        found.unwrap_or_else(|| {
            let message = format!("`{}` is no severity: info, warning or critical", text.value);
            self.report.error(self.file, text.place, message).did_you_mean(text, Severity::ALL.map(Severity::name));
            Severity::Warning
        })
    }

    fn names_of(&mut self, texts: Option<&OneOrMore>) -> Arc<[Name]> {
        let mut names: Vec<Name> = Vec::new();
        for text in texts.iter().flat_map(|texts| texts.iter()) {
            let name = Name::from(text.value.trim());
            if name.is_empty() {
                self.report.error(
                    self.file,
                    text.place,
                    "is empty: the name of a receiver of growctl.yaml stands here",
                );
            } else if !names.contains(&name) {
                names.push(name);
            }
        }
        names.into()
    }

    fn pauses(&mut self, texts: Option<&OneOrMore>) -> Arc<[Duration]> {
        let texts = texts.iter().flat_map(|texts| texts.iter());
        texts.filter_map(|text| self.pause(text, "said again without a pause")).collect::<Vec<_>>().into()
    }

    fn pause(&mut self, text: &Spanned<String>, zero: &str) -> Option<Duration> {
        match parse_duration(text) {
            Ok(Duration::ZERO) => {
                self.report.error(self.file, text.place, format!("`{}`: it would be {zero}", text.value));
                None
            }
            Ok(pause) => Some(pause),
            Err(message) => {
                self.report.error(self.file, text.place, message);
                None
            }
        }
    }

    fn escalate(&mut self, alert: &AlertSpec) -> Arc<[Escalation]> {
        let mut steps = Vec::new();
        for step in alert.escalate.iter().flatten() {
            let notify = self.names_of(step.notify.as_ref());
            let (Some(after), false) = (&step.after, notify.is_empty()) else {
                // Of what was wrong enough has been said.
                if !self.gaps.is_empty() {
                    continue;
                }
                let named = step.notify.as_ref().and_then(|names| names.iter().next()).map(|name| name.place);
                let place: Option<Place> = step.after.as_ref().map(|after| after.place).or(named);
                let place = place.unwrap_or_else(|| self.file.key("alert"));
                let message = "a step of `escalate` has `after` and `notify`: when, and who is told then";
                self.report.error(self.file, place, message).help("as in escalate: [{ after: 30m, notify: [boss] }]");
                continue;
            };
            let after = self.pause(after, "told at once: that is what `notify` of the alert is for");
            steps.extend(after.map(|after| Escalation { after, notify }));
        }
        steps.sort_by_key(|step| step.after);
        steps.into()
    }

    /// Texts, and what stands in `${…}` between them.
    fn summary(&mut self, text: &Spanned<String>, segments: &[Name]) -> Vec<Part> {
        if text.value.trim().is_empty() {
            self.report.error(self.file, text.place, "is empty: one line for people stands here");
        }
        if text.value.len() > LONGEST {
            let message = format!("a summary of {} bytes is too long: at most {LONGEST}", text.value.len());
            self.report.error(self.file, text.place, message).help("it must fit into a message on a phone");
        }
        let (mut parts, mut rest) = (Vec::new(), 0);
        while let Some(begin) = text.value[rest..].find("${").map(|at| rest + at) {
            parts.push(Part::Text(text.value[rest..begin].to_owned()));
            let Some(end) = closing(&text.value, begin + 2) else {
                let (line, column) = position(&text.value, begin);
                let error = ScriptError { message: "`${` is not closed by `}`".to_owned(), at: Some((line, column)) };
                self.refuse::<()>(text, error, segments);
                return parts;
            };
            // Blanks in front, so that faults have their place in the whole text.
            let before = text.value[..begin + 2].chars().map(|c| if c == '\n' { '\n' } else { ' ' });
            let inner = before.collect::<String>() + &text.value[begin + 2..end];
            if text.value[begin + 2..end].trim().is_empty() {
                let error = ScriptError {
                    message: "`${}` is empty: a value such as msg.temperature stands here".to_owned(),
                    at: Some(position(&text.value, begin)),
                };
                self.refuse::<()>(text, error, segments);
            } else {
                match self.site.host.compile_question(&inner, segments, &mut self.windows) {
                    Ok(script) => {
                        self.gather(text, &script);
                        parts.push(Part::Value(script));
                    }
                    Err(error) => {
                        self.refuse::<()>(text, error, segments);
                    }
                }
            }
            rest = end + 1;
        }
        parts.push(Part::Text(text.value[rest..].to_owned()));
        parts
    }
}

/// Where the brace that closes one stands, beyond those that open meanwhile and those in texts.
fn closing(text: &str, from: usize) -> Option<usize> {
    let (mut depth, mut quote) = (0_u32, None);
    for (at, c) in text[from..].char_indices() {
        match (quote, c) {
            (Some(open), c) if open == c => quote = None,
            (Some(_), _) => {}
            (None, '"' | '`') => quote = Some(c),
            (None, '{') => depth += 1,
            (None, '}') if depth == 0 => return Some(from + at),
            (None, '}') => depth -= 1,
            _ => {}
        }
    }
    None
}

/// Line and column of a byte, from 1.
fn position(text: &str, at: usize) -> (usize, usize) {
    let before = &text[..at];
    let line = before.rsplit('\n').next().unwrap_or_default();
    (before.matches('\n').count() + 1, line.chars().count() + 1)
}
