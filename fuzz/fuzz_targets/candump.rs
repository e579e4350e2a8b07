//! Any bytes as a candump log: every line is a frame, is passed over, or is counted as broken.
#![no_main]

use growctl_engine::can::{BusId, Frame, LogReader, parse_line, write_line};
use growctl_engine::model::Timestamp;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let mut reader = LogReader::new(data);
    let mut frames = 0_u64;
    while let Ok(Some((_, line))) = reader.next_entry() {
        let frame = line.to_frame(Timestamp::default(), BusId(0));
        assert!(frame.bytes().len() <= 64 && (frame.is_data() || frame.bytes().len() <= 8));
        frames += 1;
        // What is written is read as the same frame.
        let text = write_line(&frame, line.interface, line.utc);
        let again = parse_line(&text).ok().flatten().map(|line| line.to_frame(Timestamp::default(), BusId(0)));
        assert_eq!(again.as_ref().map(Frame::bytes), Some(frame.bytes()), "{text}");
        assert_eq!(again.map(|again| (again.id, again.kind)), Some((frame.id, frame.kind)), "{text}");
    }
    let lines = data.split(|byte| *byte == b'\n').count() as u64;
    assert!(frames + reader.bad_total() + reader.skipped_total() <= lines);
});
