//! Redis globs, byte for byte: what subscribers, rules, the channel map and the settings mean by a pattern.

/// Whether `text` matches the Redis glob `pattern`: `*`, `?`, `[a-c]`, `[^a]`, `\` escapes; `*` crosses `:`.
#[must_use]
pub fn glob(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    // Where to go on when the part after the latest `*` does not fit: that part, and one byte further in the text.
    let mut retry: Option<(usize, usize)> = None;
    // Redis looks at a pattern only while there is text: an empty text is matched by the empty pattern, not by `*`.
    if text.is_empty() {
        return pattern.is_empty();
    }
    loop {
        let step = match pattern.get(p) {
            Some(b'*') => {
                retry = Some((p + 1, t));
                p += 1;
                continue;
            }
            Some(_) if t < text.len() => one(&pattern[p..], text[t]),
            None if t == text.len() => return true,
            _ => None,
        };
        match (step, &mut retry) {
            (Some(width), _) => {
                p += width;
                t += 1;
            }
            (None, Some((after, from))) if *from < text.len() => {
                *from += 1;
                (p, t) = (*after, *from);
            }
            (None, _) => return false,
        }
    }
}

/// How many bytes of the pattern match this one byte, if any do.
fn one(pattern: &[u8], byte: u8) -> Option<usize> {
    match pattern {
        [b'?', ..] => Some(1),
        [b'[', rest @ ..] => class(rest, byte).map(|width| width + 1),
        [b'\\', escaped, ..] => (*escaped == byte).then_some(2),
        [literal, ..] => (*literal == byte).then_some(1),
        [] => None,
    }
}

/// A class without its `[`: its width with `]` if `byte` is in it. Like Redis, an unclosed class ends with the pattern.
fn class(pattern: &[u8], byte: u8) -> Option<usize> {
    let negated = pattern.first() == Some(&b'^');
    let mut at = usize::from(negated);
    let mut found = false;
    loop {
        match &pattern[at.min(pattern.len())..] {
            [b'\\', escaped, ..] => {
                found |= *escaped == byte;
                at += 2;
            }
            [b']', ..] => {
                at += 1;
                break;
            }
            [] => break,
            [from, b'-', to, ..] => {
                found |= (*from.min(to)..=*from.max(to)).contains(&byte);
                at += 3;
            }
            [literal, ..] => {
                found |= *literal == byte;
                at += 1;
            }
        }
    }
    (found != negated).then_some(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_empty_text_is_matched_by_the_empty_pattern_only() {
        assert!(glob(b"", b""));
        assert!(!glob(b"*", b""));
        assert!(!glob(b"", b"a"));
        assert!(glob(b"a*", b"a"));
    }

    #[test]
    fn classes_and_escapes() {
        assert!(glob(b"[b-a]", b"a") && glob(b"[^a", b"b") && glob(b"[\\]]", b"]") && glob(b"a\\", b"a\\"));
        assert!(!glob(b"[]a]", b"a") && !glob(b"\\*", b"a") && glob(b"a*:b", b"a:x:b"));
    }
}
