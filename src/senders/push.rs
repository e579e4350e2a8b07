//! `push`: ntfy, at its public server or an own one.

use super::{Sender, SenderContext};

use crate::model::Secret;

/// What it needs to be told.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// The server, `https://ntfy.sh`.
    pub url: String,
    /// The topic: whoever knows it can read.
    pub topic: Secret,
    /// An access token.
    pub token: Option<Secret>,
    /// A server in the private network is meant.
    pub allow_private: bool,
}

/// Builds it.
///
/// # Errors
/// Why it can never work as it is told.
pub fn sender(config: &Config, context: &SenderContext) -> Result<Box<dyn Sender>, String> {
    let _ = (config, context);
    Err("not built yet".to_owned())
}
