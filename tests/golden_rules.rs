//! Rule files that are wrong, and what is said about them: `tests/cases/rules/<case>/rules/*.yaml` → `error.txt`. A case
//! without faults has an empty one.

mod support;

use growctl_engine::files::Report;
use growctl_engine::rules::{Host, Site, load_folder};

#[test]
fn every_rule_file_says_what_is_expected() {
    let (inventory, host) = (support::inventory(), Host::new());
    let mut wrong = Vec::new();
    for case in support::cases("rules") {
        let mut report = Report::default();
        let site = Site { host: &host, inventory: &inventory };
        let rules = load_folder(&case, &site, &mut report);
        let names: Vec<String> = rules.iter().map(|rule| format!("loaded: {}\n", rule.name)).collect();
        support::compare(&case.join("error.txt"), &(report.render(false) + &names.concat()), &mut wrong);
    }
    support::conclude(&wrong);
}
