//! Rule files that are wrong, and what is said about them: `tests/cases/rules/<case>/rules/*.yaml` → `error.txt`. A case
//! without faults has an empty one.

mod support;

use growctl_engine::files::Report;
use growctl_engine::rules::{Host, Site, load_folder};

#[test]
fn every_rule_file_says_what_is_expected() {
    let (inventory, host) = (support::inventory(), Host::new(&growctl_engine::actions::host_functions()));
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

#[test]
fn huge_files_and_bombs_are_refused_and_hide_no_rule() {
    let site_folder = tempfile::tempdir().expect("a folder");
    let rules = site_folder.path().join("rules");
    std::fs::create_dir(&rules).expect("it is new");
    let aliases = (1..12).map(|n| format!("x{n}: &x{n} [{}]\n", vec![format!("*x{}", n - 1); 9].join(",")));
    let bomb = format!("x0: &x0 [y]\n{}", aliases.collect::<String>());
    let good = "subscribe: \"sensor:update\"\neach: info(channel)\n";
    let huge = format!("each: |\n{}", "  info(1);\n".repeat(1_000_000));
    for (name, text) in [("bomb", bomb.as_str()), ("good", good), ("huge", &huge)] {
        std::fs::write(rules.join(format!("{name}.yaml")), text).expect("it can be written");
    }
    std::fs::write(rules.join("latin.yaml"), b"description: \xe9").expect("it can be written");
    let (inventory, host, mut report) =
        (support::inventory(), Host::new(&growctl_engine::actions::host_functions()), Report::default());
    let loaded = load_folder(site_folder.path(), &Site { host: &host, inventory: &inventory }, &mut report);
    assert_eq!(loaded.iter().map(|rule| &*rule.name).collect::<Vec<_>>(), ["good"]);
    let faulty: Vec<_> = report.diagnostics.iter().map(|fault| fault.path().to_string_lossy().into_owned()).collect();
    assert_eq!(faulty, ["rules/bomb.yaml", "rules/huge.yaml", "rules/latin.yaml"], "{}", report.render(false));
}

#[test]
fn a_broken_map_hides_no_fault_of_a_rule_and_makes_none() {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).expect("it can be written");
    std::fs::create_dir(folder.path().join("rules")).expect("it is new");
    write("channels.yaml", "version: 1\nbusses: {}\n");
    write("growctl.yaml", "time_zone: [x, y]\n");
    write("rules/good.yaml", "subscribe: \"sensor:update:A\"\neach: device(\"A\", \"b\").set(msg.x);\n");
    write("rules/bad.yaml", "subscribe: \"sensor:update:A\"\neach: info(c);\nfro: 3s\n");
    let mut report = Report::default();
    assert!(growctl_engine::app::Site::load(folder.path(), &mut report).is_none());
    let places: Vec<String> =
        report.diagnostics.iter().map(|fault| format!("{}:{}", fault.path().display(), fault.place.line)).collect();
    assert_eq!(places, ["growctl.yaml:1", "channels.yaml:2", "rules/bad.yaml:2", "rules/bad.yaml:3"]);
}
