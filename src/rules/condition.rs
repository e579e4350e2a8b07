//! Conditions: three-valued logic over one message.

use crate::model::Name;

use super::host::{Host, Script, ScriptError};
use super::{Env, Fault, Truth};

/// A compiled condition.
#[derive(Debug)]
pub struct Condition {
    script: Script,
    names_stale: bool,
}

impl Condition {
    /// Compiles a condition that may use the named `segments`.
    ///
    /// # Errors
    /// Says what is wrong.
    pub fn compile(host: &Host, text: &str, segments: &[Name]) -> Result<Condition, ScriptError> {
        let script = host.compile(text, segments)?;
        Ok(Condition { script, names_stale: text.contains("stale") })
    }

    /// Judges it.
    ///
    /// # Errors
    /// What failed.
    pub fn judge(&self, host: &mut Host, env: &Env<'_>) -> Result<Truth, Fault> {
        match host.evaluate(&self.script, env) {
            Ok((_, value)) => Ok(if value.as_bool() == Ok(true) { Truth::True } else { Truth::False }),
            Err(Fault::Unknown) => Ok(Truth::Unknown),
            Err(fault) => Err(fault),
        }
    }

    pub(super) fn script(&self) -> &Script {
        &self.script
    }

    /// Fields that it names as `msg.x`.
    #[must_use]
    pub fn fields(&self) -> &[Name] {
        &self.script.fields
    }

    /// It names `stale`.
    #[must_use]
    pub fn names_stale(&self) -> bool {
        self.names_stale
    }
}
