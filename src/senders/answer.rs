//! What the other side of an HTTP request answered, and what that means for what was sent.

use std::time::Duration;

use jiff::fmt::rfc2822;
use reqwest::header::{CONTENT_TYPE, DATE, HeaderMap, LOCATION, RETRY_AFTER};
use reqwest::{Response, StatusCode, Url};
use serde_json::Value as Json;

use super::Transcript;
use super::censor::Censor;
use crate::model::Verdict;

/// Nobody is obeyed who asks for more than a day: a typing error there must not silence alerts here.
const LONGEST_PAUSE: Duration = Duration::from_secs(24 * 3600);

/// Who the receiver is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Audience {
    /// An alert is worth nothing days later: what is refused is given up at once, where it can be seen.
    Person,
    /// Data can wait for somebody to mend the settings.
    Machine,
}

/// An answer.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    /// Its beginning.
    pub(super) body: String,
    headers: HeaderMap,
    host: String,
    /// Its beginning, and what it says in words; without secrets.
    shown: String,
    reason: String,
}

impl Answer {
    /// So many bytes are read of an answer.
    pub(super) const MOST: usize = 64 * 1024;

    /// So many characters of it are shown.
    pub(super) const SHOWN: usize = 200;

    /// Reads `most` bytes of the body, then hangs up. What has a status is an answer, even if its body breaks off.
    pub(super) async fn read(mut response: Response, most: usize, censor: &Censor, host: &str) -> Answer {
        let (status, headers) = (response.status(), std::mem::take(response.headers_mut()));
        let mut body = Vec::new();
        while body.len() < most
            && let Ok(Some(part)) = response.chunk().await
        {
            body.extend_from_slice(&part[..part.len().min(most - body.len())]);
        }
        let body = String::from_utf8_lossy(&body).into_owned();
        let shown = censor.show(body.trim(), Answer::SHOWN);
        let reason = reason(&body).map_or_else(|| shown.clone(), |reason| censor.show(&reason, Answer::SHOWN));
        Answer { status, body, headers, host: host.to_owned(), shown, reason }
    }

    /// Writes it down.
    pub(super) fn note(&self, transcript: &Transcript) {
        transcript.say(|| format!("< {}", self.status));
        for name in [CONTENT_TYPE, RETRY_AFTER] {
            let value = self.headers.get(&name).and_then(|value| value.to_str().ok());
            if let Some(value) = value {
                transcript.say(|| format!("< {name}: {value}"));
            }
        }
        if !self.shown.is_empty() {
            transcript.say(|| format!("< {}", self.shown));
        }
    }

    /// What it means: done, later, or never.
    pub(super) fn verdict(&self, to: Audience) -> Verdict {
        match self.status.as_u16() {
            200..=299 => Verdict::Delivered,
            300..=399 => {
                self.failed(&format!("{}; redirects are not followed: write the right address", self.elsewhere()))
            }
            401 | 403 => self.failed("; the login or its rights are wrong"),
            408 | 425 | 429 | 500.. => self.failed(""),
            404 if to == Audience::Machine => self.failed("; the address is wrong, or what it names is not there yet"),
            _ => Verdict::Refused(self.words("")),
        }
    }

    /// A verdict that leaves hope.
    pub(super) fn failed(&self, hint: &str) -> Verdict {
        Verdict::Failed { why: self.words(hint), retry_after: self.retry_after() }
    }

    /// In one line.
    pub(super) fn words(&self, hint: &str) -> String {
        let colon = if self.reason.is_empty() { "" } else { ": " };
        format!("{} answered {}{hint}{colon}{}", self.host, self.status, self.reason)
    }

    // The host only: what follows it may be a secret.
    fn elsewhere(&self) -> String {
        let location = self.headers.get(LOCATION).and_then(|value| value.to_str().ok());
        let url = location.and_then(|text| Url::parse(text).ok());
        let host = url.as_ref().and_then(Url::host_str).map(|host| host.to_owned());
        host.map(|host| format!(" and points to {host}")).unwrap_or_default()
    }

    /// How long it asks to be left alone: seconds, or a date, counted from the other side's own clock.
    pub(super) fn retry_after(&self) -> Option<Duration> {
        let text = |name| self.headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
        let asked = text(RETRY_AFTER)?;
        let seconds = asked.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        let pause = match seconds {
            Some(pause) => pause,
            None => {
                let date = |text: &str| rfc2822::parse(text).ok().map(|date| date.timestamp());
                let span = date(asked)?.duration_since(date(text(DATE)?)?);
                Duration::try_from(span).unwrap_or_default()
            }
        };
        Some(pause.min(LONGEST_PAUSE))
    }
}

/// What an answer in JSON says in words, as most services have it.
fn reason(body: &str) -> Option<String> {
    let json: Json = serde_json::from_str(body).ok()?;
    let text =
        ["message", "description", "error", "detail", "title"].iter().find_map(|name| json.get(name)?.as_str())?;
    let code = json.get("code").map(|code| code.as_str().map_or_else(|| code.to_string(), ToOwned::to_owned));
    Some(code.map_or_else(|| text.to_owned(), |code| format!("{text} ({code})")))
}
