//! Any bytes as a DBC file: it loads or says why. What loads decodes any frame, what is decoded is encoded to the same bits
//! again, and the map that `channels import` makes of it loads.
#![no_main]

use std::path::Path;

use growctl_engine::channels::dbc::{Database, Import, Message, Value};
use growctl_engine::channels::load_with;
use growctl_engine::files::{Report, SourceFile};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    let file = SourceFile::new("site.dbc", text.as_ref());
    let mut report = Report::default();
    let Some(database) = Database::load(&file, &mut report) else {
        assert!(report.errors() > 0 && !report.render(false).is_empty());
        return;
    };
    assert_eq!(report.errors(), 0);
    database.tell_all(&mut report);
    let _ = report.render(false);
    for message in database.messages().take(16) {
        for frame in [&[0x5A; 64][..], &[0xFF; 8], &data[data.len().saturating_sub(8)..], &[]] {
            there_and_back(message, frame);
        }
    }
    imports(&database, &file);
});

fn there_and_back(message: &Message, frame: &[u8]) {
    for (signal, value) in message.decode(frame).signals() {
        let Value::Number(number, bits) = value else { continue };
        // Ranges and scales of fractions lose: only raw numbers must come back.
        let whole = signal.scale.fract() == 0.0 && signal.offset.fract() == 0.0 && signal.scale != 0.0;
        let within = signal.scale.abs() < 1e15 && signal.offset.abs() < 1e15;
        if signal.range.is_some() || !whole || !within || (signal.layout.is_float() && (signal.scale, signal.offset) != (1.0, 0.0)) {
            continue;
        }
        let mut again = vec![0; signal.layout.bytes_needed()];
        assert_eq!(signal.encode_number(number, &mut again), Ok(()));
        assert_eq!(signal.layout.get(&again), Some(bits));
    }
}

fn imports(database: &Database, file: &std::sync::Arc<SourceFile>) {
    let import = Import { path: "site.dbc", name: "site", bus: "can0", room: "Room", sender: None };
    let text = import.write(database);
    // A map is as long as a map may be.
    if text.len() > 200_000 {
        return;
    }
    let mut report = Report::default();
    let read = |_: &Path, _: &mut Report| Some(file.clone());
    let map = load_with(&SourceFile::new("channels.yaml", text.as_str()), &read, &mut report);
    assert!(map.is_some(), "{}\n{text}", report.render(false));
}
