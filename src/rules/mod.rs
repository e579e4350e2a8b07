//! Rule files: what they say (`spec`), what runs (`rule`), how scripts are confined (`host`), and when they run
//! (`engine`). Pure: no I/O, no clock. Rank 4.

mod condition;
mod env;
mod growing;
mod host;
mod rule;
mod schedule;
mod window;

pub use env::{Ended, Env, Fault, Run, RunLog, Truth};
pub use growing::{dew_point, saturation_vapour_pressure, vpd};
pub use rule::{Mode, Per, Rule, StaleLimit, Until};
pub use window::{Stats, WindowSpec, Windows};
