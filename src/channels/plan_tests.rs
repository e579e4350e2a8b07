use proptest::prelude::*;

use super::*;

fn any_signal() -> impl Strategy<Value = Signal> {
    let layout = (0u16..100, 1u8..=64, any::<bool>(), 0u8..5).prop_map(|(start, width, big_endian, kind)| {
        let kind = [Kind::Unsigned, Kind::Signed, Kind::F32, Kind::F64, Kind::F16][usize::from(kind)];
        let width = match kind {
            Kind::F16 => 16,
            Kind::F32 => 32,
            Kind::F64 => 64,
            Kind::Unsigned | Kind::Signed => width,
        };
        Layout { start, width, big_endian, kind }
    });
    let scale = prop_oneof![
        Just(1.0),
        Just(0.1),
        (-2000i32..2000).prop_filter("not 0", |n| *n != 0).prop_map(|n| f64::from(n) / 1000.0),
        (1u32..50).prop_map(|n| 1.0 / f64::from(n)),
        (1e-12..1e12f64),
    ];
    let offset = prop_oneof![Just(0.0), (-100_000i32..100_000).prop_map(|n| f64::from(n) / 100.0), -1e9..1e9f64];
    let range = proptest::option::of((-1e4..0.0f64, 0.0..1e5f64));
    let none = (proptest::option::of(any::<u64>()), proptest::option::weighted(0.2, 0u64..0xFFFF));
    let raws = (none, proptest::collection::vec(0u64..8, 0..4));
    (layout, scale, offset, range, raws).prop_map(|(layout, scale, offset, range, (none, raws))| {
        // In a map IEEE numbers have no texts.
        let raws = if layout.is_float() { Vec::new() } else { raws };
        let values = raws.iter().map(|raw| (*raw, Name::from(format!("state {raw}")))).collect();
        let (invalid, no_value_from) = none;
        Signal { range, invalid, no_value_from, values, ..Signal::new("x".into(), layout).scaled(scale, offset) }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]
    #[test]
    fn a_plan_gives_what_the_signal_gives(
        signal in any_signal(),
        mut data in proptest::collection::vec(any::<u8>(), 0..=20),
        small: bool,
    ) {
        if small {
            let _ = signal.layout.put(u64::from(data.first().copied().unwrap_or(0) % 8), &mut data);
        }
        let plan = Plan::new([Wanted::signal(&signal)].into_iter());
        let (values, quality) = plan.decode(&data);
        let got = quality.first().map_or_else(|| Ok(values.get("x").cloned().unwrap_or_default()), |(_, why)| Err(*why));
        prop_assert_eq!(got, signal.decode(&data));
    }
}

#[test]
fn a_scale_with_endless_decimals_goes_the_long_way() {
    for divisor in [13.0, 26.0, 28.0] {
        let layout = "0|2@1+".parse().expect("two bits");
        let signal = Signal::new("x".into(), layout).scaled(1.0 / divisor, 0.0);
        let plan = Plan::new([Wanted::signal(&signal)].into_iter());
        for raw in 0..4 {
            let (values, _) = plan.decode(&[raw]);
            assert_eq!(values.get("x").cloned(), signal.decode(&[raw]).ok(), "{raw} / {divisor}");
        }
    }
}

#[test]
fn a_correction_comes_after_the_range_and_is_rounded_to_its_decimals() {
    let signal = Signal { range: Some((0.0, 100.0)), ..Signal::new("x".into(), "0|8@1+".parse().expect("right")) };
    let value = |raw: u8, adjust| {
        let wanted = Wanted { adjust: Some(adjust), ..Wanted::signal(&signal) };
        let (values, quality) = Plan::new([wanted].into_iter()).decode(&[raw]);
        quality.first().map_or_else(|| Ok(values.get("x").and_then(Value::as_number)), |(_, why)| Err(*why))
    };
    assert_eq!(value(24, (1.0, -0.4)), Ok(Some(23.6)));
    assert_eq!(value(50, (1.02, 0.0)), Ok(Some(51.0)));
    assert_eq!(value(100, (1.0, 1.5)), Ok(Some(101.5)));
    assert_eq!(value(101, (1.0, -5.0)), Err(Quality::OutOfRange));
}
