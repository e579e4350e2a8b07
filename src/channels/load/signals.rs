//! One signal: where its bits are, what number they make, what it may be.

use crate::files::{Place, Spanned};
use crate::model::{Name, Value};

use super::super::codec::Signal;
use super::super::layout::{Kind, Layout};
use super::super::spec::SignalSpec;
use super::check::Check;
use super::names::field_fault;

/// A fault that is not reported yet.
#[derive(Debug)]
pub(super) struct Fault {
    place: Place,
    message: String,
    help: Option<&'static str>,
}

impl Fault {
    fn at(place: Place, message: String) -> Fault {
        Fault { place, message, help: None }
    }

    fn tell(self, check: &mut Check) {
        check.lacking(self.place, &["byte", "bits", "type", "dbc"], self.message).help = self.help.map(str::to_owned);
    }
}

/// The signal, checked alone; `None` if there is no telling where its bits are.
pub(super) fn signal(
    check: &mut Check,
    name: &Spanned<String>,
    spec: &SignalSpec,
    place: Place,
    length: u64,
) -> Option<Signal> {
    if let Some(why) = field_fault(name) {
        check.error(name.place, format!("a signal cannot be called '{}': {why}", name.value.escape_debug()));
    }
    let layout = layout_of(spec, place).map_err(|fault| fault.tell(check)).ok()?;
    let needed = layout.bytes_needed();
    if needed as u64 > length && length > 0 {
        let message = format!("{} reaches into byte {}, but the frame has {length}", name.value, needed - 1);
        check.error(place_of_bits(spec, place), message).help(format!("bytes are counted from 0 to {}", length - 1));
        return None;
    }
    let (scale, offset) = (scale(check, spec), offset(check, spec));
    let mut signal = Signal::new(Name::from(name.as_str()), layout).scaled(scale, offset);
    signal.unit = spec.unit.as_deref().map(Name::from);
    signal.invalid = spec.invalid.as_ref().and_then(|invalid| raw(check, layout, invalid.value, invalid.place));
    signal.values = values(check, spec, layout);
    signal.range = range(check, spec, &signal);
    signal.clamp = spec.clamp;
    if let (Some(invalid), Some(spec)) = (signal.invalid, &spec.invalid)
        && let Some((_, text)) = signal.values.iter().find(|(raw, _)| *raw == invalid)
    {
        let message = format!("{} is both `invalid` and '{text}': the text would never be shown", spec.value);
        check.error(spec.place, message);
    }
    Some(signal)
}

/// Where the notation of the bits begins.
pub(super) fn place_of_bits(spec: &SignalSpec, place: Place) -> Place {
    let dbc = spec.dbc.as_ref().map(|dbc| dbc.place);
    dbc.or(spec.byte.as_ref().map(|byte| byte.place)).unwrap_or(place)
}

/// Where the bits are, or what is wrong with the notation.
pub(super) fn layout_of(spec: &SignalSpec, place: Place) -> Result<Layout, Fault> {
    match (&spec.byte, &spec.dbc) {
        (None, None) => Err(Fault {
            place,
            message: "nothing says which bits this signal has".to_owned(),
            help: Some("write `byte: 0, type: u16be`, or as on a DBC line `dbc: \"7|16@0+\"`"),
        }),
        (Some(_), Some(dbc)) => Err(Fault {
            place: dbc.place,
            message: "`dbc` says all about the bits: it does not go with `byte`".to_owned(),
            help: Some("keep one of them"),
        }),
        (Some(byte), None) => {
            let bits = spec.bits.as_ref().map(bits).transpose()?;
            let first = u8::try_from(byte.value).ok().filter(|first| *first < 64);
            let outside = || Fault::at(byte.place, format!("byte {} is outside any frame: the last is 63", byte.value));
            let first = first.ok_or_else(outside)?;
            let kind = spec.kind.as_ref().map(|kind| kind.as_str());
            let at = spec.bits.as_ref().map(|bits| bits.place).or(spec.kind.as_ref().map(|kind| kind.place));
            Layout::from_byte(first, kind, bits.as_deref()).map_err(|why| Fault::at(at.unwrap_or(byte.place), why))
        }
        (None, Some(dbc)) => {
            if let Some(bits) = &spec.bits {
                return Err(Fault::at(bits.place, "`bits` goes with `byte`: `dbc` says all about the bits".to_owned()));
            }
            let layout = dbc.parse::<Layout>().map_err(|why| Fault::at(dbc.place, why))?;
            let Some(kind) = &spec.kind else { return Ok(layout) };
            layout.as_float(kind).map_err(|why| Fault::at(kind.place, why))
        }
    }
}

/// `bits` as text, from a number or a text.
fn bits(bits: &Spanned<Value>) -> Result<String, Fault> {
    match &bits.value {
        Value::Number(number) => Ok(number.to_string()),
        Value::Text(text) => Ok(text.to_string()),
        other => Err(Fault {
            place: bits.place,
            message: format!("'{other}' is no bit or range of bits"),
            help: Some("write 3 or 0..1, both ends included"),
        }),
    }
}

fn scale(check: &mut Check, spec: &SignalSpec) -> f64 {
    let Some(scale) = &spec.scale else { return 1.0 };
    if scale.is_finite() && **scale != 0.0 {
        return scale.value;
    }
    let why = if **scale == 0.0 { "makes every value the same" } else { "is no finite number" };
    check
        .error(scale.place, format!("a scale of {} {why}", scale.value))
        .help("value = raw × scale + offset; leave `scale` out for 1");
    1.0
}

fn offset(check: &mut Check, spec: &SignalSpec) -> f64 {
    let Some(offset) = &spec.offset else { return 0.0 };
    if !offset.is_finite() {
        check.error(offset.place, format!("an offset of {} is no finite number", offset.value));
        return 0.0;
    }
    offset.value
}

fn range(check: &mut Check, spec: &SignalSpec, signal: &Signal) -> Option<(f64, f64)> {
    let range = spec.range.as_ref()?;
    let (low, high) = range.value;
    if low.is_nan() || high.is_nan() || low >= high {
        let why = if low > high { "runs backwards" } else { "has nothing between its ends" };
        let help = if low > high { format!("write [{high}, {low}]") } else { "leave `range` out for none".to_owned() };
        check.error(range.place, format!("the range [{low}, {high}] {why}")).help(help);
        return None;
    }
    let (least, most) = reach(signal);
    if most < low || least > high {
        let message = format!("the bits of {} give {least} to {most}: never a value in [{low}, {high}]", signal.name);
        check.error(range.place, message).help("is the scale, the offset or the type right?");
    }
    Some((low, high))
}

/// The least and the greatest value that the bits can say.
pub(super) fn reach(signal: &Signal) -> (f64, f64) {
    let mask = signal.layout.mask() as f64;
    let (low, high) = match signal.layout.kind {
        Kind::Unsigned => (0.0, mask),
        Kind::Signed => (-(mask / 2.0).ceil(), (mask / 2.0).floor()),
        Kind::F16 | Kind::F32 | Kind::F64 => (f64::NEG_INFINITY, f64::INFINITY),
    };
    let (a, b) = (low * signal.scale + signal.offset, high * signal.scale + signal.offset);
    (a.min(b), a.max(b))
}

fn values(check: &mut Check, spec: &SignalSpec, layout: Layout) -> Vec<(u64, Name)> {
    let mut values: Vec<(u64, Name)> = Vec::new();
    for (key, text) in &spec.values {
        let Some(number) = whole(key) else {
            let message = format!("'{}' is no raw value: `values` has whole numbers and their texts", key.value);
            check.error(key.place, message).help("write `values: {0: \"off\", 1: \"on\"}`");
            continue;
        };
        if layout.is_float() {
            check.error(key.place, "an IEEE number has no `values`");
            break;
        }
        let Some(raw) = raw(check, layout, number, key.place) else { continue };
        if text.trim().is_empty() {
            check.error(text.place, format!("the text of {number} is empty"));
        }
        match values.iter().find(|(known, _)| *known == raw) {
            Some((_, known)) => {
                check.error(key.place, format!("{} is already '{known}'", key.value));
            }
            None => values.push((raw, Name::from(text.as_str()))),
        }
    }
    values
}

/// A whole number as YAML writes it: 12, -3, 0x7FFF, 0b11.
pub(super) fn whole(text: &str) -> Option<i128> {
    let (negative, digits) = text.strip_prefix('-').map_or((false, text), |digits| (true, digits));
    let number = match digits.get(..2) {
        Some("0x" | "0X") => i128::from_str_radix(&digits[2..], 16),
        Some("0b" | "0B") => i128::from_str_radix(&digits[2..], 2),
        Some("0o") => i128::from_str_radix(&digits[2..], 8),
        _ => digits.parse(),
    };
    number.ok().map(|number| if negative { -number } else { number })
}

/// A raw value as its bits: of a signed signal also as the number that they make.
pub(super) fn raw(check: &mut Check, layout: Layout, number: i128, place: Place) -> Option<u64> {
    let most = i128::from(layout.mask());
    let least = if layout.kind == Kind::Signed { -(most / 2 + 1) } else { 0 };
    if (least..=most).contains(&number) {
        return Some(number as u64 & layout.mask());
    }
    check.error(place, format!("{number} is no raw value of {} bits: they go from {least} to {most}", layout.width));
    None
}
