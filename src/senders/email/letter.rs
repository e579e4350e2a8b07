//! A note as an e-mail: text, and the same as HTML that needs no images. Pure.

use jiff::tz::TimeZone;
use lettre::Address;
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Mailbox, Message, MultiPart, SinglePart};

use crate::model::{Note, Parcel, Severity, Standing};

/// A phone shows about so much of a subject.
const LONGEST_SUMMARY: usize = 120;

/// Who writes to whom, from where.
pub(super) struct Ends {
    pub(super) from: Mailbox,
    pub(super) to: Mailbox,
    pub(super) site: String,
    pub(super) zone: TimeZone,
}

/// The whole message, ready to be sent.
///
/// # Errors
/// It cannot be written; the text says why.
pub(super) fn letter(ends: &Ends, note: &Note, parcel: &Parcel) -> Result<Message, String> {
    let site = if note.site.is_empty() { &ends.site } else { &note.site };
    let subject = subject(site, note);
    let rows = rows(ends, note, parcel, site);
    let mut builder = Message::builder()
        .from(ends.from.clone())
        .to(ends.to.clone())
        .subject(subject)
        .date(std::time::UNIX_EPOCH + std::time::Duration::from_nanos(u64::try_from(parcel.at.0).unwrap_or(0)))
        .message_id(Some(message_id(&parcel.key, &ends.from.email)))
        .raw_header(raw("Auto-Submitted", "auto-generated"));
    if note.severity == Severity::Critical && note.standing != Standing::Resolved {
        builder = builder.raw_header(raw("X-Priority", "1 (Highest)")).raw_header(raw("Importance", "high"));
    }
    let parts = MultiPart::alternative()
        .singlepart(part(ContentType::TEXT_PLAIN, text(note, &rows)))
        .singlepart(part(ContentType::TEXT_HTML, html(note, &rows)));
    builder.multipart(parts).map_err(|error| format!("the e-mail cannot be written: {error}"))
}

fn part(kind: ContentType, body: String) -> SinglePart {
    SinglePart::builder().header(kind).body(body)
}

fn raw(name: &'static str, value: &str) -> HeaderValue {
    HeaderValue::new(HeaderName::new_from_ascii_str(name), value.to_owned())
}

/// The same at every try, so that whoever stores it twice can tell.
fn message_id(key: &str, from: &Address) -> String {
    let mut id = String::new();
    for byte in key.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' => id.push(char::from(byte)),
            other => id.push_str(&format!("_{other:02x}")),
        }
    }
    format!("<{id}@{}>", from.domain())
}

/// `[site] CRITICAL: summary`.
fn subject(site: &str, note: &Note) -> String {
    format!("[{}] {}: {}", one_line(site), word(note), cut(&one_line(&note.summary), LONGEST_SUMMARY))
}

/// What it is, in one word or two.
fn word(note: &Note) -> String {
    match note.standing {
        Standing::Resolved => "RESOLVED".to_owned(),
        Standing::NoData => "NO DATA".to_owned(),
        Standing::Said | Standing::Firing => note.severity.name().to_uppercase(),
    }
}

/// A line end must not begin a header or a row of its own.
fn one_line(text: &str) -> String {
    let spaced: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    spaced.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// At the end of a word if there is one in the last third.
fn cut(text: &str, longest: usize) -> String {
    if text.chars().count() <= longest {
        return text.to_owned();
    }
    let head: String = text.chars().take(longest - 1).collect();
    let end = head.rfind(' ').filter(|end| *end > head.len() * 2 / 3).unwrap_or(head.len());
    format!("{}…", head[..end].trim_end())
}

/// The small print: what it is about, and what to do.
fn rows(ends: &Ends, note: &Note, parcel: &Parcel, site: &str) -> Vec<(&'static str, String)> {
    let mut rows = vec![("site", one_line(site))];
    if !note.rule.is_empty() {
        rows.push(("rule", one_line(&note.rule)));
    }
    if note.since > 0.0 {
        rows.push(("since", local(note.since, &ends.zone)));
    }
    if note.count > 1 {
        rows.push(("alerts", note.count.to_string()));
    }
    if note.repeats > 0 {
        rows.push(("said before", times(note.repeats)));
    }
    if note.escalated {
        rows.push(("escalated", "nobody has acknowledged it".to_owned()));
    }
    if !note.ack.is_empty() {
        rows.push(("acknowledge", format!("growctl alert ack {}", one_line(&note.ack))));
    }
    if parcel.tries > 1 {
        rows.push(("try", format!("{}: you may have got it already", parcel.tries)));
    }
    rows
}

fn times(count: u32) -> String {
    if count == 1 { "once".to_owned() } else { format!("{count} times") }
}

fn local(seconds: f64, zone: &TimeZone) -> String {
    let at = crate::model::Utc::from_seconds(seconds);
    let at = jiff::Timestamp::from_nanosecond(i128::from(at.0)).unwrap_or_default().to_zoned(zone.clone());
    at.strftime("%Y-%m-%d %H:%M:%S %Z").to_string()
}

fn text(note: &Note, rows: &[(&'static str, String)]) -> String {
    let mut text = format!("{}: {}\n", word(note), one_line(&note.summary));
    if !note.details.is_empty() {
        text.push('\n');
        note.details.iter().for_each(|detail| text.push_str(&format!("- {}\n", one_line(detail))));
    }
    text.push('\n');
    rows.iter().for_each(|(name, value)| text.push_str(&format!("{name}: {value}\n")));
    text
}

/// Background and text of the heading: readable in both, and for whoever tells no red from green by the word.
fn colours(note: &Note) -> (&'static str, &'static str) {
    match (note.standing, note.severity) {
        (Standing::Resolved, _) => ("#1a7f37", "#ffffff"),
        (Standing::NoData, _) => ("#57606a", "#ffffff"),
        (_, Severity::Critical) => ("#b42318", "#ffffff"),
        (_, Severity::Warning) => ("#f5b301", "#1f2328"),
        (_, Severity::Info) => ("#0b5cad", "#ffffff"),
    }
}

fn html(note: &Note, rows: &[(&'static str, String)]) -> String {
    let (back, front) = colours(note);
    let details: String = note
        .details
        .iter()
        .map(|detail| format!("<li style=\"margin:0 0 6px\">{}</li>\n", escaped(&one_line(detail))))
        .collect();
    let details = if details.is_empty() {
        details
    } else {
        format!("<ul style=\"margin:0 0 16px;padding-left:20px\">\n{details}</ul>\n")
    };
    let rows: String = rows
        .iter()
        .map(|(name, value)| {
            format!("<tr><td style=\"padding:2px 12px 2px 0;color:#57606a\">{name}</td><td style=\"padding:2px 0\">{}</td></tr>\n", escaped(value))
        })
        .collect();
    let (word, summary) = (escaped(&word(note)), escaped(&one_line(&note.summary)));
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
<title>{word}</title></head>\n\
<body style=\"margin:0;padding:16px;background:#f6f8fa;color:#1f2328;font:16px/1.5 Helvetica,Arial,sans-serif\">\n\
<div style=\"max-width:600px;margin:0 auto;background:#ffffff;border:1px solid #d0d7de;border-radius:6px;overflow:hidden\">\n\
<div style=\"background:{back};color:{front};padding:10px 20px;font-weight:bold;letter-spacing:1px\">{word}</div>\n\
<div style=\"padding:20px\">\n<p style=\"margin:0 0 16px;font-size:20px;line-height:1.3\">{summary}</p>\n\
{details}<table style=\"font-size:14px;border-collapse:collapse\">\n{rows}</table>\n</div>\n</div>\n</body></html>\n"
    )
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
#[path = "letter_tests.rs"]
mod tests;
