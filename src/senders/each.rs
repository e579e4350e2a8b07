//! Requests one after the other, one for each parcel, in their order: what fails makes the rest wait behind it, what is refused
//! is passed over.

use std::time::Duration;

use reqwest::header::{HeaderName, HeaderValue};
use tokio::time::Instant;

use super::answer::{Answer, Audience};
use super::client::{Client, Request};
use super::signature::digest;
use crate::model::{Parcel, Verdict};

/// The same at every try: who receives it twice can tell.
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// At whose door.
#[derive(Clone, Copy)]
pub(super) struct Knock<'a> {
    pub(super) client: &'a Client,
    pub(super) to: Audience,
}

impl Knock<'_> {
    /// Posts a request for the parcels that have these keys.
    pub(super) async fn post(&self, mut request: Request, keys: &[&str]) -> Result<Answer, Verdict> {
        request.headers.insert(IDEMPOTENCY_KEY, key(keys));
        self.client.ask(request).await.map_err(|why| Verdict::Failed { why, retry_after: None })
    }
}

/// A request for each parcel.
pub(super) async fn each<F>(knock: Knock<'_>, parcels: &[Parcel], request: F) -> Vec<Verdict>
where
    F: Fn(&Parcel) -> Result<Request, Verdict> + Send,
{
    let mut verdicts = Vec::with_capacity(parcels.len());
    let begun = Instant::now();
    for parcel in parcels {
        if begun.elapsed() > knock.client.limits().begin {
            break;
        }
        let verdict = match request(parcel) {
            Err(verdict) => verdict,
            Ok(request) => match knock.post(request, &[&*parcel.key]).await {
                Ok(answer) => answer.verdict(knock.to),
                Err(verdict) => verdict,
            },
        };
        verdicts.push(verdict);
        if matches!(verdicts.last(), Some(Verdict::Failed { .. })) {
            break;
        }
    }
    waiting(&mut verdicts, parcels.len());
    verdicts
}

/// Those that were not tried wait behind the last one.
pub(super) fn waiting(verdicts: &mut Vec<Verdict>, of: usize) {
    let last = match verdicts.last() {
        Some(Verdict::Failed { why, retry_after }) => {
            Verdict::Failed { why: format!("not sent after one that failed: {why}"), retry_after: *retry_after }
        }
        _ => later(),
    };
    verdicts.resize(of, last);
}

/// There was no time for it in this try.
pub(super) fn later() -> Verdict {
    Verdict::Failed { why: "not sent yet: the other side is slow".to_owned(), retry_after: Some(Duration::ZERO) }
}

// Several together have a key of their own: the key of one of them would make the other side drop the rest, should that one
// have come before in other company.
fn key(keys: &[&str]) -> HeaderValue {
    let alone = if let [key] = keys { HeaderValue::from_str(key).ok() } else { None };
    let of_all = || HeaderValue::from_str(&digest(keys.join("\n").as_bytes())).ok();
    alone.or_else(of_all).unwrap_or(HeaderValue::from_static(""))
}
