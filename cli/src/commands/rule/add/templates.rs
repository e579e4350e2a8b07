//! The table of templates. One more is two files under `cli/templates/rules/`, a recipe that fills them, and a row here.

use growctl_engine::channels::ChannelMap;
use growctl_engine::files::closest;

use super::Made;
use super::fill::{fill, fill_tests};
use super::plant::Refusal;
use super::recipes::{self, Prepared};
use super::wishes::Wishes;

/// One template.
pub(super) struct Template {
    pub(super) name: &'static str,
    pub(super) summary: &'static str,
    /// What the site must have.
    pub(super) needs: &'static str,
    /// The flags that it takes beside those that all take, without dashes.
    pub(super) takes: &'static [&'static str],
    pub(super) rule: &'static str,
    pub(super) test: &'static str,
    pub(super) prepare: fn(&Wishes, &ChannelMap) -> Result<Prepared, Refusal>,
}

macro_rules! text {
    ($file:literal) => {
        include_str!(concat!("../../../../templates/rules/", $file, ".yaml"))
    };
}

const SWITCH: &[&str] = &["room", "cluster", "device", "field", "above", "below", "set", "for"];
const WATCH: &[&str] = &["room", "cluster", "field", "above", "below", "for"];
const PASS_ON: &[&str] = &["room", "cluster", "cooldown"];

/// All templates, in the order in which they are shown.
pub(super) static TEMPLATES: [Template; 11] = [
    Template {
        name: "cooling",
        summary: "a fan or cooler on above one temperature, let go below another",
        needs: "a node with temperature and a fan, exhaust or cooler in one room",
        takes: SWITCH,
        rule: text!("cooling"),
        test: text!("switch_test"),
        prepare: recipes::switching::cooling,
    },
    Template {
        name: "heating",
        summary: "a heater on below one temperature, let go above another",
        needs: "a node with temperature and a heater in one room",
        takes: SWITCH,
        rule: text!("heating"),
        test: text!("switch_test"),
        prepare: recipes::switching::heating,
    },
    Template {
        name: "humidity",
        summary: "a dehumidifier on above one humidity, or a humidifier below",
        needs: "a node with humidity and a dehumidifier or humidifier in one room",
        takes: SWITCH,
        rule: text!("humidity"),
        test: text!("switch_test"),
        prepare: recipes::switching::humidity,
    },
    Template {
        name: "irrigation",
        summary: "shots of water when the probes are dry, with rests between and so many a day",
        needs: "nodes with vwc or moisture and a valve or pump in one room",
        takes: &["room", "cluster", "device", "field", "below", "set", "for", "until", "cooldown"],
        rule: text!("irrigation"),
        test: text!("irrigation_test"),
        prepare: recipes::irrigation::irrigation,
    },
    Template {
        name: "lights",
        summary: "lamps on and off by the clock",
        needs: "a lamp: a device of kind dimmer, light or lamp",
        takes: &["room", "device", "set", "on-at", "off-at"],
        rule: text!("lights"),
        test: text!("lights_test"),
        prepare: recipes::lights::lights,
    },
    Template {
        name: "alert",
        summary: "warns in the log and on a channel of its own while a value is out of bounds",
        needs: "a node with the field",
        takes: WATCH,
        rule: text!("alert"),
        test: text!("alert_test"),
        prepare: recipes::switching::alert,
    },
    Template {
        name: "dead-sensor",
        summary: "warns when a node has fallen silent, and says when it speaks again",
        needs: "a node whose frame has a cycle",
        takes: &["room", "cluster", "for"],
        rule: text!("dead-sensor"),
        test: text!("dead-sensor_test"),
        prepare: recipes::silence::dead_sensor,
    },
    Template {
        name: "log",
        summary: "every reading and every change of a device as a JSON line in a file a day",
        needs: "a node",
        takes: &["room", "cluster"],
        rule: text!("log"),
        test: text!("log_test"),
        prepare: recipes::passing::log,
    },
    Template {
        name: "export",
        summary: "one JSON line a minute from each node, for an importer",
        needs: "a node",
        takes: PASS_ON,
        rule: text!("export"),
        test: text!("export_test"),
        prepare: recipes::passing::export,
    },
    Template {
        name: "analytics",
        summary: "mean, extremes and trend of a field over 10 minutes, on a channel of its own",
        needs: "a node with the field",
        takes: &["room", "cluster", "field"],
        rule: text!("analytics"),
        test: text!("analytics_test"),
        prepare: recipes::passing::analytics,
    },
    Template {
        name: "browser",
        summary: "the newest reading of each place on web:…, for a page",
        needs: "a node",
        takes: PASS_ON,
        rule: text!("browser"),
        test: text!("browser_test"),
        prepare: recipes::passing::browser,
    },
];

/// The template of that name.
///
/// # Errors
/// There is none; it says which there are.
pub(super) fn find(name: &str) -> Result<&'static Template, Refusal> {
    TEMPLATES.iter().find(|template| template.name == name).ok_or_else(|| {
        let names = || TEMPLATES.iter().map(|template| template.name);
        let known = closest(name, names()).map(|near| format!("did you mean '{near}'?"));
        let known = known.unwrap_or_else(|| format!("there is: {}", names().collect::<Vec<_>>().join(", ")));
        Refusal::of("template", format!("there is no template '{name}': {known}"))
    })
}

impl Template {
    /// The rule and its test for this site.
    ///
    /// # Errors
    /// A flag that means nothing here, or something that the site does not have.
    pub(super) fn make(&self, wishes: &Wishes, map: &ChannelMap) -> Result<Made, Refusal> {
        if let Some(flag) = wishes.given().into_iter().find(|flag| !self.takes.contains(flag)) {
            let takes: Vec<String> = self.takes.iter().map(|flag| format!("--{flag}")).collect();
            let message = format!("means nothing to the template {}, which takes {}", self.name, takes.join(", "));
            return Err(Refusal::of(flag, message));
        }
        let Prepared { mut values, took } = (self.prepare)(wishes, map)?;
        values.plain("name", &wishes.name);
        // Only a template that asks for what its recipe never gives fails here, and a test makes each of them.
        let rule = fill(self.rule, &values)
            .map_err(|missing| Refusal::site(format!("the template {} lacks @{missing}@", self.name)))?;
        Ok(Made { rule, test: fill_tests(self.test, &values), took })
    }
}
