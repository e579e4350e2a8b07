//! What a plain scalar of YAML 1.2 means: nothing, a truth value, a number, else text. `on`, `off`, `yes` and `no` are texts.

/// A plain scalar, resolved.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Plain {
    /// Empty, `~` or `null`.
    Nothing,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number: `12`, `0x1F`, `0o17`, `0b11`, `1_000`.
    Whole(i128),
    /// Any other number.
    Number(f64),
    /// `010`: decimal to some readers, octal to others.
    LeadingZero,
    /// Anything else.
    Text,
}

/// Resolves the text of a plain scalar.
pub(super) fn plain(text: &str) -> Plain {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Plain::Nothing,
        "true" | "True" | "TRUE" => return Plain::Bool(true),
        "false" | "False" | "FALSE" => return Plain::Bool(false),
        _ => {}
    }
    let (negative, digits) = match text.as_bytes() {
        [b'-', ..] => (true, &text[1..]),
        [b'+', ..] => (false, &text[1..]),
        _ => (false, text),
    };
    if !digits.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return Plain::Text;
    }
    if digits.len() > 1 && digits.starts_with('0') && digits.bytes().all(|b| b.is_ascii_digit() || b == b'_') {
        return Plain::LeadingZero;
    }
    match whole(digits) {
        Some(value) => Plain::Whole(if negative { -value } else { value }),
        None => fraction(digits).map_or(Plain::Text, |value| Plain::Number(if negative { -value } else { value })),
    }
}

fn whole(digits: &str) -> Option<i128> {
    let (radix, digits) = match digits.get(..2) {
        Some("0x" | "0X") => (16, &digits[2..]),
        Some("0o" | "0O") => (8, &digits[2..]),
        Some("0b" | "0B") => (2, &digits[2..]),
        _ => (10, digits),
    };
    if !digits.starts_with(|c: char| c.is_digit(radix)) {
        return None;
    }
    i128::from_str_radix(&without_underscores(digits)?, radix).ok()
}

fn fraction(digits: &str) -> Option<f64> {
    match digits {
        ".inf" | ".Inf" | ".INF" => return Some(f64::INFINITY),
        ".nan" | ".NaN" | ".NAN" => return Some(f64::NAN),
        _ => {}
    }
    // Rust reads more than YAML does, but not with these letters alone.
    let numeral = |b: u8| b.is_ascii_digit() || matches!(b, b'.' | b'e' | b'E' | b'+' | b'-' | b'_');
    if !digits.bytes().all(numeral) {
        return None;
    }
    without_underscores(digits)?.parse().ok().filter(|value: &f64| value.is_finite())
}

/// Underscores may stand between digits.
fn without_underscores(digits: &str) -> Option<std::borrow::Cow<'_, str>> {
    if !digits.contains('_') {
        return Some(digits.into());
    }
    let proper = !digits.ends_with('_') && !digits.contains("__");
    proper.then(|| digits.replace('_', "").into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_scalars_are_what_yaml_1_2_says() {
        for (text, plain_is) in [
            ("", Plain::Nothing),
            ("~", Plain::Nothing),
            ("true", Plain::Bool(true)),
            ("off", Plain::Text),
            ("12", Plain::Whole(12)),
            ("-0x1F", Plain::Whole(-31)),
            ("0b11", Plain::Whole(3)),
            ("20_000", Plain::Whole(20_000)),
            ("0", Plain::Whole(0)),
            ("010", Plain::LeadingZero),
            ("0.5", Plain::Number(0.5)),
            ("-.5", Plain::Number(-0.5)),
            ("1e3", Plain::Number(1000.0)),
            (".inf", Plain::Number(f64::INFINITY)),
            ("30s", Plain::Text),
            ("12:30", Plain::Text),
            ("1__0", Plain::Text),
            ("0x", Plain::Text),
            (".", Plain::Text),
            ("+-1", Plain::Text),
            ("1e999", Plain::Text),
            ("2026-06-01", Plain::Text),
            ("23|16@0+", Plain::Text),
        ] {
            assert_eq!(plain(text), plain_is, "{text}");
        }
    }
}
