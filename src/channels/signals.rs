//! The frames of a channel map, checked: where each signal's bits are, and that no two share one.

use std::sync::Arc;

use crate::files::{Place, Report, SourceFile, Spanned};
use crate::model::{Name, Value};

use super::FrameLayout;
use super::codec::{Layout, Signal};
use super::spec::{FrameSpec, SignalSpec};

/// Checks one frame. Multiplexed signals are left out for now; what is wrong is left out too, and reported.
pub(super) fn frame_layout(
    file: &Arc<SourceFile>,
    name: &Spanned<String>,
    spec: &FrameSpec,
    report: &mut Report,
    later: &mut Vec<(&'static str, Place)>,
) -> FrameLayout {
    if spec.length.value > 64 {
        report.error(file, spec.length.place, "a frame has at most 64 bytes");
    }
    let mut signals: Vec<Signal> = Vec::new();
    for (name, signal) in &spec.signals {
        if let Some((multiplexer, _)) = signal.when.iter().next() {
            later.push(("when", multiplexer.place));
            continue;
        }
        if signal.deadband.is_some() {
            later.push(("deadband", signal.place));
        }
        match read_signal(name, signal) {
            Ok(read) => {
                check_place(file, name, &read, spec, &signals, report);
                signals.push(read);
            }
            Err((place, message)) => {
                report.error(file, place, message);
            }
        }
    }
    let (name, cycle) = (name.value.as_str().into(), spec.cycle.map(|cycle| cycle.0));
    FrameLayout { name, length: spec.length.value, cycle, signals }
}

fn check_place(
    file: &Arc<SourceFile>,
    name: &Spanned<String>,
    signal: &Signal,
    frame: &FrameSpec,
    others: &[Signal],
    report: &mut Report,
) {
    let needed = signal.layout.bytes_needed();
    if needed > usize::from(frame.length.value) {
        let message =
            format!("signal `{}` ends in byte {needed}, but the frame has {}", name.value, frame.length.value);
        report.error(file, name.place, message).help("check `byte` and `type`, or the frame's `length`");
        return;
    }
    if let Some(other) = others.iter().find(|other| overlap(&other.layout, &signal.layout)) {
        report.error(file, name.place, format!("signal `{}` shares bits with `{}`", name.value, other.name));
    }
}

fn overlap(a: &Layout, b: &Layout) -> bool {
    let bits = |layout: &Layout| {
        let mut bytes = [0_u8; 64];
        layout.put(u64::MAX, &mut bytes).map(|()| bytes)
    };
    match (bits(a), bits(b)) {
        (Some(a), Some(b)) => a.iter().zip(&b).any(|(a, b)| a & b != 0),
        _ => false,
    }
}

fn read_signal(name: &Spanned<String>, spec: &SignalSpec) -> Result<Signal, (Place, String)> {
    let layout = read_layout(name, spec)?;
    let scale = spec.scale.as_ref().map_or(1.0, |scale| scale.value);
    let offset = spec.offset.as_ref().map_or(0.0, |offset| offset.value);
    if scale == 0.0 || !scale.is_finite() || !offset.is_finite() {
        return Err((name.place, format!("signal `{}`: a scale is a number other than 0", name.value)));
    }
    let mut signal = Signal::new(name.value.as_str().into(), layout).scaled(scale, offset);
    if let Some(range) = &spec.range {
        if range.value.0 >= range.value.1 {
            return Err((range.place, "a range is [least, greatest]".to_owned()));
        }
        signal.range = Some(range.value);
    }
    if let Some(invalid) = &spec.invalid {
        signal.invalid =
            Some(raw(invalid.value, layout).ok_or_else(|| (invalid.place, too_wide(invalid.value, layout)))?);
    }
    for (key, text) in &spec.values {
        let number =
            integer(key).ok_or_else(|| (key.place, format!("`{}` is no raw value: write 0, 1 or 0x7F", key.value)))?;
        let bits = raw(number, layout).ok_or_else(|| (key.place, too_wide(number, layout)))?;
        signal.values.push((bits, Name::from(text.value.as_str())));
    }
    signal.unit = spec.unit.as_deref().map(Name::from);
    Ok(signal)
}

fn read_layout(name: &Spanned<String>, spec: &SignalSpec) -> Result<Layout, (Place, String)> {
    let kind = spec.kind.as_ref().map(|kind| kind.value.as_str());
    let bits = spec.bits.as_ref().map(|bits| match &bits.value {
        Value::Number(number) => number.to_string(),
        other => other.to_string(),
    });
    let place =
        [spec.dbc.as_ref().map(|d| d.place), spec.kind.as_ref().map(|k| k.place), spec.bits.as_ref().map(|b| b.place)]
            .into_iter()
            .flatten()
            .next()
            .unwrap_or(name.place);
    let layout = match (&spec.byte, &spec.dbc) {
        (Some(byte), None) => Layout::from_byte(byte.value, kind, bits.as_deref()),
        (None, Some(dbc)) => {
            let layout: Result<Layout, String> = dbc.parse();
            match kind {
                Some(kind) => layout.and_then(|layout| layout.as_float(kind)),
                None => layout,
            }
        }
        _ => Err(format!("signal `{}` needs `byte` with `type` or `bits`, or `dbc`", name.value)),
    };
    layout.map_err(|why| (place, why))
}

fn integer(text: &str) -> Option<i128> {
    match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(hex) => i128::from_str_radix(hex, 16).ok(),
        None => text.parse().ok(),
    }
}

/// The bits of a raw number, negative ones as two's complement; `None` if the signal has too few bits for it.
fn raw(number: i128, layout: Layout) -> Option<u64> {
    let mask = layout.mask();
    let fits = number >= -(i128::from(mask) / 2 + 1) && number <= i128::from(mask);
    fits.then_some(number as u64 & mask)
}

fn too_wide(number: i128, layout: Layout) -> String {
    format!("{number} does not fit into the signal's {} bits", layout.width)
}
