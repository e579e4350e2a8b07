//! Any bytes as a channel map, and any frames through the map of the example: a report or a map, and never a panic.
#![no_main]

use std::path::Path;
use std::sync::LazyLock;

use growctl_engine::can::{BusId, CanId, Frame};
use growctl_engine::channels::{Catalog, ChannelMap, Gateway, load_with, rows};
use growctl_engine::files::{Report, SourceFile};
use growctl_engine::model::{Mono, Timestamp};
use libfuzzer_sys::fuzz_target;

const EXAMPLE: &str = include_str!("../../tests/fixtures/channels.example.yaml");
const DATABASE: &str = include_str!("../../tests/fixtures/site.dbc");

static MAP: LazyLock<ChannelMap> = LazyLock::new(|| load(EXAMPLE).expect("the example is right"));

fn load(text: &str) -> Option<ChannelMap> {
    let mut report = Report::default();
    let read = |path: &Path, _: &mut Report| Some(SourceFile::new(path, DATABASE));
    let map = load_with(&SourceFile::new("channels.yaml", text), &read, &mut report);
    assert_eq!(map.is_some(), report.errors() == 0);
    let _ = report.render(false);
    map
}

/// Frames of the ids that the map has, with the bytes of `data` in them.
fn feed(map: &ChannelMap, data: &[u8]) {
    let catalog = Catalog::new(map);
    let mut gateway = Gateway::new(map, Timestamp::default());
    let ids: Vec<(BusId, CanId)> = map.nodes.iter().map(|node| (node.bus, node.id)).collect();
    let mut out = Vec::new();
    for (number, part) in data.chunks(11).enumerate().take(200) {
        let [first, second, rest @ ..] = part else { break };
        let near = ids.get(usize::from(*first) % (ids.len() + 1));
        let (bus, id) = near.copied().unwrap_or((BusId(*second % 3), CanId::Standard(u16::from(*second) << 3)));
        let now = Timestamp { mono: Mono(number as u64 * 500_000_000), ..Timestamp::default() };
        let Some(frame) = Frame::data(now, bus, id, rest) else { continue };
        let _ = catalog.decode(&frame);
        gateway.due(now, &mut out);
        gateway.step(now, &frame, &mut out);
    }
}

fuzz_target!(|data: &[u8]| {
    feed(&MAP, data);
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Some(map) = load(text) {
        let _ = rows(&map).len();
        feed(&map, data);
    }
});
