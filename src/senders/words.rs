//! What people are told, in words that fit every way to reach them.

use crate::model::{Note, Parcel, Severity, Standing, Verdict};

/// The note in a parcel.
pub(super) fn note(parcel: &Parcel) -> Result<Note, Verdict> {
    serde_json::from_str(&parcel.body)
        .map_err(|error| Verdict::Refused(format!("what is to be told cannot be read: {error}")))
}

/// The first words: how bad it is, or that it is over.
pub(super) fn head(note: &Note) -> &'static str {
    match (note.standing, note.severity) {
        (Standing::Resolved, _) => "RESOLVED",
        (Standing::NoData, _) => "NO DATA",
        (_, Severity::Info) => "INFO",
        (_, Severity::Warning) => "WARNING",
        (_, Severity::Critical) => "CRITICAL",
    }
}

/// What a person should know of how it comes to be told: a reminder, nobody else has answered, maybe a repetition.
pub(super) fn circumstances(note: &Note, tries: u32) -> String {
    let mut said = String::new();
    if note.repeats > 0 {
        said += &format!(" (reminder {})", note.repeats);
    }
    if note.escalated {
        said += " (nobody has acknowledged it)";
    }
    if tries > 1 {
        said += &format!(" (try {tries}, may be a repetition)");
    }
    said
}

/// It is bad now, not over.
pub(super) fn bad(note: &Note) -> bool {
    note.standing != Standing::Resolved
}

/// All there is to read below the first words.
pub(super) fn lines(note: &Note, tries: u32) -> Vec<String> {
    let mut lines = vec![format!("{}{}", note.summary, circumstances(note, tries))];
    if !note.ack.is_empty() {
        lines.push(format!("Acknowledge it by: growctl alert ack {}", note.ack));
    }
    lines.extend(note.details.iter().cloned());
    lines
}
