//! `sms`: a text message by the REST API of Twilio, or of a gateway that speaks it.

use super::{Sender, SenderContext};

use crate::model::Secret;

/// What it needs to be told.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// The account: `AC…`.
    pub account: String,
    /// Its token.
    pub token: Secret,
    /// The number or service that it comes from.
    pub from: String,
    /// The number that it goes to.
    pub to: String,
    /// `https://api.twilio.com`, or a compatible gateway.
    pub base_url: String,
    /// A gateway in the private network is meant.
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
