//! `device(room, name)`: a request on a device, which the Guard arbitrates.

use super::{ActionKind, Performer};

/// Its row in the table.
pub(super) static KIND: ActionKind = ActionKind {
    name: "device",
    summary: "asks for an absolute state of a device, for as long as the episode lasts",
    example: r#"device("Flower Room", "exhaust").set(60, #{ reason: `${msg.temperature} °C` });"#,
    functions: &[],
    performer: Performer::Core,
};
