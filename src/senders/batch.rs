//! Many values in one request. Where the other side refuses the whole, it is halved until the one that it does not like is
//! found: that one is refused, the others arrive.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use tokio::time::Instant;

use super::answer::Answer;
use super::client::Request;
use super::each::{Knock, later, waiting};
use crate::model::{Parcel, Verdict};

/// So many requests in one try: enough to find two bad values among 5,000.
const MOST_REQUESTS: usize = 64;

/// The parcels whose text could be made go together, in their order; `request` makes one of these texts.
pub(super) async fn batch<F>(
    knock: Knock<'_>,
    parcels: &[Parcel],
    texts: Vec<Result<String, String>>,
    request: F,
) -> Vec<Verdict>
where
    F: Fn(&[&str]) -> Result<Request, String> + Send,
{
    let mut verdicts: Vec<Verdict> =
        texts.iter().map(|text| text.as_ref().map_or_else(|why| Verdict::Refused(why.clone()), |_| later())).collect();
    let good = texts.iter().enumerate().filter_map(|(at, text)| Some((at, text.as_deref().ok()?)));
    let (places, good): (Vec<usize>, Vec<&str>) = good.unzip();
    let keys: Vec<&str> = places.iter().map(|at| &*parcels[*at].key).collect();
    let of_good = halving(knock, &keys, &good, request).await;
    for (at, verdict) in places.into_iter().zip(of_good) {
        verdicts[at] = verdict;
    }
    verdicts
}

async fn halving<F>(knock: Knock<'_>, keys: &[&str], texts: &[&str], request: F) -> Vec<Verdict>
where
    F: Fn(&[&str]) -> Result<Request, String> + Send,
{
    let mut verdicts = Vec::with_capacity(keys.len());
    let (begun, mut requests) = (Instant::now(), 0);
    let mut open = Vec::from_iter(Some(0..keys.len()).filter(|all| !all.is_empty()));
    while let Some(part) = open.pop() {
        if requests == MOST_REQUESTS || begun.elapsed() > knock.client.limits().begin {
            break;
        }
        requests += 1;
        let verdict = match request(&texts[part.clone()]) {
            Err(why) => Verdict::Refused(why),
            Ok(made) => match knock.post(made, &keys[part.clone()]).await {
                Err(verdict) => verdict,
                Ok(answer) if part.len() > 1 && dislikes_one(&answer) => {
                    let middle = part.start + part.len() / 2;
                    open.extend([middle..part.end, part.start..middle]);
                    continue;
                }
                Ok(answer) if answer.status == 413 => Verdict::Refused(answer.words("")),
                Ok(answer) => answer.verdict(knock.to),
            },
        };
        let stop = matches!(verdict, Verdict::Failed { .. });
        verdicts.resize(part.end, verdict);
        if stop {
            break;
        }
    }
    waiting(&mut verdicts, keys.len());
    verdicts
}

fn dislikes_one(answer: &Answer) -> bool {
    matches!(answer.status.as_u16(), 400 | 413 | 422)
}

/// Compressed; the same every time.
pub(super) fn gzip(text: &[u8]) -> Result<Vec<u8>, String> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text).and_then(|()| encoder.finish()).map_err(|error| format!("cannot be compressed: {error}"))
}
