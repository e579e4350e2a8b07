use growctl_engine::app::Settings;
use serde_json::json;

use super::*;
use crate::commands::words::Clock;

fn book() -> serde_json::Value {
    let long =
        "Flower Room/front is 31.4 °C and has been for an hour, although the exhaust is at 100 % and it is night";
    json!({
        "now": 1_767_225_600.0,
        "alerts": [
            { "code": "K3F", "rule": "heat-alert", "instance": "FR-C1", "severity": "critical", "state": "firing",
              "summary": long, "since": 1_767_222_000.0, "told": ["boss", "head-grower"], "waits_for": [],
              "acknowledged_by": null, "silenced": null, "repeats": 2, "next_repeat": 1_767_226_600.0,
              "next_escalation": null, "about": { "room": "Flower Room", "cluster": "front", "node": "FR-C1", "bus": "can0" },
              "labels": { "crop": "tomato" }, "escalates_to": [] },
            { "code": "7PX", "rule": "dead-sensor", "instance": "VR-C1", "severity": "warning", "state": "silenced",
              "summary": "No good reading from VR-C1", "since": 1_767_225_500.0, "told": [], "waits_for": ["growers"],
              "acknowledged_by": null, "silenced": "by anna: filters are changed", "repeats": 0, "labels": {}, "about": {} },
        ],
        "silences": [{ "id": "s1", "matchers": { "room": "Veg*", "rule": "dead-*" }, "until": 1_767_229_200.0,
                       "by": "anna", "reason": "filters are changed", "silences": 1 }],
        "waiting": [{ "receiver": "growers", "gathered": 0, "quiet": 3, "rate": 1 }],
        "told": 4,
    })
}

#[test]
fn the_list_says_who_was_told_and_fits_a_terminal() {
    let text = list::text(&book(), &Settings::default());
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    for piece in [
        "K3F   critical  firing",
        "heat-alert (FR-C1)",
        "told: boss, head-grower",
        "not told yet: growers",
        "silenced by anna: filters are changed",
        "silence s1: room=Veg* rule=dead-*",
        "for growers wait: 3 until the quiet hours end; 1 until there is room in the hour",
    ] {
        assert!(text.contains(piece), "{piece} is not in\n{text}");
    }
    let none = json!({ "now": 0.0, "alerts": [], "silences": [], "waiting": [] });
    assert_eq!(list::text(&none, &Settings::default()), "no alert fires\n");
}

#[test]
fn show_and_history_fit_too_and_leave_nothing_out() {
    let (settings, book) = (Settings::default(), book());
    let clock = Clock { settings: &settings, now: 1_767_225_600.0 };
    let text = show::text(&book["alerts"][0], &clock);
    for piece in ["about Flower Room, front, FR-C1, bus can0", "labels crop=tomato", "said again 2 times", "(1h ago)"] {
        assert!(text.contains(piece), "{piece} is not in\n{text}");
    }
    let rows = [json!({ "at": 1_767_222_000.0, "rule": "heat-alert", "instance": "FR-C1", "severity": "critical",
        "event": "acknowledged", "summary": book["alerts"][0]["summary"], "told": null, "by": "anna" })];
    let history = history::table(&rows, &clock);
    assert!(history.contains("acknowledged") && history.contains("by anna"), "{history}");
    assert!(text.lines().chain(history.lines()).all(|line| line.chars().count() <= 80), "{text}{history}");
}
