//! Answers to text messages: while an alert fires that somebody was told by SMS, the gateway is asked for what has come in, and
//! an "ok" from the number of a receiver acknowledges. Nothing has to be reachable from outside for that.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::{oneshot, watch};

use crate::model::{Name, Push, Queue, Utc};
use crate::senders::{Kind, sms};
use crate::web::{AlertAsk, Request};

use super::Settings;

/// Between two questions to the gateway.
const EVERY: Duration = Duration::from_secs(20);

/// A receiver, and how it is reached by SMS.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Phone {
    receiver: Name,
    sms: sms::Config,
}

/// Everybody who can answer.
pub(super) fn phones(settings: &Settings) -> Vec<Phone> {
    let of = |name: &Name, kind: &Kind| match kind {
        Kind::Sms(sms) => Some(Phone { receiver: name.clone(), sms: sms.clone() }),
        _ => None,
    };
    let receivers = settings.receivers.iter();
    receivers.flat_map(|one| one.outlets.iter().filter_map(move |outlet| of(&one.name, &outlet.kind))).collect()
}

/// Listens for as long as the engine runs.
pub(super) async fn listen(control: Arc<Queue<Request>>, mut phones: watch::Receiver<Vec<Phone>>) {
    let mut ears = Ears { control, seen: BTreeSet::new(), trouble: None };
    loop {
        tokio::time::sleep(EVERY).await;
        let phones = phones.borrow_and_update().clone();
        if !phones.is_empty() {
            ears.turn(&phones).await;
        }
    }
}

struct Ears {
    control: Arc<Queue<Request>>,
    /// Replies that have been read.
    seen: BTreeSet<String>,
    /// What was said of the gateway last.
    trouble: Option<String>,
}

/// An alert that fires and that nobody has acknowledged.
#[derive(Debug, PartialEq)]
struct Firing {
    code: String,
    since: f64,
    told: Vec<String>,
}

impl Ears {
    async fn turn(&mut self, phones: &[Phone]) {
        let told = |one: &Firing| phones.iter().any(|phone| one.told.iter().any(|told| *told == *phone.receiver));
        let firing: Vec<Firing> = self.firing().await.into_iter().filter(told).collect();
        let Some(since) = firing.iter().map(|one| one.since).min_by(f64::total_cmp) else {
            return self.seen.clear();
        };
        let mut gateways: Vec<&sms::Config> = Vec::new();
        for Phone { sms, .. } in phones {
            if !gateways.iter().any(|other| other.account == sms.account && other.from == sms.from) {
                gateways.push(sms);
            }
        }
        for gateway in gateways {
            match sms::replies(gateway, Utc::from_seconds(since)).await {
                Ok(replies) => {
                    self.trouble = None;
                    for reply in replies {
                        self.hear(phones, &firing, &reply).await;
                    }
                }
                Err(why) if self.trouble.as_ref() != Some(&why) => {
                    tracing::warn!("replies to text messages cannot be read: {why}");
                    self.trouble = Some(why);
                }
                Err(_) => {}
            }
        }
    }

    async fn firing(&self) -> Vec<Firing> {
        let (answer, wait) = oneshot::channel();
        let book = match self.control.push(Request::Alert(AlertAsk::List(answer))) {
            Push::Refused(_) | Push::Dropped(_) => return Vec::new(),
            Push::Queued | Push::Displaced(_) => wait.await.unwrap_or_default(),
        };
        let alerts = book["alerts"].as_array().cloned().unwrap_or_default();
        alerts.iter().filter(|alert| alert["state"] == "firing").filter_map(firing).collect()
    }

    async fn hear(&mut self, phones: &[Phone], firing: &[Firing], reply: &sms::Reply) {
        let Some(phone) = phones.iter().find(|phone| phone.sms.to == reply.from) else { return };
        if self.seen.contains(&reply.id) {
            return;
        }
        let codes = sms::acknowledges(&reply.text).map(|words| meant(&words, &phone.receiver, firing));
        for code in codes.into_iter().flatten() {
            let (answer, wait) = oneshot::channel();
            let by = format!("{} by SMS", phone.receiver);
            self.control.push(Request::Alert(AlertAsk::Ack { which: code, by, answer }));
            // A control thread that is busy is told at the next look.
            if wait.await.is_err() {
                return;
            }
        }
        self.seen.insert(reply.id.clone());
    }
}

fn firing(alert: &Value) -> Option<Firing> {
    let told = alert["told"].as_array()?.iter().filter_map(Value::as_str).map(str::to_owned).collect();
    Some(Firing { code: alert["code"].as_str()?.to_owned(), since: alert["since"].as_f64()?, told })
}

/// The codes that are acknowledged: the one that is named, or all that the one who answers was told.
fn meant(words: &str, receiver: &str, firing: &[Firing]) -> Vec<String> {
    let named: Vec<String> = words
        .split_whitespace()
        .filter_map(|word| firing.iter().find(|one| one.code.eq_ignore_ascii_case(word)).map(|one| one.code.clone()))
        .collect();
    if !named.is_empty() {
        return named;
    }
    firing.iter().filter(|one| one.told.iter().any(|told| told == receiver)).map(|one| one.code.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_means_the_code_it_names_or_all_that_the_person_was_told() {
        let one = |code: &str, told: &[&str]| Firing {
            code: code.to_owned(),
            since: 0.0,
            told: told.iter().map(|name| (*name).to_owned()).collect(),
        };
        let firing = [one("K3F", &["boss", "crew"]), one("7PX", &["crew"]), one("H4D", &["boss"])];
        assert_eq!(meant("k3f", "crew", &firing), ["K3F"]);
        assert_eq!(meant("K3F 7px", "boss", &firing), ["K3F", "7PX"]);
        assert_eq!(meant("", "boss", &firing), ["K3F", "H4D"]);
        assert_eq!(meant("thanks", "crew", &firing), ["K3F", "7PX"]);
        assert_eq!(meant("", "nobody", &firing), [""; 0]);
    }
}
