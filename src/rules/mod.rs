//! Rule files: what they say (`spec`), what runs (`rule`), how scripts are confined (`host`), and when they run
//! (`engine`). Pure: no I/O, no clock. Rank 4.

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
mod load;
mod names;
mod rule;
mod running;
mod schedule;
mod script;
mod series;
mod sources;
mod spec;
mod tally;
mod ticks;
mod timers;
mod window;

pub use condition::Condition;
pub use engine::{Engine, Event};
pub use env::{Ended, Env, Fault, Run, RunLog, Truth};
pub use episode::{Episode, Judged, Phase, Settings, Step};
pub use growing::{dew_point, saturation_vapour_pressure, vpd};
pub use host::{Host, Script, ScriptError};
pub use host_function::{HostFunction, Param};
pub use load::{Site, load, load_folder, look_through};
pub use rule::{Mode, Per, Rule, StaleLimit, Until};
pub use schedule::Schedule;
pub use spec::{AlertSpec, OneOrMore, RuleSpec};
pub use tally::{RuleFault, RuleStatus};
pub use ticks::Place;
pub use window::{Stats, WindowSpec, Windows};
