//! What YAML makes of a script that it does not like: pointed diagnostics for what every user meets once.

use std::sync::Arc;

use crate::files::{Place, Report, SourceFile, Spanned};

const SCRIPTS: [&str; 6] = ["when", "until", "then", "each", "finally", "subscribe"];
const BLOCK: &str = "write it as a block:";

/// A top-level key with what follows on its line, and the place of that.
fn scripts(file: &SourceFile) -> impl Iterator<Item = (&str, &str, Place)> {
    let mut start = 0;
    let lines = file.text.split_inclusive('\n').map(move |line| {
        start += line.len();
        (start - line.len(), line.trim_end())
    });
    lines.filter_map(|(start, line)| {
        let (key, rest) = line.split_once(':')?;
        let value = rest.trim_start();
        let at = start + line.len() - value.len();
        (SCRIPTS.contains(&key) && !value.is_empty())
            .then(|| (key, value, Place::of_bytes(&file.text, at, value.len())))
    })
}

/// Reports scripts that YAML has taken for something else without a word: a comment or a tag.
pub(super) fn swallowed(file: &Arc<SourceFile>, report: &mut Report) {
    for (key, value, place) in scripts(file) {
        let what = match value.as_bytes() {
            [b'#', b'{', ..] => "` #` begins a comment in YAML, so nothing is left of the script",
            [b'!', ..] => "`!` at the beginning is a tag in YAML, so nothing is left of the script",
            _ => continue,
        };
        report.error(file, place, format!("`{key}` is empty: {what}")).help(block(key));
    }
}

/// Says about a file that is no YAML at all which script it may be that YAML does not like.
pub(super) fn explain(file: &SourceFile, report: &mut Report) {
    let Some(fault) = report.diagnostics.last_mut() else { return };
    if fault.help.is_some() || fault.place.line == 0 {
        return;
    }
    let Some((key, value, _)) = scripts(file).find(|(.., place)| place.line == fault.place.line) else { return };
    let what = match value.as_bytes() {
        [b'{', ..] => "`{` begins a map in YAML",
        [b'"' | b'\'', ..] => "what begins with a quote ends with it in YAML",
        [b'%' | b'@' | b'`' | b'*' | b'&' | b'!' | b'|' | b'>', ..] => "YAML takes the first sign for its own",
        _ if value.contains(": ") => "`: ` begins a value in YAML",
        _ => return,
    };
    fault.help = Some(format!("{what}: {}", block(key)));
}

/// Why a plain scalar may be shorter than the user thinks.
pub(super) fn cut(file: &SourceFile, scalar: &Spanned<String>) -> Option<String> {
    let start = scalar.place.offset(&file.text)?;
    let end = start + scalar.place.len;
    let (raw, rest) = (file.text.get(start..end)?, file.text.get(end..)?);
    let comment = rest.lines().next()?.trim_start().starts_with('#');
    let plain = !raw.starts_with(['\'', '"']) && !raw.contains('\n');
    (comment && plain).then(|| format!("` #` begins a comment in YAML, the script ends before it: {BLOCK} `|`"))
}

fn block(key: &str) -> String {
    if key == "subscribe" { "put it into quotes".to_owned() } else { format!("{BLOCK} `{key}: |`, the script below") }
}
