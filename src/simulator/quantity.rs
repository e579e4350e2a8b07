//! What a signal of the map shows: its name is all that the simulator goes by. Then how a number becomes its bits.

use fastrand::Rng;

use crate::channels::codec::{Kind, Signal};
use crate::model::{Value, saturation_temperature};

use super::climate::{Outside, saturation};
use super::room::Room;

/// A number of the model that a signal may show, or a constant where the model has none.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Quantity {
    Temperature,
    RootTemperature,
    LampTemperature,
    OutsideTemperature,
    Humidity,
    DewPoint,
    Deficit,
    Co2,
    Vwc,
    Ec,
    Ppfd,
    Flow,
    Total,
    Supply,
    Constant(f64),
}

impl Quantity {
    /// Understood from the signal's name; what is not understood stands in the middle of its range.
    pub(super) fn of(signal: &Signal) -> Quantity {
        let name = signal.name.to_lowercase();
        let has = |parts: &[&str]| parts.iter().any(|part| name.contains(part));
        let is = |names: &[&str]| names.contains(&name.as_str());
        match () {
            () if has(&["dew"]) => Quantity::DewPoint,
            () if has(&["temp"]) && has(&["root", "substrate", "soil", "slab", "water"]) => Quantity::RootTemperature,
            () if has(&["temp"]) && has(&["light", "lamp", "led", "heatsink"]) => Quantity::LampTemperature,
            () if has(&["temp"]) && has(&["out"]) => Quantity::OutsideTemperature,
            () if has(&["temp"]) => Quantity::Temperature,
            () if has(&["humid"]) || is(&["rh"]) => Quantity::Humidity,
            () if has(&["vpd"]) => Quantity::Deficit,
            () if has(&["co2"]) => Quantity::Co2,
            () if has(&["vwc", "moisture"]) => Quantity::Vwc,
            () if is(&["ec"]) || name.starts_with("ec_") || has(&["conductivity"]) => Quantity::Ec,
            () if has(&["ppfd"]) || is(&["par"]) => Quantity::Ppfd,
            () if has(&["flow"]) => Quantity::Flow,
            () if has(&["total"]) => Quantity::Total,
            () if has(&["supply", "voltage", "battery"]) => Quantity::Supply,
            () => Quantity::Constant(signal.range.map_or(0.0, |(low, high)| low + (high - low) / 2.0)),
        }
    }

    /// How far one sensor is off for good, and how far each of its readings scatters.
    pub(super) fn errors(self) -> (f64, f64) {
        match self {
            Quantity::Temperature => (0.3, 0.06),
            Quantity::RootTemperature | Quantity::LampTemperature | Quantity::OutsideTemperature => (0.2, 0.05),
            Quantity::Humidity => (1.0, 0.3),
            Quantity::Co2 => (12.0, 4.0),
            Quantity::Vwc => (0.8, 0.08),
            Quantity::Ec => (0.05, 0.008),
            Quantity::Ppfd => (0.0, 1.5),
            Quantity::DewPoint | Quantity::Deficit => (0.0, 0.01),
            Quantity::Supply => (0.1, 0.05),
            Quantity::Flow | Quantity::Total | Quantity::Constant(_) => (0.0, 0.0),
        }
    }

    /// Its value, free of errors.
    pub(super) fn of_room(self, room: &Room, outside: &Outside) -> f64 {
        let pressure = saturation(room.temperature) * room.humidity() / 100.0;
        match self {
            Quantity::Temperature => room.temperature,
            Quantity::RootTemperature => room.mass_temperature,
            Quantity::LampTemperature => room.temperature + room.ppfd / 40.0,
            Quantity::OutsideTemperature => outside.temperature,
            Quantity::Humidity => room.humidity(),
            Quantity::DewPoint => saturation_temperature(pressure).unwrap_or(-40.0).min(room.temperature),
            Quantity::Deficit => (saturation(room.temperature) - pressure).max(0.0),
            Quantity::Co2 => room.co2,
            Quantity::Vwc => room.vwc(),
            Quantity::Ec => room.ec(),
            Quantity::Ppfd => room.ppfd,
            // Litres a minute, as flow meters say it.
            Quantity::Flow => room.flow * 60.0,
            Quantity::Total => room.litres,
            Quantity::Supply => 12.0,
            Quantity::Constant(value) => value,
        }
    }
}

/// An error of at most `most`, small ones more often.
pub(super) fn scatter(rng: &mut Rng, most: f64) -> f64 {
    if most == 0.0 { 0.0 } else { (rng.f64() - rng.f64()) * most }
}

/// The raw bits of a signal that has states and shows none of the model: the one that means all is well.
#[must_use]
pub fn well(signal: &Signal) -> Option<u64> {
    const WELL: [&str; 6] = ["ok", "good", "normal", "none", "dry", "off"];
    let named = signal.values.iter().find(|(_, name)| WELL.contains(&name.to_lowercase().as_str()));
    named.map(|(raw, _)| *raw).or_else(|| signal.values.iter().map(|(raw, _)| *raw).min())
}

/// The raw bits by which a signal says that something is wrong with it.
pub(super) fn ill(signal: &Signal) -> Option<u64> {
    let fault = signal.values.iter().find(|(_, name)| ["fault", "error"].contains(&&**name));
    signal.invalid.or(fault.map(|(raw, _)| *raw))
}

/// The numbers that a signal's bits and range can say.
pub(super) fn reach(signal: &Signal) -> (f64, f64) {
    let half = 2_f64.powi(i32::from(signal.layout.width) - 1);
    let (low, high) = match signal.layout.kind {
        Kind::Unsigned => (0.0, 2.0 * half - 1.0),
        Kind::Signed => (-half, half - 1.0),
        Kind::F16 => (-65_504.0, 65_504.0),
        Kind::F32 => (f64::from(f32::MIN), f64::from(f32::MAX)),
        Kind::F64 => (f64::MIN, f64::MAX),
    };
    let (a, b) = (low * signal.scale + signal.offset, high * signal.scale + signal.offset);
    let (low, high) = signal.range.unwrap_or((f64::MIN, f64::MAX));
    (a.min(b).max(low), a.max(b).min(high))
}

/// Writes a number, clamped into what the signal can say; where the very bits mean "no value", their neighbour.
pub(super) fn put(signal: &Signal, reach: (f64, f64), value: f64, data: &mut [u8]) {
    let value = value.max(reach.0).min(reach.1);
    let step = signal.scale.abs();
    let near = [value, value - step, value + step];
    let _written = near.iter().any(|value| signal.encode(&Value::Number(*value), data).is_ok());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Quality;

    fn signal(name: &str, dbc: &str) -> Signal {
        Signal::new(name.into(), dbc.parse().unwrap())
    }

    #[test]
    fn signals_are_understood_by_their_names() {
        for (name, quantity) in [
            ("temperature", Quantity::Temperature),
            ("AirTemp", Quantity::Temperature),
            ("root_temperature", Quantity::RootTemperature),
            ("HeatsinkTemp", Quantity::LampTemperature),
            ("outside_temperature", Quantity::OutsideTemperature),
            ("humidity", Quantity::Humidity),
            ("RH", Quantity::Humidity),
            ("dew_point", Quantity::DewPoint),
            ("co2", Quantity::Co2),
            ("vwc_3", Quantity::Vwc),
            ("ec", Quantity::Ec),
            ("Ppfd", Quantity::Ppfd),
            ("flow", Quantity::Flow),
            ("supply", Quantity::Supply),
            ("sector", Quantity::Constant(0.0)),
        ] {
            assert_eq!(Quantity::of(&signal(name, "0|8@1+")), quantity, "{name}");
        }
        let ph = Signal { range: Some((4.0, 8.0)), ..signal("ph", "0|8@1+") };
        assert_eq!(Quantity::of(&ph), Quantity::Constant(6.0));
    }

    #[test]
    fn what_a_signal_cannot_say_becomes_the_nearest_that_it_can() {
        let read = |signal: &Signal, value: f64| {
            let mut data = [0; 2];
            put(signal, reach(signal), value, &mut data);
            signal.decode(&data).and_then(|value| value.as_number().ok_or(Quality::Invalid)).unwrap()
        };
        let byte = signal("x", "0|8@1+").scaled(0.5, -20.0);
        assert_eq!([read(&byte, -30.0), read(&byte, 3.2), read(&byte, 1e9)], [-20.0, 3.0, 107.5]);
        let ranged = Signal { range: Some((0.0, 50.0)), ..byte.clone() };
        assert_eq!([read(&ranged, -30.0), read(&ranged, 60.0)], [0.0, 50.0]);
        let falling = signal("x", "7|16@0-").scaled(-0.1, 0.0);
        assert_eq!([read(&falling, 1e9), read(&falling, -1e9)], [3276.8, -3276.7]);
        let taken = Signal { invalid: Some(255), ..byte };
        assert_eq!(read(&taken, 1e9), 107.0, "255 would say that there is no value");
    }

    #[test]
    fn states_that_the_model_lacks_say_that_all_is_well() {
        let states = |texts: &[(u64, &str)]| Signal {
            values: texts.iter().map(|(raw, text)| (*raw, (*text).into())).collect(),
            ..signal("x", "0|2@1+")
        };
        assert_eq!(well(&states(&[(0, "fault"), (1, "ok")])), Some(1));
        assert_eq!(well(&states(&[(3, "armed"), (2, "ready")])), Some(2));
        assert_eq!(well(&states(&[])), None);
        assert_eq!(ill(&states(&[(0, "ok"), (2, "fault")])), Some(2));
        assert_eq!(ill(&states(&[(0, "ok")])), None);
    }
}
