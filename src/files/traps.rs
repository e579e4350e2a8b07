//! What YAML takes for something else without a word: a text that is a comment, a quote that is none.

use std::sync::Arc;

use super::blanks::is_odd_space;
use super::node::{Kind, Node};
use super::syntax::{as_text, glued};
use super::{Place, Report, SourceFile};

/// What is to be left out: by its number, with the key that was meant.
pub(super) type Trapped = Vec<(u32, Option<String>)>;

/// Reports every such trap of a file.
pub(super) fn look(file: &Arc<SourceFile>, root: &Node<'_>, report: &mut Report) -> Trapped {
    let mut looking = Looking { file, report, trapped: Vec::new() };
    looking.below(root);
    looking.trapped
}

struct Looking<'r> {
    file: &'r Arc<SourceFile>,
    report: &'r mut Report,
    trapped: Trapped,
}

impl Looking<'_> {
    fn below(&mut self, node: &Node<'_>) {
        match &node.kind {
            Kind::Scalar { .. } => {}
            Kind::List { items, .. } => items.iter().for_each(|item| {
                self.value(None, item);
                self.below(item);
            }),
            Kind::Map { entries, flow } => entries.iter().for_each(|(key, of)| {
                if odd_space(self.file, key, self.report)
                    || (*flow && of.is_nothing() && glue(self.file, key, self.report))
                {
                    self.trapped.push((key.id, key.text().map(meant)));
                } else {
                    self.value(Some(key), of);
                    self.below(of);
                }
            }),
        }
    }

    fn value(&mut self, key: Option<&Node<'_>>, node: &Node<'_>) {
        let Kind::Scalar { text, plain: true } = &node.kind else { return };
        let wrong = match (key, quote(text)) {
            (_, Some(quote)) => {
                let message = format!("`{quote}` is no quote to a computer, but part of the text");
                self.report.error(self.file, node.place, message).help("type the plain quote \" or '");
                true
            }
            (Some(key), None) if node.is_nothing() => swallowed(self.file, key, self.report),
            _ => {
                unopened(self.file, node, text, self.report);
                cut(self.file, node, self.report);
                false
            }
        };
        if wrong {
            self.trapped.push((node.id, key.and_then(Node::text).map(str::to_owned)));
        }
    }
}

/// The key that was probably meant.
fn meant(key: &str) -> String {
    match key.split_once(':') {
        Some((key, _)) => key.to_owned(),
        None => key.replace(is_odd_space, " ").trim().to_owned(),
    }
}

/// A quote of a word processor with which a text begins.
fn quote(text: &str) -> Option<char> {
    text.chars().next().filter(|c| matches!(c, '“' | '”' | '„' | '‘' | '’' | '«' | '»'))
}

/// `{byte:0}`: a key called `byte:0`, without a value.
fn glue(file: &Arc<SourceFile>, key: &Node<'_>, report: &mut Report) -> bool {
    let plain = matches!(key.kind, Kind::Scalar { plain: true, .. });
    let Some((name, value)) = key.text().filter(|_| plain).and_then(glued) else { return false };
    let message = "a space is missing after the colon";
    report.error(file, key.place, message).help(format!("write `{name}: {value}`"));
    true
}

/// `each: #{ … }`: nothing is left of it.
fn swallowed(file: &Arc<SourceFile>, key: &Node<'_>, report: &mut Report) -> bool {
    let rest = file.text.get(key.bytes.1..).unwrap_or_default().lines().next().unwrap_or_default();
    let Some(rest) = rest.trim_start().strip_prefix(':') else { return false };
    let comment = rest.trim_start();
    let meant = |c: char| c == '{' || c.is_ascii_digit();
    let wrong = comment.strip_prefix('#').is_some_and(|after| after.starts_with(meant));
    if wrong {
        let name = key.text().unwrap_or_default();
        let at = key.bytes.1 + 1 + (rest.len() - comment.len());
        let place = Place::of_bytes(&file.text, at, comment.trim_end().len());
        let message = format!("`{name}` is empty: ` #` begins a comment in YAML");
        report.error(file, place, message).help(as_text(&format!("{name}: {comment}")));
    }
    wrong
}

/// `description: Valve #3`: the text ends before the `#`, which is a warning only. A comment has a space after its sign, or begins with a letter.
fn cut(file: &Arc<SourceFile>, node: &Node<'_>, report: &mut Report) {
    let rest = file.text.get(node.bytes.1..).unwrap_or_default().lines().next().unwrap_or_default();
    let comment = rest.trim_start();
    if comment.len() < rest.len()
        && comment.strip_prefix('#').is_some_and(|c| c.starts_with(|c: char| c.is_ascii_digit()))
    {
        let at = node.bytes.1 + (rest.len() - comment.len());
        let place = Place::of_bytes(&file.text, at, comment.trim_end().len());
        let message = "` #` begins a comment in YAML: the text ends before it";
        let help = "put the text into quotes; if it is a comment, write a space after the `#`";
        report.warning(file, place, message).help(help);
    }
}

/// `subscribe: sensor:update"`: the quote is part of the text.
fn unopened(file: &Arc<SourceFile>, node: &Node<'_>, text: &str, report: &mut Report) {
    let quote = text.chars().next_back().filter(|c| matches!(c, '"' | '\''));
    if let Some(quote) = quote.filter(|quote| text.matches(*quote).count() == 1 && !text.contains(['\n', '('])) {
        let place = Place::of_bytes(&file.text, node.bytes.0 + text.len() - 1, 1);
        let message = format!("this `{quote}` closes nothing, and is part of the text");
        report.warning(file, place, message).help("write one where the text begins as well, or none");
    }
}

/// A key with a space that is none is another key.
fn odd_space(file: &Arc<SourceFile>, key: &Node<'_>, report: &mut Report) -> bool {
    let Some((at, space)) = key.text().and_then(|text| text.char_indices().find(|(_, c)| is_odd_space(*c))) else {
        return false;
    };
    // Of a quoted key the place within is not known that exactly.
    let plain = matches!(key.kind, Kind::Scalar { plain: true, .. });
    let place = match plain {
        true => Place::of_bytes(&file.text, key.bytes.0 + at, space.len_utf8()),
        false => key.place,
    };
    let message = "this is not a plain space but a special one, as web pages and word processors have them";
    report.error(file, place, message).help("delete it and type a space");
    true
}
