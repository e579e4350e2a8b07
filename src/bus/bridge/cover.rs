//! The few patterns one process subscribes to, so that every rule hears its channels: Redis walks all patterns of the
//! server at each PUBLISH, so that one for each rule would slow every publisher down. Pure.

use super::super::{Pattern, glob};

/// Most patterns for the rules; beyond it they are widened to common prefixes.
pub const LIMIT: usize = 8;
/// What clients ask of devices, whether or not a rule listens.
pub const COMMANDS: &str = "device:command:*";

/// Redis patterns, sorted, that match at least every channel that one of `patterns` matches, the other copy of each
/// message (`sensor:update` for `sensor:update:<room>:<cluster>` and the reverse) and the commands for devices.
#[must_use]
pub fn cover(patterns: &[Pattern]) -> Vec<String> {
    let mut wanted = vec![COMMANDS.to_owned()];
    for pattern in patterns {
        wanted.push(pattern.redis.to_string());
        wanted.extend(copies(&pattern.redis));
    }
    let mut cover = reduce(wanted);
    while cover.len() > LIMIT + 1 {
        cover = reduce(widen(cover));
    }
    cover
}

/// What carries the other copy of a message that the pattern matches: a foreign client may publish either alone.
fn copies(pattern: &str) -> Vec<String> {
    let start = literal(pattern);
    let Some((kind, _)) = start.split_once(':') else {
        let whole = start.len() == pattern.len();
        return if whole { Vec::new() } else { vec![format!("{start}*:update"), format!("{start}*:update:*")] };
    };
    let (broad, specific) = (format!("{kind}:update"), format!("{kind}:update:"));
    let mut found = Vec::new();
    if glob(pattern.as_bytes(), broad.as_bytes()) {
        found.push(format!("{specific}*"));
    }
    if start.starts_with(&specific) || specific.starts_with(start) {
        found.push(broad);
    }
    found
}

/// The part before the first character that is not itself.
fn literal(pattern: &str) -> &str {
    pattern.find(['*', '?', '[', '\\']).map_or(pattern, |end| &pattern[..end])
}

/// Whether `wide` surely matches every channel that `narrow` matches. `false` may also mean "not known".
fn subsumes(wide: &str, narrow: &str) -> bool {
    let starts = wide.strip_suffix('*').is_some_and(|start| {
        literal(start).len() == start.len() && !narrow.is_empty() && literal(narrow).starts_with(start)
    });
    // With only `*` and letters in `wide`, what stands for a `*` or `?` of `narrow` lies within what one of its `*`
    // takes, whatever it is. A class or an escape would be compared by its spelling.
    let stars = !wide.contains(['?', '[', '\\']) && !narrow.contains(['[', '\\']);
    let exact = literal(narrow).len() == narrow.len();
    wide == narrow || starts || ((stars || exact) && glob(wide.as_bytes(), narrow.as_bytes()))
}

/// Leaves out what another pattern subsumes.
fn reduce(mut patterns: Vec<String>) -> Vec<String> {
    patterns.sort_unstable();
    let mut kept: Vec<String> = Vec::new();
    for pattern in patterns {
        if !kept.iter().any(|wide| subsumes(wide, &pattern)) {
            kept.retain(|narrow| !subsumes(&pattern, narrow));
            kept.push(pattern);
        }
    }
    kept
}

/// Puts `<prefix>*` in place of the largest group of patterns that share their first segments, as many as possible.
fn widen(patterns: Vec<String>) -> Vec<String> {
    for depth in [3, 2, 1] {
        let group = |pattern: &str| {
            let colons = literal(pattern).match_indices(':');
            colons.map(|(at, _)| pattern[..=at].to_owned()).nth(depth - 1)
        };
        let size = |prefix: &str| patterns.iter().filter(|pattern| group(pattern).as_deref() == Some(prefix)).count();
        // Sorted patterns and a strict comparison: among equals the first, so that the same rules give the same cover.
        let mut largest: Option<(usize, String)> = None;
        for prefix in patterns.iter().filter_map(|pattern| group(pattern)) {
            let size = size(&prefix);
            if size > 1 && largest.as_ref().is_none_or(|(most, _)| size > *most) {
                largest = Some((size, prefix));
            }
        }
        if let Some((_, prefix)) = largest {
            let mut rest: Vec<String> =
                patterns.iter().filter(|pattern| group(pattern).as_deref() != Some(&*prefix)).cloned().collect();
            rest.push(format!("{prefix}*"));
            return rest;
        }
    }
    vec!["*".to_owned()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(patterns: &[&str]) -> Vec<String> {
        let patterns: Vec<Pattern> = patterns.iter().map(|text| Pattern::parse(text).unwrap()).collect();
        cover(&patterns)
    }

    #[test]
    fn a_site_needs_few() {
        assert_eq!(of(&[]), ["device:command:*"]);
        assert_eq!(
            of(&["sensor:update:{room}:{cluster}", "sensor:update:Flower Room:*", "sensor:update:Veg Room:middle"]),
            ["device:command:*", "sensor:update", "sensor:update:*:*"]
        );
        assert_eq!(of(&["sensor:update"]), ["device:command:*", "sensor:update", "sensor:update:*"]);
        assert_eq!(of(&["sensor:*", "device:*", "weather"]), ["device:*", "sensor:*", "weather"]);
        assert_eq!(of(&["*:front"]), ["*:front", "*:update", "*:update:*", "device:command:*"]);
        assert_eq!(of(&["*", "sensor:update"]), ["*"]);
    }

    #[test]
    fn many_rules_are_widened_to_their_room_first() {
        let rules: Vec<String> = (0..20).map(|n| format!("sensor:update:Veg Room:bench {n}")).collect();
        let rules: Vec<&str> = rules.iter().map(String::as_str).collect();
        assert_eq!(of(&rules), ["device:command:*", "sensor:update", "sensor:update:Veg Room:*"]);
        let kinds: Vec<String> = (0..20).map(|n| format!("k{n}:x")).collect();
        let kinds: Vec<&str> = kinds.iter().map(String::as_str).collect();
        assert_eq!(of(&kinds), ["*"]);
    }

    fn glob_text() -> impl Strategy<Value = String> {
        prop::collection::vec(
            prop::sample::select(vec![
                "a", "b", ":", "*", "?", "[ab]", "[^a]", "\\a", "\\*", "[a", "update", ":update:",
            ]),
            1..7,
        )
        .prop_map(|parts| parts.concat())
    }

    fn channel() -> impl Strategy<Value = String> {
        prop::collection::vec(prop::sample::select(vec!["a", "b", ":", "*", "update", ":update:"]), 1..7)
            .prop_map(|parts| parts.concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn what_a_pattern_matches_its_cover_matches_too(
            texts in prop::collection::vec(glob_text(), 1..14),
            channels in prop::collection::vec(channel(), 1..40),
        ) {
            let patterns: Vec<Pattern> = texts.iter().filter_map(|text| Pattern::parse(text).ok()).collect();
            let cover = cover(&patterns);
            prop_assert!(cover.len() <= LIMIT + 1, "{:?}", cover);
            let covered = |channel: &str| cover.iter().any(|wide| glob(wide.as_bytes(), channel.as_bytes()));
            prop_assert!(covered("device:command:Veg Room:exhaust"));
            for channel in &channels {
                let wanted = |channel: &str| patterns.iter().any(|pattern| pattern.matches(channel));
                prop_assert!(!wanted(channel) || covered(channel), "{} not in {:?}", channel, cover);
                // The two copies of one message, as the Router pairs them.
                let mut parts = channel.split(':');
                if let (Some(kind), Some("update"), Some(_), Some(_), None) =
                    (parts.next(), parts.next(), parts.next(), parts.next(), parts.next())
                {
                    let broad = format!("{kind}:update");
                    let either = wanted(channel) || wanted(&broad);
                    prop_assert!(!either || (covered(channel) && covered(&broad)), "{} in {:?}", channel, cover);
                }
            }
        }

        #[test]
        fn subsumption_is_sound(
            wide in glob_text(), narrow in glob_text(), channels in prop::collection::vec(channel(), 1..60)
        ) {
            if subsumes(&wide, &narrow) {
                for channel in channels {
                    let (inner, outer) = (glob(narrow.as_bytes(), channel.as_bytes()), glob(wide.as_bytes(), channel.as_bytes()));
                    prop_assert!(!inner || outer, "{} matches {} but not {}", channel, narrow, wide);
                }
            }
        }
    }
}
