//! The senders against real servers, which `scripts/senders-test` starts and whose addresses it leaves in the environment; by
//! `cargo test` alone they are ignored. A module for each sender.

mod email;
mod file;
mod mqtt;
mod postgres;

use std::env;
use std::process::Command;
use std::time::Duration;

use growctl_engine::model::{Parcel, Secret, Utc, Verdict};
use growctl_engine::senders::{Sender, SenderContext, Transcript};
use jiff::tz::TimeZone;

/// 2026-11-25 23:30 UTC.
const AT: i64 = 1_795_649_400_000_000_000;

/// What the script left in the environment.
fn given(name: &str) -> String {
    env::var(name)
        .unwrap_or_else(|_| panic!("{name} is not set: scripts/senders-test starts the servers and the tests"))
}

fn port(name: &str) -> u16 {
    given(name).parse().expect("a port")
}

/// The right password, which no output may hold.
fn canary() -> Secret {
    Secret::new(given("SENDERS_PASSWORD"))
}

/// Starts or stops one of the servers.
fn control(what: &str, server: &str) {
    let status = Command::new(given("SENDERS_CONTROL")).args([what, server]).status().expect("the script runs");
    assert!(status.success(), "{what} {server}");
}

fn context(transcript: &Transcript) -> SenderContext {
    let folder = env::temp_dir();
    SenderContext { folder, zone: TimeZone::UTC, site: "farm".to_owned(), transcript: transcript.clone() }
}

fn parcel(id: i64, tries: u32, body: &str) -> Parcel {
    Parcel { id, key: format!("key-{id}").into(), at: Utc(AT), tries, body: body.to_owned() }
}

/// Sends, within what the sender promises, and looks for the password in everything that is said.
async fn sent(sender: &mut Box<dyn Sender>, transcript: &Transcript, parcels: &[Parcel]) -> Vec<Verdict> {
    let limit = sender.limit();
    let verdicts = tokio::time::timeout(limit, sender.send(parcels)).await.expect("it ends within its limit");
    assert_eq!(verdicts.len(), parcels.len());
    let said = format!("{verdicts:?}\n{}", transcript.lines().join("\n"));
    assert!(!said.contains("canary"), "a password is shown:\n{said}");
    verdicts
}

fn why(verdict: &Verdict) -> &str {
    let Verdict::Failed { why, .. } = verdict else { panic!("failed is meant: {verdict:?}") };
    why
}

/// Waits for a condition.
async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let waited = tokio::time::timeout(Duration::from_secs(20), async {
        loop {
            if let Some(found) = look().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    waited.await.unwrap_or_else(|_| panic!("waited in vain: {what}"))
}
