//! Counts as people write them.

/// `1 frame`, `2 frames`, `0 buses`: the count and what is counted, given in the singular.
#[must_use]
pub fn counted(count: u64, what: &str) -> String {
    let ending = match (count, what.as_bytes().last()) {
        (1, _) => "",
        (_, Some(b's')) => "es",
        _ => "s",
    };
    format!("{count} {what}{ending}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_singular() {
        assert_eq!(
            [counted(1, "bus"), counted(0, "bus"), counted(2, "node frame")],
            ["1 bus", "0 buses", "2 node frames"]
        );
    }
}
