//! Random histories of the store against a map: what was acknowledged outlives whatever comes.

use std::collections::BTreeMap;
use std::fs;

use proptest::prelude::*;

use super::MOST_ROWS;
use super::files::with;
use super::fixture::{change, filled, open};

#[derive(Clone, Debug)]
enum Step {
    Save(u8, u16),
    Forget(u8),
    Change,
    Settle,
    /// The process is gone at once: only what the files say is left.
    Crash,
    Reopen,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..6_u8, any::<u16>()).prop_map(|(key, value)| Step::Save(key, value)),
        2 => (0..6_u8).prop_map(Step::Forget),
        2 => Just(Step::Change),
        2 => Just(Step::Settle),
        1 => Just(Step::Crash),
        1 => Just(Step::Reopen),
    ]
}

/// What a key may be worth after a crash: what was acknowledged, or anything handed over since.
type Model = BTreeMap<String, Vec<Option<String>>>;

fn agrees(model: &Model, restored: &BTreeMap<String, String>) -> Result<(), TestCaseError> {
    prop_assert!(restored.keys().all(|key| model.contains_key(key)));
    for (key, possible) in model {
        prop_assert!(possible.contains(&restored.get(key).cloned()), "{} {:?} {:?}", key, possible, restored.get(key));
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, max_shrink_iters: 64, ..ProptestConfig::default() })]

    #[test]
    fn what_was_acknowledged_is_there_after_any_crash(steps in prop::collection::vec(step(), 1..40)) {
        let folder = tempfile::tempdir().unwrap();
        let mut run = 0;
        let at = |run: u32| folder.path().join(run.to_string()).join("growctl.db");
        let (mut bench, mut model) = (open(&at(run)), Model::new());
        let (mut changes, mut acknowledged) = (0_usize, 0_usize);
        for step in steps {
            match step {
                Step::Save(key, value) => {
                    bench.save(&key.to_string(), &value.to_string());
                    model.entry(key.to_string()).or_insert_with(|| vec![None]).push(Some(value.to_string()));
                }
                Step::Forget(key) => {
                    bench.forget(&key.to_string());
                    model.entry(key.to_string()).or_insert_with(|| vec![None]).push(None);
                }
                Step::Change => {
                    changes += 1;
                    bench.store.record(change(changes as f64, "fan"));
                }
                Step::Settle => {
                    prop_assert!(bench.settled());
                    model.values_mut().for_each(|possible| { possible.drain(..possible.len() - 1); });
                    acknowledged = changes;
                }
                Step::Reopen => {
                    bench = bench.again();
                    model.values_mut().for_each(|possible| { possible.drain(..possible.len() - 1); });
                    acknowledged = changes;
                    agrees(&model, &bench.restored)?;
                }
                Step::Crash => {
                    let (from, to) = (at(run), at(run + 1));
                    fs::create_dir(to.parent().unwrap()).unwrap();
                    fs::copy(&from, &to).unwrap();
                    fs::copy(with(&from, "-wal"), with(&to, "-wal")).unwrap();
                    run += 1;
                    bench = open(&to);
                    agrees(&model, &bench.restored)?;
                    for (key, possible) in &mut model {
                        *possible = vec![bench.restored.get(key).cloned()];
                    }
                    let rows = bench.history(None, MOST_ROWS).unwrap().len();
                    prop_assert!(acknowledged <= rows && rows <= changes);
                    (changes, acknowledged) = (rows, rows);
                }
            }
            bench.balances();
        }
    }
}

/// Some bytes of a file become others, or its end is missing.
fn damage() -> impl Strategy<Value = (prop::sample::Index, Vec<u8>, bool)> {
    (any::<prop::sample::Index>(), prop::collection::vec(any::<u8>(), 1..3_000), any::<bool>())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, max_shrink_iters: 64, ..ProptestConfig::default() })]

    #[test]
    fn whatever_the_file_became_the_store_opens_and_keeps_what_is_new((at, bytes, cut) in damage()) {
        let (folder, path) = filled();
        let mut file = fs::read(&path).unwrap();
        let at = at.index(file.len());
        if cut {
            file.truncate(at);
        } else {
            let end = file.len().min(at + bytes.len());
            file[at..end].copy_from_slice(&bytes[..end - at]);
        }
        fs::write(&path, &file).unwrap();
        let bench = open(&path);
        // A version that is not ours may come of it: then the file is left alone.
        if bench.store.health().name() != "off" {
            bench.save("new", "1");
            bench.store.record(change(1.0, "pump"));
            prop_assert!(bench.settled(), "{}", bench.why());
            let bench = bench.again();
            prop_assert_eq!(bench.restored.get("new").map(String::as_str), Some("1"));
            prop_assert_eq!(bench.history(Some("pump"), 9).unwrap().len(), 1);
        }
        drop(folder);
    }
}
