//! The weather around the rooms: a moderate spring day, the same every day, read off the civil clock (UTC).

use std::f64::consts::TAU;

use crate::model::{Utc, saturation_vapour_pressure};

/// Specific gas constant of water vapour, J/(kg K).
const VAPOUR_GAS_CONSTANT: f64 = 461.5;
const KELVIN: f64 = 273.15;
/// Daily mean and half the daily swing, °C.
const MEAN_C: f64 = 12.0;
const SWING_C: f64 = 3.0;
/// The warmest hour, UTC.
const WARMEST_HOUR: f64 = 15.0;
/// The dew point hardly moves through a day without rain.
const DEW_POINT_C: f64 = 6.0;
/// Carbon dioxide outdoors, ppm.
const CO2_PPM: f64 = 420.0;

/// The air outside.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Outside {
    /// °C
    pub(super) temperature: f64,
    /// Water vapour, kg/m³.
    pub(super) vapour: f64,
    /// ppm
    pub(super) co2: f64,
}

impl Outside {
    pub(super) fn at(utc: Utc) -> Outside {
        let phase = (hour(utc) - WARMEST_HOUR) / 24.0 * TAU;
        let temperature = MEAN_C + SWING_C * phase.cos();
        Outside { temperature, vapour: vapour_of(saturation(DEW_POINT_C), temperature), co2: CO2_PPM }
    }
}

/// Hours since midnight, UTC.
pub(super) fn hour(utc: Utc) -> f64 {
    utc.0.rem_euclid(86_400_000_000_000) as f64 / 3.6e12
}

/// Saturation pressure in kPa; beyond the validity of the formula that of its nearest end.
pub(super) fn saturation(temperature: f64) -> f64 {
    saturation_vapour_pressure(temperature.clamp(-40.0, 50.0)).unwrap_or_default()
}

/// Water vapour in kg/m³ at a pressure in kPa: the ideal gas.
pub(super) fn vapour_of(pressure: f64, temperature: f64) -> f64 {
    pressure * 1e3 / (VAPOUR_GAS_CONSTANT * (temperature + KELVIN))
}

/// The inverse of [`vapour_of`]: kPa.
pub(super) fn pressure_of(vapour: f64, temperature: f64) -> f64 {
    vapour * VAPOUR_GAS_CONSTANT * (temperature + KELVIN) / 1e3
}
