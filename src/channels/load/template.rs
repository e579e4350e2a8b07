//! Names with placeholders: `{n}` counts a row of nodes from 1, `{signal}` stands for the signal.

use crate::files::Spanned;

use super::check::Check;

/// What the placeholders stand for, for one signal of one node.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Filling<'a> {
    /// `{signal}`.
    pub(super) signal: &'a str,
    /// `{n}`, of a row.
    pub(super) n: Option<u32>,
    /// Multiplexers and the values that choose the signal.
    pub(super) chosen: &'a [(&'a str, u64)],
}

/// Reports a placeholder that means nothing here, and one that is not closed. Whether it is right.
pub(super) fn check_template(check: &mut Check, text: &Spanned<String>, known: &[&str]) -> bool {
    let mut rest = text.as_str();
    while let Some((before, after)) = rest.split_once('{') {
        let Some((name, behind)) = after.split_once('}') else {
            check.error(text.place, format!("a `{{` in '{}' is not closed", text.value));
            return false;
        };
        if before.contains('}') || !known.contains(&name) {
            break;
        }
        rest = behind;
    }
    if !rest.contains(['{', '}']) {
        return true;
    }
    match rest.split_once('{').and_then(|(_, after)| after.split_once('}')) {
        Some((name @ "n", _)) => {
            let message = format!("`{{{name}}}` counts a row of nodes, and this is none");
            check.lacking(text.place, &["id"], message).help("a row has `id: {first: 0x3E8, count: 16}`");
        }
        Some((name, _)) => {
            let message = format!("`{{{name}}}` in '{}' stands for nothing here", text.value);
            check.error(text.place, message).did_you_mean(name, known.iter().copied());
        }
        None => {
            check.error(text.place, format!("a `}}` in '{}' closes nothing", text.value));
        }
    }
    false
}

/// Whether a template has the placeholder.
pub(super) fn has(text: &str, name: &str) -> bool {
    text.split('{').skip(1).any(|rest| rest.split_once('}').is_some_and(|(inside, _)| inside == name))
}

/// Fills a template that was checked. A multiplexer's placeholder falls away with the `_` before it: the signals that it
/// chooses have a value for it, and this is none of them.
pub(super) fn fill(text: &str, filling: Filling<'_>) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        let Some((name, behind)) = after.split_once('}') else { break };
        out += before;
        match (name, filling.n) {
            ("signal", _) => out += filling.signal,
            ("n", Some(n)) => out += &n.to_string(),
            (name, _) if filling.chosen.iter().any(|(by, _)| *by == name) => {
                let value = filling.chosen.iter().find(|(by, _)| *by == name);
                out += &value.map_or(0, |(_, value)| *value).to_string();
            }
            _ if out.ends_with('_') => drop(out.pop()),
            _ => {}
        }
        rest = behind;
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_filled() {
        let filling = Filling { signal: "vwc", n: Some(12), chosen: &[("mode", 3)] };
        for (text, want) in [
            ("{signal}_{n}", "vwc_12"),
            ("x", "x"),
            ("{signal}_{probe}", "vwc"),
            ("{signal}_{mode}", "vwc_3"),
            ("a{n}b{n}", "a12b12"),
            ("", ""),
        ] {
            assert_eq!(fill(text, filling), want);
        }
        assert!(has("{signal}_{n}", "n") && !has("{signal}_{n}", "probe") && !has("n}", "n"));
    }
}
