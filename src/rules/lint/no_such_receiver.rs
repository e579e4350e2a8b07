//! Names in an alert's `notify` and `escalate` that are nobody in `growctl.yaml`. A warning, since that file belongs to
//! a machine, and since a rule that switches devices must not wait for a phone number.

use crate::files::{Report, Severity};

use super::{All, Lint, Of};

pub(super) static LINT: Lint = Lint {
    id: "no-such-receiver",
    severity: Severity::Warning,
    finds: "a name in `notify` or `escalate` that is none of the `receivers` of growctl.yaml",
    of: Of::Rules(check),
};

fn check(all: &All<'_>, report: &mut Report) {
    for looking in all.rules.iter().filter(|looking| looking.minds(&LINT)) {
        let unknown = looking.rule.receivers.iter().filter(|name| !all.receivers.iter().any(|r| **r == *name.value));
        for name in unknown {
            let message = LINT.tag(format!("there is no receiver `{}`", name.value));
            let fault = report.warning(&looking.rule.file, name.place, message);
            match all.receivers {
                [] => fault.help("growctl.yaml has no `receivers`: who is to be told, and how?"),
                known => fault.did_you_mean(name, known.iter().map(|known| &**known)),
            }
        }
    }
}
