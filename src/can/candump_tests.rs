use proptest::prelude::*;

use super::*;

fn line(text: &str) -> LogLine<'_> {
    parse_line(text).expect("well formed").expect("a frame")
}

fn frame(text: &str) -> Frame {
    line(&format!("(1.000000) can0 {text}")).to_frame(Timestamp::default(), BusId(0))
}

fn fault(text: &str) -> String {
    parse_line(&format!("(1.000000) can0 {text}")).expect_err(text)
}

#[test]
fn stamp_interface_and_bytes() {
    let got = line("(1735270496.916858) can0 181#00F8a1");
    assert_eq!((got.utc, got.interface), (Utc(1_735_270_496_916_858_000), "can0"));
    assert_eq!((got.id, got.kind, got.data()), (CanId::Standard(0x181), FrameKind::Data, &[0, 0xF8, 0xA1][..]));
    let got = line("(1735270496.916858123)   vcan1 181#\r\n");
    assert_eq!((got.utc, got.interface, got.data().len()), (Utc(1_735_270_496_916_858_123), "vcan1", 0));
}

#[test]
fn direction_at_the_end() {
    assert_eq!(line("(1.000000) can0 181#00").direction, None);
    assert_eq!(line("(1.000000) can0 181#00 R").direction, Some(Direction::Received));
    assert_eq!(line("(1.000000) can0 181#R T").direction, Some(Direction::Transmitted));
    assert!(fault("181#00 X").contains("`X`") && fault("181#00 R R").contains("end of the line"));
}

#[test]
fn identifiers() {
    assert_eq!(frame("00000181#").id, CanId::Extended(0x181));
    assert_eq!(frame("18FEF500#").id, CanId::Extended(0x18FE_F500));
    let error = frame("20000004#0001000000000000");
    assert_eq!((error.kind, error.id, error.bytes()[1]), (FrameKind::Error, CanId::Extended(4), 1));
    for bad in ["800#", "81#", "1810#", "40000000#", "18G#", "#00", "+81#"] {
        assert!(fault(bad).contains("identifier"), "{bad}");
    }
    assert!(fault("20000004#R").contains("error frame") && fault("20000004##0").contains("error frame"));
}

#[test]
fn fd_and_remote() {
    let fd = |bit_rate_switch, error_state| FrameKind::Fd { bit_rate_switch, error_state };
    for (flags, kind) in [(0, fd(false, false)), (1, fd(true, false)), (2, fd(false, true)), (7, fd(true, true))] {
        let got = frame(&format!("181##{flags}{}", "AB".repeat(64)));
        assert_eq!((got.kind, got.bytes()), (kind, &[0xAB; 64][..]));
    }
    assert!(fault("181##").contains("flags") && fault("181##é").contains("flags"));
    assert!(fault(&format!("181##0{}", "00".repeat(65))).contains("64"));
    for (text, len) in [("181#R", 0), ("181#R4", 4), ("18FEF500#R8", 8), ("181#R8_F", 8)] {
        assert_eq!((frame(text).kind, frame(text).len_field()), (FrameKind::Remote, len), "{text}");
    }
    assert!(fault("181#R9").contains("0 to 8") && fault("181#R44").contains("0 to 8"));
}

#[test]
fn data_digits() {
    assert_eq!(frame("181#00.F8.11").bytes(), [0, 0xF8, 0x11]);
    assert_eq!(frame("181#0011223344556677_E").bytes().len(), 8);
    assert!(fault("181#0").contains("half") && fault("181#0Z").contains("hex") && fault("181#00.").contains("half"));
    assert!(fault("181#001122334455667788").contains("at most 8"));
    assert!(fault("181#00_E").contains("length code") && fault("181#0011223344556677_8").contains("length code"));
}

#[test]
fn broken_stamps() {
    for bad in ["(1) can0 1", "(1.5) can0 1", "(.000000) c 1", "(+1.000000) c 1", "(1.00000x) c 1", "(-1.000000) c 1"] {
        assert!(parse_line(bad).expect_err(bad).contains("6 or 9"), "{bad}");
    }
    assert!(parse_line("(9223372036.854775807) c 181#").is_ok());
    assert!(parse_line("(9223372036.854775808) c 181#").expect_err("over").contains("2262"));
    assert!(parse_line("(1.000000").is_err() && parse_line("(1.000000) can0").is_err());
    for other in ["", "  ", "DROPCOUNT: dropped 1", "# note"] {
        assert_eq!(parse_line(other), Ok(None));
    }
}

#[test]
fn reader_counts_and_goes_on() {
    let mut log =
        b"# night\n(1.000000) can0 181#01\n\nDROPCOUNT: dropped 3 CAN frames on 'can0' socket (total drops 3)\n\
        (1.0000\n(2.000000) c\xFFn 181#\n\xFF\xFE\n"
            .to_vec();
    log.extend(b"(".iter().chain([b'x'; 5000].iter()));
    log.extend(b"\nDROPCOUNT: ?\n(3.000000)  can1 182#02");
    let mut reader = LogReader::new(io::BufReader::with_capacity(7, &log[..]));
    let mut seen = Vec::new();
    while let Some((number, entry)) = reader.next_entry().expect("memory") {
        seen.push((number, entry.interface.to_owned(), entry.id.raw()));
    }
    assert_eq!(seen, [(2, "can0".to_owned(), 0x181), (10, "can1".to_owned(), 0x182)]);
    assert_eq!(reader.bad().iter().map(|(number, _)| *number).collect::<Vec<_>>(), [5, 6, 8]);
    assert_eq!((reader.bad_total(), reader.dropped_by_kernel()), (3, 4));
    assert_eq!((reader.skipped(), reader.skipped_total()), ([1, 7].as_slice(), 2));
}

#[test]
fn a_byte_order_mark_hides_no_frame() {
    let mut reader = LogReader::new(&b"\xEF\xBB\xBF(1.000000) can0 181#01\n\xEF\xBB\xBF(2.000000) can0 181#02\n"[..]);
    let first = reader.next_entry().expect("memory").map(|(number, entry)| (number, entry.id.raw()));
    assert_eq!(first, Some((1, 0x181)));
    assert_eq!(reader.next_entry().expect("memory"), None);
    assert_eq!(reader.skipped(), [2]);
}

#[test]
fn reader_keeps_a_bounded_list() {
    let log = "(\n".repeat(250);
    let mut reader = LogReader::new(log.as_bytes());
    assert_eq!(reader.next_entry().expect("memory"), None);
    assert_eq!((reader.bad().len(), reader.bad_total()), (MAX_BAD, 250));
}

#[test]
fn written_as_candump_does() {
    let frame = frame("181##3A1B2");
    assert_eq!(write_line(&frame, "can0", Utc(1_735_270_496_916_858_000)), "(1735270496.916858) can0 181##3A1B2");
    assert_eq!(write_line(&frame, "can0", Utc(-5)), "(0000000000.000000) can0 181##3A1B2");
}

fn any_frame() -> impl Strategy<Value = Frame> {
    let bytes = proptest::collection::vec(any::<u8>(), 0..=64);
    (0..4_u8, any::<u32>(), any::<bool>(), any::<(bool, bool)>(), bytes).prop_map(|(form, raw, long, fd, bytes)| {
        let id = if long { CanId::Extended(raw & 0x1FFF_FFFF) } else { CanId::Standard((raw & 0x7FF) as u16) };
        let short = &bytes[..bytes.len().min(8)];
        let (at, bus) = (Timestamp::default(), BusId(0));
        let made = match form {
            0 => Frame::of_kind(at, bus, id, FrameKind::Data, short),
            1 => Frame::of_kind(at, bus, id, FrameKind::Error, short),
            2 => Some(Frame::remote(at, bus, id, short.len() as u8)),
            _ => Frame::of_kind(at, bus, id, FrameKind::Fd { bit_rate_switch: fd.0, error_state: fd.1 }, &bytes),
        };
        made.expect("lengths are in range")
    })
}

proptest! {
    #[test]
    fn reads_what_it_writes(frame in any_frame(), name in "[a-z]{1,8}[0-9]{0,3}", nanos in 0..=i64::MAX, micro: bool) {
        let utc = Utc(if micro { nanos / 1_000 * 1_000 } else { nanos });
        let text = write_line(&frame, &name, utc);
        let got = line(&text);
        prop_assert_eq!((got.utc, got.interface), (utc, name.as_str()));
        prop_assert_eq!(got.to_frame(frame.at, frame.bus), frame);
    }

    #[test]
    fn never_panics(tail in "\\PC{0,40}", frame in "[0-9A-FR#_.é]{0,30}") {
        let _ = parse_line(&format!("({tail}"));
        let _ = parse_line(&format!("(1.000000) can0 {frame}"));
    }
}
