//! Rule files: what they say (`spec`), what runs (`rule`), how scripts are confined (`host`), and when they run
//! (`engine`). Pure: no I/O, no clock. Rank 4.

mod condition;
mod convert;
mod env;
mod episode;
mod functions;
mod growing;
mod host;
mod host_function;
mod rule;
mod schedule;
mod spec;
mod window;

pub use env::{Ended, Env, Fault, Run, RunLog, Truth};
pub use episode::{Episode, Judged, Phase, Settings, Step};
pub use growing::{dew_point, saturation_vapour_pressure, vpd};
pub use host::{Host, Script};
pub use host_function::{HostFunction, Param};
pub use rule::{Mode, Per, Rule, StaleLimit, Until};
pub use schedule::Schedule;
pub use spec::{AlertSpec, OneOrMore, RuleSpec};
pub use window::{Stats, WindowSpec, Windows};
