//! On a disk of 256 KiB.

use std::fs;
use std::path::PathBuf;

use growctl_engine::model::{Parcel, Verdict};
use growctl_engine::senders::file::{Config, Format, sender};
use growctl_engine::senders::{SenderContext, Transcript};

use crate::{context, given, parcel, sent, why};

#[tokio::test]
#[ignore = "scripts/senders-test starts the servers"]
async fn a_full_disk_tears_no_line_and_loses_and_doubles_none() {
    let folder = PathBuf::from(given("SENDERS_TEST")).join("small");
    let reserve = folder.join("reserve");
    fs::write(&reserve, vec![0; 100 << 10]).expect("room for it");
    let transcript = Transcript::kept();
    let context = SenderContext { folder: folder.clone(), ..context(&transcript) };
    let config =
        Config { path: "a/x.jsonl".to_owned(), format: Format::Jsonl, compress: false, rotate: None, keep: None };
    let mut sender = sender(&config, &context).expect("it can work");
    let batch = |number: i64, tries| -> Vec<Parcel> {
        let values = (0..100).map(|at| number * 100 + at);
        values.map(|id| parcel(id, tries, &format!("{{\"id\":{id},\"text\":\"{}\"}}", "x".repeat(100)))).collect()
    };
    let mut number = 0;
    let full = loop {
        let verdicts = sent(&mut sender, &transcript, &batch(number, 1)).await;
        if verdicts.iter().any(|verdict| *verdict != Verdict::Delivered) {
            break verdicts;
        }
        number += 1;
    };
    assert!(number > 3 && full.iter().all(|verdict| why(verdict).contains("No space left")), "{full:?}");
    let lines =
        || fs::read_to_string(folder.join("a/x.jsonl")).expect("read").lines().map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(lines().len() as i64, number * 100);
    fs::remove_file(&reserve).expect("removed");
    assert_eq!(sent(&mut sender, &transcript, &batch(number, 2)).await, vec![Verdict::Delivered; 100]);
    let expected: Vec<String> = (0..=number).flat_map(|number| batch(number, 1)).map(|parcel| parcel.body).collect();
    assert_eq!(lines(), expected);
}
