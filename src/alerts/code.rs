//! The short codes by which people acknowledge: read aloud and typed on a phone, so without letters that are taken for
//! others, and without vowels, which make words.

use crate::model::Name;

const LETTERS: &[u8; 19] = b"CDFHJKMNPRTVWXY3479";

/// A code for an alert that none of the `taken` has. It depends on nothing but what it is given: a replay says the same.
pub(super) fn code(rule: &str, instance: &str, since: i64, taken: impl Fn(&str) -> bool) -> Name {
    let seed = [rule.as_bytes(), b"/", instance.as_bytes(), &since.to_le_bytes()].concat();
    let hash = seed
        .iter()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3));
    // Three letters are 6,859 codes; where many are taken, four.
    let tries = (0..).map(|nth: u64| (hash.wrapping_add(nth.wrapping_mul(0x9e37_79b9_7f4a_7c15)), nth));
    let mut codes = tries.map(|(hash, nth)| letters(hash >> 16, if nth < 64 { 3 } else { 4 }));
    codes.find(|code| !taken(code)).map_or_else(|| "".into(), Name::from)
}

fn letters(mut number: u64, length: usize) -> String {
    let mut letter = || {
        let letter = LETTERS[(number % LETTERS.len() as u64) as usize];
        number /= LETTERS.len() as u64;
        char::from(letter)
    };
    (0..length).map(|_| letter()).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn codes_are_short_unique_and_made_of_letters_that_nobody_confuses() {
        let mut taken = BTreeSet::new();
        for nth in 0..3_000 {
            let code = code("heat", &format!("FR-C{nth}"), 0, |code| taken.contains(code)).to_string();
            assert!(
                (3..=4).contains(&code.len()) && !code.contains(['O', '0', 'I', '1', 'L', 'A', 'E', 'U']),
                "{code}"
            );
            assert!(taken.insert(code));
        }
    }
}
