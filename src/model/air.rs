//! Saturation of water vapour in air: what the simulated rooms obey and what growers' numbers are computed from.

/// Temperatures for which Alduchov & Eskridge state their coefficients, in °C.
const VALID_C: std::ops::RangeInclusive<f64> = -40.0..=50.0;
const A: f64 = 17.625;
const B: f64 = 243.04;
const C_KPA: f64 = 0.610_94;

/// Saturation vapour pressure over liquid water in kPa, for a temperature in °C.
///
/// Magnus form `0.61094 · exp(17.625 t / (t + 243.04))` with the coefficients of Alduchov & Eskridge (1996), "Improved
/// Magnus Form Approximation of Saturation Vapor Pressure", J. Appl. Meteor. 35: within 0.4 % from −40 to 50 °C.
/// `None` outside of that range and for NaN.
#[must_use]
pub fn saturation_vapour_pressure(temperature_c: f64) -> Option<f64> {
    VALID_C.contains(&temperature_c).then(|| C_KPA * (A * temperature_c / (temperature_c + B)).exp())
}

/// The temperature in °C at which a vapour pressure in kPa is that of saturation: the same Magnus form, inverted
/// (Lawrence 2005, Bull. Amer. Meteor. Soc. 86, equation 7).
///
/// `None` where the result lies outside of −40 to 50 °C.
#[must_use]
pub fn saturation_temperature(pressure_kpa: f64) -> Option<f64> {
    let gamma = (pressure_kpa / C_KPA).ln();
    let temperature = B * gamma / (A - gamma);
    VALID_C.contains(&temperature).then_some(temperature)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn saturation_agrees_with_the_table_of_fao_56() {
        // FAO Irrigation and Drainage Paper 56, annex 2, table 2.3; rounded there to 0.001 kPa.
        for (celsius, kpa) in [(10.0, 1.228), (15.0, 1.705), (20.0, 2.338), (25.0, 3.168), (30.0, 4.243), (40.0, 7.376)]
        {
            let got = saturation_vapour_pressure(celsius).unwrap();
            assert!((got - kpa).abs() < 0.004 * kpa, "{celsius} °C: {got}, table {kpa}");
            assert!((saturation_temperature(got).unwrap() - celsius).abs() < 1e-9);
        }
    }

    #[test]
    fn no_answer_outside_of_validity() {
        assert!([-40.1, 50.1, f64::NAN].iter().all(|t| saturation_vapour_pressure(*t).is_none()));
        assert!([-1.0, 0.0, 0.01, 13.0, f64::NAN].iter().all(|p| saturation_temperature(*p).is_none()));
    }
}
