//! `webhook`: an HTTP POST whose body is a template: Slack, Discord, Teams, Telegram, Pushover, or any other.

use super::{Sender, SenderContext};

use crate::model::Secret;

/// What it needs to be told.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Where to; whoever knows it can post, so it is a secret.
    pub url: Secret,
    /// The body as JSON text, with `{{name}}` for the fields of a note; or the name of a shipped template.
    pub body: Body,
    /// Further headers.
    pub headers: Vec<(String, Secret)>,
    /// An address in the private network is meant.
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

/// What is posted.
#[derive(Clone, Debug, PartialEq)]
pub enum Body {
    /// A shipped template: its name, and the values that it asks for, such as Telegram's `chat_id`.
    Shipped(String, Vec<(String, Secret)>),
    /// JSON with `{{name}}` in its texts.
    Own(serde_json::Value),
}

/// Whether it can be built: for the settings, which know where it stands.
///
/// # Errors
/// What is wrong with the body.
pub fn check(config: &Config) -> Result<(), String> {
    let _ = config;
    Ok(())
}
