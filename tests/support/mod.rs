//! What the golden folders of `tests/cases` share: the site they play on, and how expected files are compared.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use growctl_engine::model::{DeviceKey, Inventory, Name, Source, SourceKind};

/// The rooms of the shipped example, without bits and bytes.
pub(crate) fn inventory() -> Arc<Inventory> {
    let climate: &[&[&str]] = &[&["temperature", "humidity", "co2", "sensor_state"]];
    let flow: &[&[&str]] = &[&["flow", "total", "leak"]];
    let probes: &[&[&str]] = &[&["vwc_1", "ec_1"], &["vwc_2", "ec_2"]];
    let sources = vec![
        node("Flower Room", "front", "FR-C1", climate, 6),
        node("Flower Room", "front", "FR-S1", probes, 30),
        node("Flower Room", "back", "FR-C2", climate, 6),
        node("Veg Room", "middle", "VR-C1", climate, 6),
        node("Veg Room", "benches", "VR-M1", probes, 30),
        node("Veg Room", "irrigation", "VR-F1", flow, 3),
    ];
    let device = |(room, device): &(&str, &str)| DeviceKey { room: Name::from(*room), device: Name::from(*device) };
    let devices = [("Flower Room", "exhaust"), ("Veg Room", "heater"), ("Veg Room", "valve_1")];
    Arc::new(Inventory { sources, devices: devices.iter().map(device).collect() })
}

fn node(room: &str, cluster: &str, name: &str, frames: &[&[&str]], stale_after: u64) -> Arc<Source> {
    Arc::new(Source {
        kind: SourceKind::Node,
        room: Name::from(room),
        place: Name::from(cluster),
        name: Name::from(name),
        channel: Name::from(format!("sensor:update:{room}:{cluster}")),
        broad: Name::from("sensor:update"),
        stale_after: Some(Duration::from_secs(stale_after)),
        frames: frames.iter().map(|frame| frame.iter().map(|field| Name::from(*field)).collect()).collect(),
        facts: Vec::new(),
    })
}

/// The folders of one area, in order.
pub(crate) fn cases(area: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases").join(area);
    let mut cases: Vec<PathBuf> = fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.expect("it can be listed").path())
        .filter(|path| path.is_dir())
        .collect();
    cases.sort();
    assert!(!cases.is_empty(), "{} has no cases", folder.display());
    cases
}

/// Compares with an expected file, or writes it with `UPDATE_GOLDEN=1`; what differs is added to `wrong`.
pub(crate) fn compare(path: &Path, got: &str, wrong: &mut Vec<String>) {
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(path, got).expect("it can be written");
        return;
    }
    let expected = fs::read_to_string(path).unwrap_or_default();
    if expected != got {
        wrong.push(format!("{}\n--- expected\n{expected}\n--- got\n{got}", path.display()));
    }
}

/// Fails with everything that differs.
pub(crate) fn conclude(wrong: &[String]) {
    assert!(wrong.is_empty(), "UPDATE_GOLDEN=1 rewrites the expected files:\n{}", wrong.join("\n"));
}
