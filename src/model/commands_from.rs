//! Which clients may command devices, as `growctl.yaml` says it. `growctl device set` always may: it is on this machine.

use super::{DeviceKey, Name, glob};

/// Which devices Redis clients may command.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum CommandsFrom {
    /// Every device.
    #[default]
    All,
    /// None: their commands are refused.
    None,
    /// Those whose `room/device` matches one of these globs.
    Only(Vec<Name>),
}

impl CommandsFrom {
    /// Whether a Redis client may command the device.
    #[must_use]
    pub fn allows(&self, device: &DeviceKey) -> bool {
        match self {
            CommandsFrom::All => true,
            CommandsFrom::None => false,
            CommandsFrom::Only(patterns) => {
                let name = device.to_string();
                patterns.iter().any(|pattern| glob(pattern.as_bytes(), name.as_bytes()))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_over_room_and_device() {
        let key = |room: &str, device: &str| DeviceKey { room: room.into(), device: device.into() };
        let only = CommandsFrom::Only(vec!["Veg Room/*".into(), "*/lights".into()]);
        assert!(only.allows(&key("Veg Room", "heater")) && only.allows(&key("Flower Room", "lights")));
        assert!(!only.allows(&key("Flower Room", "heater")) && !only.allows(&key("Veg Room 2", "heater")));
        assert!(CommandsFrom::default().allows(&key("a", "b")) && !CommandsFrom::None.allows(&key("a", "b")));
    }
}
