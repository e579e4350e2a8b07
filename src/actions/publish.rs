//! `publish(channel, map)`: a message of a rule on the bus, for other rules and other Redis clients.

use super::{ActionKind, Performer};

/// Its row in the table.
pub(super) static KIND: ActionKind = ActionKind {
    name: "publish",
    summary: "publishes a message on a channel of the rules' own",
    example: r#"publish(`analytics:update:${room}`, #{ vpd: vpd(msg.temperature, msg.humidity) });"#,
    functions: &[],
    performer: Performer::Core,
};
