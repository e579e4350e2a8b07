//! What was said to the other side and what it answered, in lines for a person.

use std::sync::{Arc, Mutex, PoisonError};

/// Takes lines, or does nothing. Clones write on the same paper.
#[derive(Clone, Debug, Default)]
pub struct Transcript(Option<Arc<Mutex<Vec<String>>>>);

impl Transcript {
    /// One that is kept.
    #[must_use]
    pub fn kept() -> Transcript {
        Transcript(Some(Arc::default()))
    }

    /// Writes a line down: `> ` begins what is sent, `< ` what is answered. Never a secret.
    pub fn say(&self, line: impl FnOnce() -> String) {
        if let Some(lines) = &self.0 {
            lines.lock().unwrap_or_else(PoisonError::into_inner).push(line());
        }
    }

    /// All lines so far.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        self.0.as_ref().map(|lines| lines.lock().unwrap_or_else(PoisonError::into_inner).clone()).unwrap_or_default()
    }
}
