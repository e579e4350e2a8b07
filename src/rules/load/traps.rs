//! What YAML and web pages make of a script: why its text is not what its author sees.

use crate::files::{Place, SourceFile, Spanned};

/// What may be behind a fault of a script at `place`.
pub(super) fn hint(file: &SourceFile, scalar: &Spanned<String>, place: Place) -> Option<String> {
    cut(file, scalar).or_else(|| pasted(file, place))
}

/// A sign that looks like another, in the line of the fault.
fn pasted(file: &SourceFile, place: Place) -> Option<String> {
    let line = file.text.lines().nth(place.line.checked_sub(1)?)?;
    let odd =
        line.chars().skip(place.column.saturating_sub(2)).take(3).find(|c| !c.is_ascii() && !c.is_alphanumeric())?;
    let plain = match odd {
        '“' | '”' | '„' | '«' | '»' => "the plain quote \"",
        '‘' | '’' => "the plain quote ' (or \" around a text)",
        '–' | '—' | '−' => "the plain minus -",
        '×' => "*",
        '≥' => ">=",
        '≤' => "<=",
        '≠' => "!=",
        _ if odd.is_whitespace() || ('\u{2000}'..='\u{206f}').contains(&odd) || odd == '\u{feff}' => "a plain space",
        _ => return None,
    };
    let shown = if odd.is_whitespace() || odd.is_control() { "a special space".to_owned() } else { format!("`{odd}`") };
    Some(format!("{shown} comes from a web page or a word processor: type {plain}"))
}

/// Why a plain scalar may be shorter than the user thinks.
pub(super) fn cut(file: &SourceFile, scalar: &Spanned<String>) -> Option<String> {
    let start = scalar.place.offset(&file.text)?;
    let end = start + scalar.place.len;
    let (raw, rest) = (file.text.get(start..end)?, file.text.get(end..)?);
    let comment = rest.lines().next()?.trim_start().starts_with('#');
    let plain = !raw.starts_with(['\'', '"']) && !raw.contains('\n');
    (comment && plain)
        .then(|| "` #` begins a comment in YAML, the script ends before it: write it as a block, `|`".to_owned())
}
