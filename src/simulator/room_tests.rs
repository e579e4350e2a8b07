use fastrand::Rng;

use super::*;

const NOON: i64 = 1_775_044_800;

fn outside() -> Outside {
    Outside::at(Utc(NOON * 1_000_000_000))
}

/// The room after so many minutes of steady controls and weather.
fn after(minutes: u32, controls: Controls) -> Room {
    let mut room = Room::new(false);
    for _ in 0..minutes * 60 {
        room.tick(1.0, Utc(NOON * 1_000_000_000), &outside(), &controls);
    }
    room
}

fn dark() -> Controls {
    Controls { lights: Some(0.0), exhaust: Some(0.0), valve: Some(0.0), ..Controls::default() }
}

fn lit() -> Controls {
    Controls { lights: Some(1.0), exhaust: Some(0.2), ..dark() }
}

#[test]
fn every_device_moves_the_air_the_right_way() {
    let (night, day) = (after(10, dark()), after(10, lit()));
    assert!(day.temperature > night.temperature + 2.0, "{} {}", day.temperature, night.temperature);
    assert!(day.humidity() < night.humidity() && day.co2 < night.co2, "lights dry, and the crop fixes carbon dioxide");
    assert!(night.co2 > after(1, dark()).co2, "darkness breathes out");

    let aired = after(10, Controls { exhaust: Some(1.0), ..lit() });
    assert!(aired.temperature < day.temperature - 3.0 && aired.vapour < day.vapour, "outside air is cool and dry");
    assert!(aired.temperature > outside().temperature && aired.vapour > outside().vapour);
    assert!((aired.co2 - outside().co2).abs() < (day.co2 - outside().co2).abs());

    let heated = after(10, Controls { heater: 1.0, ..dark() });
    assert!(heated.temperature > night.temperature + 2.0 && heated.humidity() < night.humidity());
    let dried = after(10, Controls { dehumidifier: 1.0, ..dark() });
    assert!(dried.vapour < night.vapour && dried.temperature > night.temperature, "a compressor is a heater too");
    let misted = after(10, Controls { humidifier: 1.0, ..dark() });
    assert!(misted.humidity() > night.humidity() && misted.temperature < night.temperature);
    let injected = after(10, Controls { injection: 1.0, ..lit() });
    assert!(injected.co2 > day.co2 + 200.0);
}

#[test]
fn a_shot_wets_the_substrate_and_the_crop_drinks_more_in_light() {
    let watered = |controls: Controls| after(90, Controls { valve: Some(0.0), ..controls });
    let before = Room::new(false);
    assert!(watered(lit()).vwc() < watered(dark()).vwc() && watered(dark()).vwc() < before.vwc());
    let shot = after(2, Controls { valve: Some(1.0), ..dark() });
    assert!((shot.litres - 24.0).abs() < 1e-6 && (shot.vwc() - before.vwc() - 10.0).abs() < 0.2);
    assert!(shot.ec() < before.ec(), "the feed is weaker than what roots left behind");
    let flooded = after(60, Controls { valve: Some(1.0), ..dark() });
    assert!(
        (flooded.vwc() - 75.0).abs() < 1e-9 && (flooded.ec() - FEED_EC).abs() < 0.05,
        "what drains takes salt along"
    );
}

/// Heat in air and solids and the latent heat of the vapour, J; water in vapour and substrate, kg.
fn stored(room: &Room) -> (f64, f64) {
    let heat = VOLUME * AIR_HEAT * room.temperature + MASS_HEAT * room.mass_temperature;
    (heat + LATENT * VOLUME * room.vapour, VOLUME * room.vapour + room.water)
}

#[test]
fn what_comes_in_less_what_goes_out_is_what_is_stored() {
    // Vents, walls, lamps, heater and valve are the only ways in and out; all else only changes its form.
    let controls = Controls { heater: 0.5, valve: Some(0.01), dehumidifier: 0.0, ..lit() };
    let (mut room, outside) = (Room::new(false), outside());
    let (heat, water) = stored(&room);
    let (mut heat_in, mut water_in) = (0.0, 0.0);
    for _ in 0..3600 {
        let air = LEAKAGE + EXHAUST * 0.2;
        let vapour = air * (outside.vapour - room.vapour);
        heat_in += room.limiter() * (LAMPS + 0.5 * HEATER) + air * AIR_HEAT * (outside.temperature - room.temperature);
        heat_in += WALLS * (outside.temperature - room.mass_temperature) + LATENT * vapour;
        water_in += FLOW * 0.01 + vapour;
        room.tick(1.0, Utc(0), &outside, &controls);
    }
    let (heat_now, water_now) = stored(&room);
    assert!(heat_in.abs() > 1e5 && water_in.abs() > 0.1, "something must have moved: {heat_in} J, {water_in} kg");
    assert!((heat_now - heat - heat_in).abs() < 1.0, "{} J stored, {heat_in} J came", heat_now - heat);
    assert!((water_now - water - water_in).abs() < 1e-6, "{} kg stored, {water_in} kg came", water_now - water);
}

#[test]
fn whatever_is_switched_for_a_week_the_room_stays_a_room() {
    let mut rng = Rng::with_seed(7);
    let mut some = || if rng.bool() { rng.f64() } else { rng.u8(0..=1).into() };
    let mut room = Room::new(true);
    let mut controls = Controls::default();
    let mut damp = 0.0_f64;
    for second in 0..7 * 86_400_i64 {
        if second % 1800 == 0 {
            let [exhaust, valve, lights, heater, dehumidifier, humidifier] = std::array::from_fn(|_| some());
            controls = Controls { exhaust: Some(exhaust), valve: Some(valve * 0.02), lights: Some(lights), ..controls };
            controls = Controls { heater, dehumidifier, humidifier, ..controls };
        }
        let utc = Utc((NOON + second) * 1_000_000_000);
        room.tick(1.0, utc, &Outside::at(utc), &controls);
        let saturated = vapour_of(saturation(room.temperature), room.temperature);
        assert!(room.vapour <= saturated * (1.0 + 1e-12), "super-saturated at {second} s");
        assert!((5.0..50.0).contains(&room.temperature), "{} °C at {second} s", room.temperature);
        assert!((150.0..2000.0).contains(&room.co2), "{} ppm at {second} s", room.co2);
        assert!((1.0..=75.0).contains(&room.vwc()) && (0.5..20.0).contains(&room.ec()), "{room:?}");
        damp = damp.max(room.humidity());
    }
    assert!(damp > 99.0, "the week never came near saturation ({damp} %), so it proves nothing about it");
}

#[test]
fn a_room_that_nobody_switches_has_a_day_and_is_watered() {
    let mut room = Room::new(false);
    let (mut lit, mut watered) = (0, 0);
    for second in 0..3 * 86_400_i64 {
        let utc = Utc(second * 1_000_000_000);
        room.tick(1.0, utc, &Outside::at(utc), &Controls::default());
        lit += i64::from(room.ppfd > 0.0);
        watered += i64::from(room.flow > 0.0);
        assert!(room.vwc() > 49.0, "{} % at {second} s", room.vwc());
    }
    assert_eq!(lit, 3 * 16 * 3600);
    assert!(watered > 60 && room.temperature < 32.0, "{watered} s, {room:?}");
}
