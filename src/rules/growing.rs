//! What growers compute from temperature and humidity. Pure formulas; outside of their validity there is no answer.

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

/// Vapour pressure deficit of the air in kPa: `saturation · (1 − humidity / 100)`. The leaf is taken to be as warm as
/// the air.
///
/// `None` where the saturation has no answer, and for a relative humidity outside of 0 to 100 %.
#[must_use]
pub fn vpd(temperature_c: f64, humidity_percent: f64) -> Option<f64> {
    let saturation = saturation_vapour_pressure(temperature_c)?;
    (0.0..=100.0).contains(&humidity_percent).then(|| saturation * (1.0 - humidity_percent / 100.0))
}

/// Dew point in °C: the Magnus form of [`saturation_vapour_pressure`], inverted (Lawrence 2005, Bull. Amer. Meteor.
/// Soc. 86, equation 8).
///
/// `None` where the saturation has no answer, for a humidity that is not above 0 and at most 100 %, and where the dew
/// point itself lies below −40 °C.
#[must_use]
pub fn dew_point(temperature_c: f64, humidity_percent: f64) -> Option<f64> {
    saturation_vapour_pressure(temperature_c)?;
    if !(humidity_percent > 0.0 && humidity_percent <= 100.0) {
        return None;
    }
    let gamma = (humidity_percent / 100.0).ln() + A * temperature_c / (temperature_c + B);
    // At 100 % rounding may leave the result a hair above the air, which no dew point is.
    let dew = (B * gamma / (A - gamma)).min(temperature_c);
    VALID_C.contains(&dew).then_some(dew)
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
        }
    }

    #[test]
    fn deficit_is_the_missing_part_of_saturation() {
        assert!((vpd(25.0, 60.0).unwrap() - 0.4 * 3.168).abs() < 0.005);
        assert_eq!(vpd(25.0, 100.0), Some(0.0));
        assert_eq!(vpd(25.0, 0.0), saturation_vapour_pressure(25.0));
    }

    #[test]
    fn dew_point_inverts_saturation() {
        // 20 °C at 50 % has its dew point at 9.3 °C, 25 °C at 60 % at 16.7 °C, in every psychrometric table.
        assert!((dew_point(20.0, 50.0).unwrap() - 9.3).abs() < 0.06);
        assert!((dew_point(25.0, 60.0).unwrap() - 16.7).abs() < 0.06);
        assert!((dew_point(25.0, 100.0).unwrap() - 25.0).abs() < 1e-9);
    }

    #[test]
    fn no_answer_outside_of_validity() {
        for (celsius, percent) in [(-40.1, 50.0), (50.1, 50.0), (f64::NAN, 50.0), (20.0, -0.1), (20.0, 100.1)] {
            assert_eq!(vpd(celsius, percent), None, "{celsius} {percent}");
            assert_eq!(dew_point(celsius, percent), None, "{celsius} {percent}");
        }
        assert_eq!(vpd(20.0, f64::NAN), None);
        assert_eq!(dew_point(20.0, 0.0), None);
        assert_eq!(dew_point(-30.0, 1.0), None);
    }
}
