//! Takes secrets out of what is shown: the other side may repeat a token in its answer, a template has one in its body. What
//! is hidden is hidden in every way it is written: as it is, in JSON, in a form.

use reqwest::Url;

use crate::model::Secret;

/// What stands in place of a secret.
const HIDDEN: &str = "***";

/// From this length on a text is no word of a language: parts of a secret address are secrets themselves (a shorter one is
/// `hooks`), and a secret is hidden inside other words too.
const SECRET_PART: usize = 8;

/// Knows what must not be shown.
#[derive(Clone, Default)]
pub(super) struct Censor {
    // The longest first, so that no end of one is left where a shorter one is its beginning.
    texts: Vec<String>,
}

impl std::fmt::Debug for Censor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Censor({} secrets)", self.texts.len())
    }
}

impl Censor {
    /// One that hides these.
    pub(super) fn new<'a>(secrets: impl IntoIterator<Item = &'a Secret>) -> Censor {
        let mut censor = Censor::default();
        censor.hide(secrets.into_iter().map(|secret| secret.expose().to_owned()));
        censor
    }

    /// Hides an address that is a secret, and its parts, as the other side would repeat them.
    pub(super) fn hide_url(&mut self, url: &Url) {
        let long = |part: &str| part.len() >= SECRET_PART;
        let mut parts = vec![url.as_str().to_owned()];
        parts.extend(Some(url.path()).filter(|path| long(path)).map(ToOwned::to_owned));
        parts.extend(url.query().filter(|query| long(query)).map(ToOwned::to_owned));
        parts.extend(url.path_segments().into_iter().flatten().filter(|part| long(part)).map(ToOwned::to_owned));
        parts.extend(url.query_pairs().map(|(_, value)| value.into_owned()).filter(|value| long(value)));
        self.hide(parts);
    }

    fn hide(&mut self, secrets: impl IntoIterator<Item = String>) {
        for secret in secrets.into_iter().filter(|secret| !secret.is_empty()) {
            let json = serde_json::Value::from(secret.as_str()).to_string();
            self.texts.push(json[1..json.len() - 1].to_owned());
            self.texts.push(form(&[("", &secret)])[1..].to_owned());
            self.texts.push(secret);
        }
        self.texts.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        self.texts.dedup();
    }

    /// The text without secrets and without control characters, cut after `most` characters.
    pub(super) fn show(&self, text: &str, most: usize) -> String {
        let mut text = text.to_owned();
        for secret in &self.texts {
            if text.contains(secret.as_str()) {
                text = hidden(&text, secret);
            }
        }
        let clean = text.chars().map(|c| if c.is_control() { ' ' } else { c });
        shorten(&clean.collect::<String>(), most)
    }
}

/// A short one only where it stands alone: a topic `grow` is not what `growctl` begins with.
fn hidden(text: &str, secret: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut from = 0;
    for (at, _) in text.match_indices(secret) {
        let (before, after) = (&text[..at], &text[at + secret.len()..]);
        let inside = before.ends_with(char::is_alphanumeric) || after.starts_with(char::is_alphanumeric);
        if inside && secret.len() < SECRET_PART {
            continue;
        }
        shown.push_str(&text[from..at]);
        shown.push_str(HIDDEN);
        from = at + secret.len();
    }
    shown + &text[from..]
}

/// The first `most` characters, the last of them `…` where something is missing.
pub(super) fn shorten(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        None => text.to_owned(),
        Some(_) => text.chars().take(most.saturating_sub(1)).chain(['…']).collect(),
    }
}

/// Pairs as a form has them, `application/x-www-form-urlencoded`.
pub(super) fn form(pairs: &[(&str, &str)]) -> String {
    let Ok(mut url) = Url::parse("http://form") else { return String::new() };
    url.query_pairs_mut().extend_pairs(pairs);
    url.query().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_hidden_in_every_way_it_is_written() {
        let censor = Censor::new(&[Secret::new("se\"cr et&1".to_owned()), Secret::new(String::new())]);
        let said = "plain se\"cr et&1, JSON se\\\"cr et&1, form se%22cr+et%261\r\nend";
        assert_eq!(censor.show(said, 200), "plain ***, JSON ***, form ***  end");
        assert_eq!(format!("{censor:?}"), "Censor(3 secrets)");
    }

    #[test]
    fn a_secret_that_begins_another_leaves_no_end() {
        let censor = Censor::new(&[Secret::new("abcdefgh".to_owned()), Secret::new("abcdefghij".to_owned())]);
        assert_eq!(censor.show("abcdefghij abcdefgh", 200), "*** ***");
    }

    #[test]
    fn a_short_one_is_hidden_where_it_stands_alone() {
        let censor = Censor::new(&[Secret::new("grow".to_owned())]);
        assert_eq!(
            censor.show(r#"{"topic":"grow"} growctl, grow/x ingrow"#, 200),
            r#"{"topic":"***"} growctl, ***/x ingrow"#
        );
    }

    #[test]
    fn an_address_is_hidden_in_parts_too() {
        let mut censor = Censor::default();
        censor.hide_url(&Url::parse("https://h.example/services/T0000001/hook?key=0123456789").expect("an address"));
        assert_eq!(censor.show("no route for /services/T0000001/hook", 99), "no route for ***");
        assert_eq!(censor.show("T0000001 hook 0123456789", 99), "*** hook ***");
    }

    #[test]
    fn what_is_long_is_cut_on_a_character() {
        assert_eq!(shorten("ééééé", 3), "éé…");
        assert_eq!(shorten("ééé", 3), "ééé");
    }
}
