//! The air of one room as a well-mixed volume: sensible heat, water vapour and CO2, integrated in steps of one second.
//!
//! A deliberately small model, after the balances of van Straten et al., "Optimal Control of Greenhouse Cultivation" (2011),
//! ch. 3; its parameters are those of a room of 30 m³ and are tuned to show life within minutes, not to fit a real room.

/// What acts on the air during one second.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Inputs {
    /// Lamp power as a share, 0 to 1.
    pub light: f64,
    /// Exhaust flow as a share, 0 to 1.
    pub exhaust: f64,
    /// Heater power as a share, 0 to 1.
    pub heater: f64,
    /// Dehumidifier as a share, 0 to 1.
    pub dehumidifier: f64,
    /// CO2 valve as a share, 0 to 1.
    pub co2: f64,
    /// Irrigation valve as a share, 0 to 1.
    pub water: f64,
    /// Outside temperature in °C.
    pub outside: f64,
}

/// The state of the air and of the substrate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Climate {
    /// °C.
    pub temperature: f64,
    /// Water vapour in g/m³.
    pub vapour: f64,
    /// CO2 in ppm.
    pub co2: f64,
    /// Volumetric water content of the substrate in %.
    pub water: f64,
}

/// Heat capacity of the air and what is in it, J/K.
const HEAT: f64 = 120_000.0;
/// Volume of the room, m³.
const VOLUME: f64 = 30.0;
/// Conduction through the walls, W/K.
const WALLS: f64 = 60.0;
/// Lamps at full power, W.
const LAMPS: f64 = 1_800.0;
/// Heater at full power, W.
const HEATER: f64 = 2_000.0;
/// Exhaust at full speed, m³/s.
const EXHAUST: f64 = 0.2;
/// Leakage without exhaust, m³/s.
const LEAKAGE: f64 = 0.003;
/// Volumetric heat capacity of air, J/(m³ K).
const AIR: f64 = 1_210.0;
/// Latent heat of evaporation, J/g.
const LATENT: f64 = 2_450.0;
/// Vapour and CO2 outside.
const OUTSIDE_VAPOUR: f64 = 7.0;
const OUTSIDE_CO2: f64 = 420.0;

impl Default for Climate {
    fn default() -> Climate {
        Climate { temperature: 22.0, vapour: 11.0, co2: 600.0, water: 45.0 }
    }
}

impl Climate {
    /// Relative humidity in %.
    #[must_use]
    pub fn humidity(&self) -> f64 {
        self.vapour / saturation(self.temperature) * 100.0
    }

    /// One second.
    pub fn second(&mut self, on: &Inputs) {
        let exchange = LEAKAGE + EXHAUST * on.exhaust;
        let deficit = (saturation(self.temperature) - self.vapour).max(0.0);
        // Plants transpire more in light and in dry air, and none from a dry substrate.
        let transpired = (0.006 + 0.03 * on.light) * deficit * (self.water / 45.0).clamp(0.0, 1.2);
        let dried = 0.6 * on.dehumidifier * (self.vapour / 12.0).min(1.0);
        let heat = LAMPS * on.light + HEATER * on.heater + LATENT * (dried - transpired) + 300.0 * on.dehumidifier
            - (WALLS + AIR * exchange) * (self.temperature - on.outside);
        self.temperature += heat / HEAT;
        self.vapour += (transpired - dried + exchange * (OUTSIDE_VAPOUR - self.vapour)) / VOLUME;
        // What is over saturation condenses.
        self.vapour = self.vapour.clamp(0.5, saturation(self.temperature));
        let uptake = 0.4 * on.light * (self.co2 / 1_000.0).min(1.0);
        self.co2 += 0.08 - uptake + 3.0 * on.co2 + exchange / VOLUME * (OUTSIDE_CO2 - self.co2);
        self.co2 = self.co2.clamp(150.0, 5_000.0);
        self.water = (self.water + 0.12 * on.water - transpired * 0.01).clamp(5.0, 70.0);
    }
}

/// Saturation vapour density in g/m³ at a temperature in °C: Magnus formula (Sonntag 1990) and the ideal gas law.
fn saturation(celsius: f64) -> f64 {
    let pascals = 611.2 * (17.62 * celsius / (243.12 + celsius)).exp();
    pascals * 18.015 / (8.314 * (celsius + 273.15))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(seconds: u32, on: Inputs) -> Climate {
        let mut climate = Climate::default();
        (0..seconds).for_each(|_| climate.second(&Inputs { outside: 12.0, ..on }));
        climate
    }

    #[test]
    fn each_input_acts_as_it_does_in_a_room() {
        let dark = after(600, Inputs::default());
        let lit = after(600, Inputs { light: 1.0, ..Inputs::default() });
        let aired = after(600, Inputs { light: 1.0, exhaust: 1.0, ..Inputs::default() });
        let heated = after(600, Inputs { heater: 1.0, ..Inputs::default() });
        let dried = after(600, Inputs { dehumidifier: 1.0, ..Inputs::default() });
        let watered = after(600, Inputs { water: 1.0, ..Inputs::default() });
        assert!(lit.temperature > dark.temperature + 3.0, "{lit:?} {dark:?}");
        assert!(aired.temperature < lit.temperature - 3.0 && aired.vapour < lit.vapour, "{aired:?}");
        assert!(heated.temperature > dark.temperature + 3.0, "{heated:?}");
        assert!(dried.humidity() < dark.humidity() - 10.0, "{dried:?}");
        assert!(watered.water > dark.water + 5.0, "{watered:?}");
        assert!(lit.co2 < dark.co2);
    }

    #[test]
    fn a_week_stays_within_what_air_can_be() {
        let mut climate = Climate::default();
        for second in 0..7 * 86_400_u32 {
            let light = f64::from(u8::from(second % 86_400 < 64_800));
            climate.second(&Inputs { light, exhaust: light * 0.5, outside: 12.0, ..Inputs::default() });
            assert!((5.0..45.0).contains(&climate.temperature) && climate.humidity() <= 100.001, "{climate:?}");
        }
    }
}
