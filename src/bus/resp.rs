//! The request half of RESP: arrays of bulk strings and inline commands, borrowed from the read buffer. Limits come
//! first, because the other end is any process of the machine.

use thiserror::Error;

/// Most arguments of one command.
pub const MAX_ARGS: usize = 64;
/// Most bytes of one command, framing included.
pub const MAX_BYTES: usize = 1024 * 1024;
/// Most bytes of a header or an inline command, as Redis has it.
const MAX_LINE: usize = 64 * 1024;

/// What the front of the read buffer holds.
#[derive(Debug, PartialEq, Eq)]
pub enum Parsed<'a> {
    /// Not yet a whole command: read more.
    Incomplete,
    /// One command, and how many bytes it took; an empty line or array gives no arguments.
    Command {
        /// The name and its arguments.
        args: Vec<&'a [u8]>,
        /// Bytes to drop from the front of the buffer.
        used: usize,
    },
    /// A browser, or a page in one that aims at this port: close without an answer.
    Http,
}

/// Why the connection cannot go on.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum RespError {
    /// A count or length is not a decimal number.
    #[error("expected a number after '{0}'")]
    Number(char),
    /// An argument does not begin with `$`.
    #[error("expected '$' before argument {index}, got '{got}'")]
    Dollar {
        /// Which argument, from 0.
        index: usize,
        /// What stood there.
        got: char,
    },
    /// An argument is longer or shorter than its length says.
    #[error("argument {0} does not end where its length says")]
    End(usize),
    /// More than [`MAX_ARGS`].
    #[error("{0} arguments, at most {MAX_ARGS} are taken")]
    Args(usize),
    /// More than [`MAX_BYTES`].
    #[error("command is longer than {MAX_BYTES} bytes")]
    Bytes,
    /// A line without an end.
    #[error("line is longer than {MAX_LINE} bytes")]
    Line,
}

/// Reads the command at the front of `input`.
///
/// # Errors
/// What is wrong with it; the place in the stream is lost then, so the connection must close.
pub fn parse(input: &[u8]) -> Result<Parsed<'_>, RespError> {
    match input.first() {
        None => Ok(Parsed::Incomplete),
        Some(b'*') => array(input),
        Some(_) => inline(input),
    }
}

fn inline(input: &[u8]) -> Result<Parsed<'_>, RespError> {
    let Some((line, used)) = line(input, 0)? else { return Ok(Parsed::Incomplete) };
    let args: Vec<&[u8]> = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty()).collect();
    let http = |first: &[u8]| [&b"GET"[..], b"POST", b"HOST:"].iter().any(|word| first.eq_ignore_ascii_case(word));
    match args.first() {
        Some(first) if http(first) => Ok(Parsed::Http),
        _ if args.len() > MAX_ARGS => Err(RespError::Args(args.len())),
        _ => Ok(Parsed::Command { args, used }),
    }
}

fn array(input: &[u8]) -> Result<Parsed<'_>, RespError> {
    let Some((header, mut at)) = line(input, 1)? else { return Ok(Parsed::Incomplete) };
    // Redis takes `*-1` and `*0` for no command at all.
    let count = if header == b"-1" { 0 } else { number(header, '*')? };
    if count > MAX_ARGS {
        return Err(RespError::Args(count));
    }
    let mut args = Vec::with_capacity(count);
    for index in 0..count {
        match input.get(at) {
            None => return Ok(Parsed::Incomplete),
            Some(b'$') => {}
            Some(other) => return Err(RespError::Dollar { index, got: char::from(*other) }),
        }
        let Some((header, start)) = line(input, at + 1)? else { return Ok(Parsed::Incomplete) };
        let length = number(header, '$')?;
        if length > MAX_BYTES || start + length + 2 > MAX_BYTES {
            return Err(RespError::Bytes);
        }
        let end = start + length;
        let Some(tail) = input.get(end..end + 2) else { return Ok(Parsed::Incomplete) };
        if tail != b"\r\n" {
            return Err(RespError::End(index));
        }
        args.push(&input[start..end]);
        at = end + 2;
    }
    Ok(Parsed::Command { args, used: at })
}

/// The line from `start`, without its end, and where the next one begins.
fn line(input: &[u8], start: usize) -> Result<Option<(&[u8], usize)>, RespError> {
    let rest = &input[start..];
    match rest.iter().take(MAX_LINE).position(|byte| *byte == b'\n') {
        Some(end) => Ok(Some((rest[..end].strip_suffix(b"\r").unwrap_or(&rest[..end]), start + end + 1))),
        None if rest.len() >= MAX_LINE => Err(RespError::Line),
        None => Ok(None),
    }
}

fn number(digits: &[u8], after: char) -> Result<usize, RespError> {
    let text = std::str::from_utf8(digits).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    text.and_then(|text| text.parse().ok()).ok_or(RespError::Number(after))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn faults_say_what_is_wrong() {
        assert_eq!(parse(b"*x\r\n"), Err(RespError::Number('*')));
        assert_eq!(parse(b"*65\r\n"), Err(RespError::Args(65)));
        assert_eq!(parse(b"*1\r\n+"), Err(RespError::Dollar { index: 0, got: '+' }));
        assert_eq!(parse(b"*1\r\n$1\r\nabc"), Err(RespError::End(0)));
        assert_eq!(parse(b"*1\r\n$99999999\r\n"), Err(RespError::Bytes));
        assert_eq!(parse(&[b'a'; MAX_LINE]), Err(RespError::Line));
    }

    #[test]
    fn inline_and_http_are_told_apart() {
        assert_eq!(parse(b" ping  x\r\n"), Ok(Parsed::Command { args: vec![b"ping", b"x"], used: 10 }));
        assert_eq!(parse(b"GET / HTTP/1.1\r\n"), Ok(Parsed::Http));
        assert_eq!(parse(b"Host: a\r\n"), Ok(Parsed::Http));
        assert_eq!(parse(b"POST /"), Ok(Parsed::Incomplete));
    }

    proptest! {
        #[test]
        fn a_split_anywhere_changes_nothing(args in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..20), 0..8)) {
            let mut wire = format!("*{}\r\n", args.len()).into_bytes();
            for arg in &args {
                wire.extend(format!("${}\r\n", arg.len()).bytes());
                wire.extend(arg);
                wire.extend(b"\r\n");
            }
            for cut in 0..wire.len() {
                prop_assert_eq!(parse(&wire[..cut]), Ok(Parsed::Incomplete));
            }
            let used = wire.len();
            wire.extend(b"*1\r\n");
            let expected: Vec<&[u8]> = args.iter().map(Vec::as_slice).collect();
            prop_assert_eq!(parse(&wire), Ok(Parsed::Command { args: expected, used }));
        }
    }
}
