//! What a DBC file says of messages and signals apart from them: texts, value types, multiplexers, attributes, comments.

use std::collections::{HashMap, HashSet};

use can_dbc::{AttributeValue, Comment, Dbc, ValDescription, ValueDescription};

/// A message's id as it stands in the file, with the mark of 29 bits, and a signal's short name.
type Of = (u64, String);

/// All of it, by message and signal.
#[derive(Debug, Default)]
pub(super) struct Notes {
    pub(super) texts: HashMap<Of, Vec<ValDescription>>,
    pub(super) floats: HashSet<Of>,
    /// The multiplexer's short name, and its values.
    pub(super) multiplexers: HashMap<Of, (String, Vec<(u64, u64)>)>,
    pub(super) long_messages: HashMap<u64, String>,
    pub(super) long_signals: HashMap<Of, String>,
    pub(super) comments: HashMap<u64, String>,
    pub(super) signal_comments: HashMap<Of, String>,
    /// Every signal that is spoken of, and the statement that does.
    pub(super) spoken_of: Vec<(Of, &'static str, usize)>,
    cycles: HashMap<u64, f64>,
    any_cycle: f64,
    /// What `VFrameFormat` says, where it says anything: whether it is J1939.
    j1939: HashMap<u64, bool>,
    all_j1939: bool,
}

impl Notes {
    /// Takes in one statement, parsed, that begins at byte `at`; `id` is the message that it is about.
    pub(super) fn take(&mut self, id: u64, at: usize, parsed: Dbc) {
        for described in parsed.value_descriptions {
            if let ValueDescription::Signal { name, value_descriptions, .. } = described {
                self.spoken_of.push(((id, name.clone()), "VAL_", at));
                self.texts.insert((id, name), value_descriptions);
            }
        }
        for typed in parsed.signal_extended_value_type_list {
            self.spoken_of.push(((id, typed.signal_name.clone()), "SIG_VALTYPE_", at));
            if typed.signal_extended_value_type != can_dbc::SignalExtendedValueType::SignedOrUnsignedInteger {
                self.floats.insert((id, typed.signal_name));
            }
        }
        for chosen in parsed.extended_multiplex {
            self.spoken_of.push(((id, chosen.signal_name.clone()), "SG_MUL_VAL_", at));
            let values = chosen.mappings.iter().map(|range| (range.min_value, range.max_value)).collect();
            self.multiplexers.insert((id, chosen.signal_name), (chosen.multiplexor_signal_name, values));
        }
        for attribute in parsed.attribute_values_message {
            match (attribute.name.as_str(), attribute.value) {
                ("SystemMessageLongSymbol", AttributeValue::String(name)) => _ = self.long_messages.insert(id, name),
                ("GenMsgCycleTime", value) => _ = self.cycles.insert(id, number(&value)),
                ("VFrameFormat", value) => _ = self.j1939.insert(id, is_j1939(&value)),
                _ => {}
            }
        }
        for attribute in parsed.attribute_values_signal {
            if let ("SystemSignalLongSymbol", AttributeValue::String(name)) = (&*attribute.name, attribute.value) {
                self.long_signals.insert((id, attribute.signal_name), name);
            }
        }
        for default in parsed.attribute_defaults {
            match default.name.as_str() {
                "GenMsgCycleTime" => self.any_cycle = number(&default.value),
                "VFrameFormat" => self.all_j1939 = is_j1939(&default.value),
                _ => {}
            }
        }
        for comment in parsed.comments {
            match comment {
                Comment::Message { comment, .. } => _ = self.comments.insert(id, comment),
                Comment::Signal { name, comment, .. } => _ = self.signal_comments.insert((id, name), comment),
                _ => {}
            }
        }
    }

    /// How often a message is sent, in milliseconds; 0: when it likes.
    pub(super) fn cycle(&self, id: u64) -> f64 {
        self.cycles.get(&id).copied().unwrap_or(self.any_cycle)
    }

    /// Whether a message is a parameter group of J1939.
    pub(super) fn is_j1939(&self, id: u64) -> bool {
        self.j1939.get(&id).copied().unwrap_or(self.all_j1939)
    }
}

/// By name, or by its number in the list that every tool writes.
fn is_j1939(format: &AttributeValue) -> bool {
    match format {
        AttributeValue::String(name) if name.trim().parse::<f64>().is_err() => name.trim() == "J1939PG",
        value => number(value) == 3.0,
    }
}

fn number(value: &AttributeValue) -> f64 {
    match value {
        AttributeValue::Uint(number) => *number as f64,
        AttributeValue::Int(number) => *number as f64,
        AttributeValue::Double(number) => *number,
        AttributeValue::String(text) => text.trim().parse().unwrap_or(0.0),
    }
}
