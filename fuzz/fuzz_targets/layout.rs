//! Any signal on any bytes: its bits alone are read and written, and what is decoded is encoded to the same bits again.
#![no_main]

use growctl_engine::channels::codec::{Kind, Layout, Signal};
use growctl_engine::model::Value;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (u16, u8, u8, bool, i32, i32, u64, Vec<u8>)| {
    let (start, width, kind, big_endian, scale, offset, bits, mut data) = input;
    data.truncate(80);
    let kind = [Kind::Unsigned, Kind::Signed, Kind::F16, Kind::F32, Kind::F64][usize::from(kind % 5)];
    let width = match kind {
        Kind::F16 => 16,
        Kind::F32 => 32,
        Kind::F64 => 64,
        _ => width % 64 + 1,
    };
    let layout = Layout { start: start % 512, width, big_endian, kind };
    let signal = Signal::new("x".into(), layout);
    let scale = if scale == 0 { 1.0 } else { f64::from(scale) };
    let signal = if layout.is_float() { signal } else { signal.scaled(scale, f64::from(offset)) };
    let _ = (signal.decode(&data), signal.encode(&Value::Number(f64::from(offset)), &mut data.clone()));
    let (before, mut after) = (data.clone(), data.clone());
    let written = layout.put(bits, &mut after);
    assert_eq!(written.is_some(), layout.bytes_needed() <= data.len());
    let Some(()) = written else { return assert_eq!(before, after) };
    let own: Vec<usize> = layout.bits().collect();
    let changed = (0..data.len() * 8).filter(|bit| (before[bit / 8] ^ after[bit / 8]) >> (bit % 8) & 1 == 1);
    assert!(changed.into_iter().all(|bit| own.contains(&bit)));
    assert_eq!(layout.get(&after), Some(bits & layout.mask()));
    let number = signal.exact(bits & layout.mask());
    let mut again = before;
    match number.as_f64().is_finite() {
        true => {
            assert_eq!(signal.encode_number(number, &mut again), Ok(()));
            assert_eq!(again, after);
        }
        false => assert!(signal.encode_number(number, &mut again).is_err()),
    }
});
