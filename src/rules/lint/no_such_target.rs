//! Targets that scripts name and that are none in `growctl.yaml`. A warning, as for receivers: that file belongs to a machine.

use crate::files::{Report, Severity};

use super::{All, Lint, Of};

pub(super) static LINT: Lint = Lint {
    id: "no-such-target",
    severity: Severity::Warning,
    finds: "a name in `send(…)` that is none of the `targets` of growctl.yaml",
    of: Of::Rules(check),
};

fn check(all: &All<'_>, report: &mut Report) {
    for looking in all.rules.iter().filter(|looking| looking.minds(&LINT)) {
        for (text, name, range) in looking.outside(|function| function == "send") {
            if all.targets.contains(name) {
                continue;
            }
            let message = LINT.tag(format!("there is no target `{name}`"));
            let fault = report.warning(&looking.rule.file, text.written.place(range), message);
            match all.targets {
                [] => fault.help("growctl.yaml has no `targets`: where is it to be sent, and how?"),
                known => fault.did_you_mean(name, known.iter().map(|known| &**known)),
            }
        }
    }
}
