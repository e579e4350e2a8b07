//! One room: air, everything solid in it, crop and substrate, as few lumped stores with balances of energy, water, salt
//! and carbon dioxide. All rooms are built alike (the constants below); what differs is what the map installs in them.

use super::climate::{Outside, hour, pressure_of, saturation, vapour_of};
use crate::model::Utc;

/// Air, m³: 30 m² of floor, 3 m high.
const VOLUME: f64 = 90.0;
/// Heat capacity of air, J/(m³ K): 1.2 kg/m³ × 1006 J/(kg K).
const AIR_HEAT: f64 = 1_207.0;
/// Heat capacity of slab, walls, benches, crop and water, J/K: the outer centimetre or two of some 130 m².
const MASS_HEAT: f64 = 3.0e6;
/// Air to those surfaces, W/K: 130 m² × 3 W/(m² K), free convection.
const SURFACE: f64 = 390.0;
/// Conduction to the outside, W/K: 126 m² of insulated panel × 0.5 W/(m² K).
const WALLS: f64 = 63.0;
/// Latent heat of evaporation at room temperature, J/kg.
const LATENT: f64 = 2.45e6;
/// Air that leaks in with every fan at rest, m³/s: half a change an hour.
const LEAKAGE: f64 = 0.0125;
/// The exhaust at full speed, m³/s: 24 changes an hour.
const EXHAUST: f64 = 0.6;
/// Share of the exhaust that runs where no device switches it.
const FIXED_VENTILATION: f64 = 0.15;

/// All lamps at full power, W, and the share of it that warms the air at once; the rest warms what it shines on.
const LAMPS: f64 = 10_000.0;
const LAMPS_TO_AIR: f64 = 0.8;
/// Light on the crop at full power, µmol/(m² s) of photons and W/m² of energy: 2.5 µmol/J and 90 % of it on 20 m².
const FULL_PPFD: f64 = 1_125.0;
const FULL_RADIATION: f64 = 250.0;
/// Lamps and heaters have a limiter: full power up to the first temperature, none from the second, °C.
const LIMITER: (f64, f64) = (42.0, 47.0);
/// Heater, W.
const HEATER: f64 = 4_000.0;

/// Crop, m² of bench, and its leaf area per m².
const CANOPY: f64 = 20.0;
const LEAF_AREA_INDEX: f64 = 3.0;
/// Light that the canopy catches, and the part of its energy that evaporates water.
const EXTINCTION: f64 = 0.64;
const RADIATION_TERM: f64 = 0.45;
/// Evaporation per kPa of deficit and unit of leaf area, W/(m² kPa): stomata open in light, nearly closed in darkness.
const DEFICIT_TERM: (f64, f64) = (6.0, 16.0);
/// From the open surface of the wet substrate, W/(m² kPa).
const SUBSTRATE_TERM: f64 = 3.0;

/// Carbon dioxide: mol of air per m³, and per m² of crop (µmol/(m² s)) the most that is fixed, the light and the
/// concentration that give half of it, and what crop, roots and people breathe out.
const MOL_PER_M3: f64 = 41.0;
const FIXED_AT_MOST: f64 = 45.0;
const HALF_LIGHT: f64 = 400.0;
const HALF_CO2: f64 = 300.0;
const RESPIRATION: f64 = 3.0;
/// Injection, µmol/s: half a kilogram an hour.
const INJECTION: f64 = 3_150.0;

/// Dehumidifier: kg/s out of damp air (4.3 l/h), and the W of its compressor, which stay in the room.
const DEHUMIDIFIER: f64 = 0.001_2;
const COMPRESSOR: f64 = 1_800.0;
/// Humidifier, kg/s into dry air.
const HUMIDIFIER: f64 = 0.001;

/// Substrate: litres that its slabs hold when full to the last pore, what drains away at once, and litres a second
/// through an open valve.
const SUBSTRATE: f64 = 240.0;
const FIELD_CAPACITY: f64 = 0.75;
const FLOW: f64 = 0.2;
/// Salt: mS/cm of the feed, and the part of the concentration that goes along with the water into the roots.
const FEED_EC: f64 = 2.0;
const UPTAKE: f64 = 0.85;
/// A room without valves is watered by hand: from here, to there.
const BY_HAND: (f64, f64) = (0.50, 0.60);

/// What is switched, each from 0 to 1; what no device switches is left at `None`.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Controls {
    pub(super) exhaust: Option<f64>,
    pub(super) heater: f64,
    pub(super) dehumidifier: f64,
    pub(super) humidifier: f64,
    pub(super) valve: Option<f64>,
    pub(super) lights: Option<f64>,
    pub(super) injection: f64,
}

/// The stores of one room.
#[derive(Clone, Debug)]
pub(super) struct Room {
    /// Air, °C.
    pub(super) temperature: f64,
    /// Water vapour in the air, kg/m³.
    vapour: f64,
    /// Carbon dioxide in the air, ppm.
    pub(super) co2: f64,
    /// Solid things, °C; roots are as warm.
    pub(super) mass_temperature: f64,
    /// Water in the substrate, l.
    water: f64,
    /// Salt in it, mS/cm × l.
    salt: f64,
    /// Photons on the crop, µmol/(m² s).
    pub(super) ppfd: f64,
    /// Litres a second through the valves, and all that ever flowed, l.
    pub(super) flow: f64,
    pub(super) litres: f64,
    hand_waters: bool,
}

impl Room {
    /// A room as one finds it: cool if it has a heater to show, warm if not; the substrate wants its next shot.
    pub(super) fn new(has_heater: bool) -> Room {
        let temperature = if has_heater { 22.0 } else { 27.0 };
        let water = 0.54 * SUBSTRATE;
        Room {
            temperature,
            vapour: 0.6 * vapour_of(saturation(temperature), temperature),
            co2: 450.0,
            mass_temperature: temperature,
            water,
            salt: 2.2 * water,
            ppfd: 0.0,
            flow: 0.0,
            litres: 0.0,
            hand_waters: false,
        }
    }

    /// Relative humidity, %.
    pub(super) fn humidity(&self) -> f64 {
        (100.0 * pressure_of(self.vapour, self.temperature) / saturation(self.temperature)).min(100.0)
    }

    /// Water in the substrate, % of its volume.
    pub(super) fn vwc(&self) -> f64 {
        100.0 * self.water / SUBSTRATE
    }

    /// Salt in that water, mS/cm.
    pub(super) fn ec(&self) -> f64 {
        self.salt / self.water
    }

    /// Vapour pressure deficit, kPa.
    fn deficit(&self) -> f64 {
        (saturation(self.temperature) - pressure_of(self.vapour, self.temperature)).max(0.0)
    }

    /// One step of `dt` seconds (explicit Euler; the fastest store, the air, answers within some two minutes).
    pub(super) fn tick(&mut self, dt: f64, utc: Utc, outside: &Outside, controls: &Controls) {
        let lights = controls.lights.unwrap_or_else(|| own_lights(utc)) * self.limiter();
        self.ppfd = lights * FULL_PPFD;
        let evaporated = self.evaporation(lights);
        let (dried, misted) = self.treated(controls);
        let exhaust = LEAKAGE + EXHAUST * controls.exhaust.unwrap_or(FIXED_VENTILATION);

        let to_surfaces = SURFACE * (self.temperature - self.mass_temperature);
        let heating = HEATER * controls.heater * self.limiter() + COMPRESSOR * controls.dehumidifier;
        let latent = LATENT * (dried - misted - evaporated.0 - evaporated.1);
        let exchanged = exhaust * AIR_HEAT * (outside.temperature - self.temperature);
        let air = lights * LAMPS * LAMPS_TO_AIR + heating + latent + exchanged - to_surfaces;
        let mass =
            lights * LAMPS * (1.0 - LAMPS_TO_AIR) + to_surfaces + WALLS * (outside.temperature - self.mass_temperature);
        let vapour = evaporated.0 + evaporated.1 + misted - dried + exhaust * (outside.vapour - self.vapour);
        let co2 = self.breath(controls) / (VOLUME * MOL_PER_M3) + exhaust / VOLUME * (outside.co2 - self.co2);

        self.temperature += dt * air / (VOLUME * AIR_HEAT);
        self.mass_temperature += dt * mass / MASS_HEAT;
        self.vapour = (self.vapour + dt * vapour / VOLUME).max(0.0);
        self.co2 = (self.co2 + dt * co2).max(0.0);
        self.condense();
        self.water_substrate(dt, evaporated, controls.valve);
    }

    /// kg/s from crop and from substrate. The crop's is the two-term form of Baille, Baille & Laury (1994), "A simplified
    /// model for predicting evapotranspiration rate of nine ornamental species", Scientia Horticulturae 59:
    /// λE = A·(1 − exp(−k·LAI))·G + B·LAI·D, here with coefficients of a leafy crop and wilting in a dry substrate.
    fn evaporation(&self, lights: f64) -> (f64, f64) {
        let caught = 1.0 - (-EXTINCTION * LEAF_AREA_INDEX).exp();
        let deficit = self.deficit();
        let opening = DEFICIT_TERM.0 + (DEFICIT_TERM.1 - DEFICIT_TERM.0) * (4.0 * lights).min(1.0);
        // Damp air takes nothing up, however bright it is: leaves grow warm instead.
        let radiation = RADIATION_TERM * caught * FULL_RADIATION * lights * (deficit / 0.4).min(1.0);
        let turgor = ((self.vwc() - 8.0) / 20.0).clamp(0.0, 1.0);
        let crop = turgor * (radiation + opening * LEAF_AREA_INDEX * deficit);
        let substrate = SUBSTRATE_TERM * deficit * self.water / SUBSTRATE;
        (CANOPY * crop / LATENT, CANOPY * substrate / LATENT)
    }

    /// kg/s taken out by dehumidifiers and brought in by humidifiers: neither works where there is nothing to do.
    fn treated(&self, controls: &Controls) -> (f64, f64) {
        let humidity = self.humidity();
        let dried = DEHUMIDIFIER * controls.dehumidifier * ((humidity - 25.0) / 45.0).clamp(0.0, 1.2);
        let misted = HUMIDIFIER * controls.humidifier * ((100.0 - humidity) / 40.0).clamp(0.0, 1.0);
        (dried, misted)
    }

    /// µmol/s of carbon dioxide into the air: respiration and injection less what light fixes (rectangular hyperbolas).
    fn breath(&self, controls: &Controls) -> f64 {
        let fixed = FIXED_AT_MOST * self.ppfd / (self.ppfd + HALF_LIGHT) * self.co2 / (self.co2 + HALF_CO2);
        CANOPY * (RESPIRATION - fixed) + INJECTION * controls.injection
    }

    /// Vapour above saturation settles as water and leaves its heat to the air.
    fn condense(&mut self) {
        let over = self.vapour - vapour_of(saturation(self.temperature), self.temperature);
        if over > 0.0 {
            self.vapour -= over;
            self.temperature += over * LATENT / AIR_HEAT;
        }
    }

    fn water_substrate(&mut self, dt: f64, evaporated: (f64, f64), valve: Option<f64>) {
        let share = self.water / SUBSTRATE;
        self.hand_waters = if self.hand_waters { share < BY_HAND.1 } else { share < BY_HAND.0 };
        self.flow = FLOW * valve.unwrap_or(if self.hand_waters { 1.0 } else { 0.0 });
        let (inflow, crop, surface) = (dt * self.flow, dt * evaporated.0, dt * evaporated.1);
        self.litres += inflow;
        // The surface dries without its salt.
        self.salt = (self.salt + FEED_EC * inflow - UPTAKE * self.ec() * crop).max(0.0);
        // Never quite empty: concentration has to be a number.
        self.water = (self.water + inflow - crop - surface).max(0.01 * SUBSTRATE);
        let drained = (self.water - FIELD_CAPACITY * SUBSTRATE).max(0.0);
        self.salt -= self.ec() * drained;
        self.water -= drained;
    }

    fn limiter(&self) -> f64 {
        ((LIMITER.1 - self.temperature) / (LIMITER.1 - LIMITER.0)).clamp(0.0, 1.0)
    }
}

/// Lights that no device switches: half power, 06:00 to 22:00 UTC.
fn own_lights(utc: Utc) -> f64 {
    if (6.0..22.0).contains(&hour(utc)) { 0.5 } else { 0.0 }
}

#[cfg(test)]
#[path = "room_tests.rs"]
mod tests;
