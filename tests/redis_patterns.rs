//! `glob` against a real Redis: `PUBSUB CHANNELS <pattern>` after SUBSCRIBE to many short texts gives what matches.
#![allow(clippy::unwrap_used)] // a test may panic

mod redis_server;

use std::collections::BTreeSet;

use growctl_engine::bus::glob;
use redis_server::Server;

const ALPHABET: &[u8] = b"ab*?[]^-\\:";

/// A small generator of its own: the same pairs on every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % n as u64).unwrap()
    }

    fn word(&mut self, longest: usize) -> Vec<u8> {
        (0..self.below(longest + 1)).map(|_| ALPHABET[self.below(ALPHABET.len())]).collect()
    }
}

/// The empty text, every text of one or two bytes, and some longer ones.
fn texts(dice: &mut Dice) -> BTreeSet<Vec<u8>> {
    let mut texts: BTreeSet<Vec<u8>> = BTreeSet::from([Vec::new()]);
    for first in ALPHABET {
        texts.insert(vec![*first]);
        texts.extend(ALPHABET.iter().map(|second| vec![*first, *second]));
    }
    texts.extend((0..150).map(|_| dice.word(6)));
    texts
}

/// Every pattern of up to two bytes, the cases people get wrong, and random ones.
fn patterns(dice: &mut Dice) -> BTreeSet<Vec<u8>> {
    let mut patterns: BTreeSet<Vec<u8>> = BTreeSet::from([Vec::new()]);
    for first in ALPHABET {
        patterns.insert(vec![*first]);
        patterns.extend(ALPHABET.iter().map(|second| vec![*first, *second]));
    }
    let known = ["[a-]", "[b-a]", "[^a", "[a", "[\\", "[\\]]", "[]", "[^]", "[]a]", "a\\", "**", "*a*b*", "[a-", "\\*"];
    patterns.extend(known.map(|pattern| pattern.as_bytes().to_vec()));
    patterns.extend((0..3000).map(|_| dice.word(8)));
    patterns
}

#[tokio::test]
async fn glob_agrees_with_redis() {
    let server = Server::start(&[]).await;
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    let (texts, patterns) = (texts(&mut dice), patterns(&mut dice));
    let mut subscriber = server.client().get_async_pubsub().await.unwrap();
    for text in &texts {
        subscriber.subscribe(text).await.unwrap();
    }
    let mut connection = server.client().get_multiplexed_async_connection().await.unwrap();
    let (mut matched, mut faults) = (0, Vec::new());
    for pattern in &patterns {
        let mut ask = redis::cmd("PUBSUB");
        ask.arg("CHANNELS").arg(pattern.as_slice());
        let theirs: BTreeSet<Vec<u8>> = ask.query_async(&mut connection).await.unwrap();
        matched += theirs.len();
        for text in &texts {
            let (ours, redis) = (glob(pattern, text), theirs.contains(text));
            if ours != redis {
                faults.push(format!("{:?} {:?}", String::from_utf8_lossy(pattern), String::from_utf8_lossy(text)));
            }
        }
    }
    assert!(matched > 1000, "only {matched} pairs match: the generator proves little");
    let shown = &faults[..faults.len().min(20)];
    assert!(faults.is_empty(), "{} of {} pairs differ: {shown:#?}", faults.len(), patterns.len() * texts.len());
}
