//! Bytes of replies, in RESP2 or RESP3.

/// Appends a status such as `+OK`.
pub(super) fn status(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(format!("+{text}\r\n").as_bytes());
}

/// Appends an error; line ends inside would break the stream.
pub(super) fn error(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(format!("-ERR {}\r\n", text.replace(['\r', '\n'], " ")).as_bytes());
}

/// Appends a number.
pub(super) fn number(out: &mut Vec<u8>, value: usize) {
    header(out, ':', value);
}

/// Appends a bulk string.
pub(super) fn bulk(out: &mut Vec<u8>, bytes: &[u8]) {
    header(out, '$', bytes.len());
    out.extend_from_slice(bytes);
    out.extend_from_slice(b"\r\n");
}

/// Appends the null of the protocol.
pub(super) fn null(out: &mut Vec<u8>, resp3: bool) {
    out.extend_from_slice(if resp3 { b"_\r\n" } else { b"$-1\r\n" });
}

/// Appends the head of a map of `pairs`, which RESP2 has as a flat array.
pub(super) fn map(out: &mut Vec<u8>, resp3: bool, pairs: usize) {
    if resp3 { header(out, '%', pairs) } else { header(out, '*', pairs * 2) }
}

/// Appends the head of a push, which RESP2 has as an array.
pub(super) fn push(out: &mut Vec<u8>, resp3: bool, count: usize) {
    header(out, if resp3 { '>' } else { '*' }, count);
}

/// Appends a type byte and a count.
pub(super) fn header(out: &mut Vec<u8>, kind: char, count: usize) {
    out.extend_from_slice(format!("{kind}{count}\r\n").as_bytes());
}
