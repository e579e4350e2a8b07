//! Rule files: what they say (`spec`), what runs (`rule`), how scripts are confined (`host`), and when they run
//! (`engine`). Pure: no I/O, no clock. Rank 4.

mod alert;
mod audience;
mod blindness;
mod cache;
mod condition;
mod convert;
mod engine;
mod env;
mod episode;
#[cfg(test)]
mod fixture;
mod functions;
mod growing;
mod host;
mod host_function;
mod instance;
mod journal;
mod kept;
mod lint;
mod load;
mod names;
mod rule;
mod running;
mod schedule;
mod schema;
mod script;
mod series;
mod sources;
mod spec;
mod tally;
mod ticks;
mod timers;
mod why;
mod window;

pub use alert::Alert;
pub use audience::{Listener, audience, instances};
pub use condition::{Checked, Condition};
pub use engine::{Edited, Engine, Event, Remains, Rulebook};
pub use env::{Altered, Ended, Env, Fault, Run, RunLog, Truth};
pub use episode::{Episode, Judged, Phase, Settings, Step};
pub use growing::{dew_point, saturation_vapour_pressure, vpd};
pub use host::{Host, Script, ScriptError};
pub use host_function::{HostFunction, Param};
pub use journal::Asked;
pub use lint::{LINTS, Lint, cross_check};
pub use load::{
    Site, TEST_SUFFIX, is_rule_file, listed_rules, load, load_folder, look_through, rule_files, test_files,
};
pub use rule::{Mode, Per, Rule, StaleLimit, Until};
pub use schedule::Schedule;
pub use spec::{AlertSpec, EscalateSpec, OneOrMore, RuleSpec};
pub use tally::{PartRuns, RuleFault, RuleStatus};
pub use ticks::Place;
pub use why::{Decision, Judgement, Lacking, Reason, Standing, Text, Why};
pub use window::{Stats, WindowSpec, Windows};
