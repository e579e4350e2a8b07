//! Names in an alert's `notify` and `escalate`, and in scripts, that are nobody in `growctl.yaml`. A warning, since that file belongs to
//! a machine, and since a rule that switches devices must not wait for a phone number.

use crate::files::{Report, Severity};

use super::{All, Lint, Of};

pub(super) static LINT: Lint = Lint {
    id: "no-such-receiver",
    severity: Severity::Warning,
    finds: "a name in `notify`, `escalate` or `notify(…)` that is none of the `receivers` of growctl.yaml",
    of: Of::Rules(check),
};

fn check(all: &All<'_>, report: &mut Report) {
    for looking in all.rules.iter().filter(|looking| looking.minds(&LINT)) {
        let of_alert = looking.rule.receivers.iter().map(|name| (name.value.as_str(), name.place));
        let of_scripts = looking.outside(|function| function != "send");
        let of_scripts = of_scripts.map(|(text, name, range)| (&**name, text.written.place(range)));
        for (name, place) in of_alert.chain(of_scripts).filter(|(name, _)| !all.receivers.iter().any(|r| **r == **name))
        {
            let message = LINT.tag(format!("there is no receiver `{name}`"));
            let fault = report.warning(&looking.rule.file, place, message);
            match all.receivers {
                [] => fault.help("growctl.yaml has no `receivers`: who is to be told, and how?"),
                known => fault.did_you_mean(name, known.iter().map(|known| &**known)),
            }
        }
    }
}
