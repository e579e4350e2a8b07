//! What growers compute from temperature and humidity. Pure formulas; outside of their validity there is no answer.

use crate::model::saturation_temperature;
pub use crate::model::saturation_vapour_pressure;

/// Vapour pressure deficit of the air in kPa: `saturation · (1 − humidity / 100)`. The leaf is taken to be as warm as
/// the air.
///
/// `None` where the saturation has no answer, and for a relative humidity outside of 0 to 100 %.
#[must_use]
pub fn vpd(temperature_c: f64, humidity_percent: f64) -> Option<f64> {
    let saturation = saturation_vapour_pressure(temperature_c)?;
    (0.0..=100.0).contains(&humidity_percent).then(|| saturation * (1.0 - humidity_percent / 100.0))
}

/// Dew point in °C: the temperature at which the vapour of this air would be that of saturation.
///
/// `None` where the saturation has no answer, for a humidity that is not above 0 and at most 100 %, and where the dew
/// point itself lies below −40 °C.
#[must_use]
pub fn dew_point(temperature_c: f64, humidity_percent: f64) -> Option<f64> {
    let saturation = saturation_vapour_pressure(temperature_c)?;
    if !(humidity_percent > 0.0 && humidity_percent <= 100.0) {
        return None;
    }
    // At 100 % rounding may leave the result a hair above the air, which no dew point is.
    Some(saturation_temperature(saturation * humidity_percent / 100.0)?.min(temperature_c))
}

#[cfg(test)]
mod tests {
    use super::*;

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
