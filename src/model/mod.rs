//! Plain data that every stage speaks: times, values, messages, readings, intents, and the one counted queue.
//!
//! Rank 0: nothing here imports another module of the project, and nothing here does I/O.

mod air;
mod alert;
mod commands_from;
mod count;
mod duration;
mod glob;
mod intent;
mod message;
mod outgoing;
mod queue;
mod reading;
mod saved;
mod secret;
mod time;
mod value;

pub use air::{saturation_temperature, saturation_vapour_pressure};
pub use alert::{About, AlertAsk, AlertChange, AlertEnd, AlertPlan, Escalation, Raised};
pub use commands_from::CommandsFrom;
pub use count::counted;
pub use duration::{Span, format_duration, parse_duration};
pub use glob::glob;
pub use intent::{Act, Ask, DeviceKey, DeviceRequest, Intent, Level, Origin, Requester};
pub use message::{Message, Provenance};
pub use outgoing::{Class, Note, Outgoing, Parcel, Severity, Standing, Verdict};
pub use queue::{Doorbell, Full, Push, Queue, QueueCounts};
pub use reading::{
    FieldFacts, Inventory, Publication, Quality, Reading, Source, SourceKind, Speaker, Unsaid, WellKnown,
};
pub use saved::{Saved, Shelf};
pub use secret::Secret;
pub use time::{Mono, Timestamp, Utc};
pub use value::{Fields, Name, Value};
