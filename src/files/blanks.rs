//! Blanks that YAML does not take for blanks: tabs before a key, and the special spaces of web pages.

use serde_saphyr::granit_parser::ErrorKind;

use super::lines::indent;
use super::syntax::{Spot, SyntaxFault, fault};

/// A tab that indents.
pub(super) fn tab(at: &Spot<'_>) -> Option<SyntaxFault> {
    use ErrorKind as K;
    let about_tabs = matches!(
        at.kind,
        K::TabNotAllowed
            | K::TabInBlockIndentation
            | K::TabAtBlockScalarStart
            | K::TabInIndentation
            | K::TabInPlainScalar
    );
    // What the parser has against a tab it may say at the end of the line before.
    let lines = at.line..=at.line + usize::from(about_tabs);
    let help = "replace it by spaces; most editors can do so whenever they save".to_owned();
    if let Some((line, blank)) =
        lines.map(|line| (line, indent(at.lines.get(line)).1)).find(|(_, blank)| blank.contains('\t'))
    {
        let column = blank.chars().take_while(|c| *c != '\t').count() + 1;
        return Some(fault(line, column, 1, "a tab indents this line: YAML takes spaces only", Some(help)));
    }
    let column = at.text().chars().position(|c| c == '\t').map_or(at.column, |at| at + 1);
    about_tabs.then(|| fault(at.line, column, 1, "a tab stands where YAML takes spaces only", Some(help)))
}

/// Spaces that look like one and are none, as web pages have them.
pub(super) fn odd_space(at: &Spot<'_>) -> Option<SyntaxFault> {
    let (line, found) = [Some(at.line), at.lines.before(at.line)]
        .into_iter()
        .flatten()
        .find_map(|line| Some((line, at.lines.get(line).char_indices().find(|(_, c)| is_odd_space(*c))?)))?;
    let text = at.lines.get(line);
    let structural = text[..found.0].trim().is_empty() || text[..found.0].trim_end().ends_with([':', '-']);
    if !structural {
        return None;
    }
    let column = text[..found.0].chars().count() + 1;
    let message = if found.1 == '\u{feff}' {
        "an invisible byte-order mark stands in the middle of the file"
    } else {
        "this is not a plain space but a special one, as web pages and word processors have them"
    };
    Some(fault(line, column, found.1.len_utf8(), message, Some("delete it and type a space".to_owned())))
}

pub(super) fn is_odd_space(c: char) -> bool {
    matches!(c, '\u{a0}' | '\u{2000}'..='\u{200b}' | '\u{202f}' | '\u{205f}' | '\u{3000}' | '\u{feff}' | '\u{2060}')
}
