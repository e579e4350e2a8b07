//! A text that is drawn anew on a terminal: on its second screen, so that what stood there before is there again at the end.

use crate::commands::line;

/// Where the size of the terminal is not known.
const USUAL: (usize, usize) = (80, 24);

/// The second screen; dropping it goes back, and leaves the last text on the first.
#[derive(Debug)]
pub(super) struct Screen {
    last: String,
}

impl Screen {
    pub(super) fn open() -> Screen {
        line("\x1b[?1049h\x1b[?25l");
        Screen { last: String::new() }
    }

    /// Draws the longest text that fits: `text` makes one with so many rows a table at most. `false`: nobody reads on.
    pub(super) fn draw(&mut self, text: impl Fn(usize) -> String) -> bool {
        let size = terminal_size::terminal_size();
        let (width, height) = size.map_or(USUAL, |(width, height)| (width.0.into(), height.0.into()));
        self.last = text(usize::MAX);
        line(&fitted(width, height, text))
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        line(&format!("\x1b[?25h\x1b[?1049l{}", self.last));
    }
}

/// From the upper left corner: each line erases what stood behind it, the last one what stood below. Less flicker than
/// clearing all.
fn fitted(width: usize, height: usize, text: impl Fn(usize) -> String) -> String {
    // The cursor ends on a line of its own.
    let most = height.saturating_sub(1).max(1);
    let whole = (1..=most).rev().map(&text).find(|text| text.lines().count() <= most).unwrap_or_else(|| text(1));
    let cut = |line: &str| line.chars().take(width).collect::<String>() + "\x1b[K";
    let lines: Vec<String> = whole.lines().take(most).map(cut).collect();
    format!("\x1b[H{}\x1b[J", lines.join("\r\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_to_what_the_terminal_holds() {
        let text = |rows: usize| {
            format!("heading\n{}", (0..rows.min(9)).map(|row| format!("row {row}\n")).collect::<String>())
        };
        assert_eq!(fitted(80, 4, text), "\x1b[Hheading\x1b[K\r\nrow 0\x1b[K\r\nrow 1\x1b[K\x1b[J");
        assert_eq!(fitted(4, 2, text), "\x1b[Hhead\x1b[K\x1b[J");
        assert_eq!(fitted(80, 40, text).lines().count(), 10);
    }
}
