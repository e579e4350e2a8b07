//! Rule files: what they say (`spec`), what runs (`rule`), how scripts are confined (`host`), and when they run
//! (`engine`). Pure: no I/O, no clock. Rank 4.

mod condition;
mod convert;
mod env;
mod functions;
mod host;
mod rule;
mod schedule;
mod spec;
mod window;

pub use env::{Ended, Env, Fault, Run, RunLog, Truth};
pub use host::{Host, Script};
pub use rule::{Mode, Per, Rule, StaleLimit, Until};
pub use spec::{AlertSpec, OneOrMore, RuleSpec};
pub use window::{WindowSpec, Windows};
