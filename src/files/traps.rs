//! What YAML takes for something else without a word: a text that is a comment, a quote that is none.

use std::sync::Arc;

use super::node::{Kind, Node};
use super::syntax::{as_text, is_odd_space};
use super::{Place, Report, SourceFile};

/// Reports every such trap of a file.
pub(super) fn look(file: &Arc<SourceFile>, node: &Node<'_>, report: &mut Report) {
    match &node.kind {
        Kind::Scalar { .. } => {}
        Kind::List { items, .. } => items.iter().for_each(|item| {
            value(file, None, item, report);
            look(file, item, report);
        }),
        Kind::Map { entries, .. } => entries.iter().for_each(|(key, of)| {
            odd_space(file, key, report);
            value(file, Some(key), of, report);
            look(file, of, report);
        }),
    }
}

fn value(file: &Arc<SourceFile>, key: Option<&Node<'_>>, node: &Node<'_>, report: &mut Report) {
    let Kind::Scalar { text, plain: true } = &node.kind else { return };
    if let Some(quote) = text.chars().next().filter(|c| matches!(c, '“' | '”' | '„' | '‘' | '’' | '«' | '»')) {
        let message = format!("`{quote}` is no quote to a computer, but part of the text");
        report.error(file, node.place, message).help("type the plain quote \" or '");
        return;
    }
    match key.filter(|_| node.is_nothing()) {
        Some(key) => swallowed(file, key, report),
        None => cut(file, node, report),
    }
}

/// `each: #{ … }`: nothing is left of it.
fn swallowed(file: &Arc<SourceFile>, key: &Node<'_>, report: &mut Report) {
    let rest = file.text.get(key.bytes.1..).unwrap_or_default().lines().next().unwrap_or_default();
    let Some(rest) = rest.trim_start().strip_prefix(':') else { return };
    let comment = rest.trim_start();
    let meant = |c: char| c == '{' || c.is_ascii_digit();
    if comment.strip_prefix('#').is_some_and(|after| after.starts_with(meant)) {
        let name = key.text().unwrap_or_default();
        let at = key.bytes.1 + 1 + (rest.len() - comment.len());
        let place = Place::of_bytes(&file.text, at, comment.trim_end().len());
        let message = format!("`{name}` is empty: ` #` begins a comment in YAML");
        report.error(file, place, message).help(as_text(Some(name)));
    }
}

/// `description: Valve #3`: the text ends before the `#`. A comment has a space after its sign, or begins with a letter.
fn cut(file: &Arc<SourceFile>, node: &Node<'_>, report: &mut Report) {
    let rest = file.text.get(node.bytes.1..).unwrap_or_default().lines().next().unwrap_or_default();
    let comment = rest.trim_start();
    if comment.len() < rest.len() && comment.strip_prefix('#').is_some_and(|c| c.starts_with(|c: char| c.is_ascii_digit())) {
        let at = node.bytes.1 + (rest.len() - comment.len());
        let place = Place::of_bytes(&file.text, at, comment.trim_end().len());
        let message = "` #` begins a comment in YAML: the text ends before it";
        let help = "put the text into quotes; if it is a comment, write a space after the `#`";
        report.warning(file, place, message).help(help);
    }
}

/// A key with a space that is none is another key.
fn odd_space(file: &Arc<SourceFile>, key: &Node<'_>, report: &mut Report) {
    let Some((at, space)) = key.text().and_then(|text| text.char_indices().find(|(_, c)| is_odd_space(*c))) else { return };
    // Of a quoted key the place within is not known that exactly.
    let plain = matches!(key.kind, Kind::Scalar { plain: true, .. });
    let place = match plain {
        true => Place::of_bytes(&file.text, key.bytes.0 + at, space.len_utf8()),
        false => key.place,
    };
    let message = "this is not a plain space but a special one, as web pages and word processors have them";
    report.error(file, place, message).help("delete it and type a space");
}
