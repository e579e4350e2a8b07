//! `http`: posts JSON or NDJSON to a web service.

use super::{Sender, SenderContext};

use crate::model::Secret;

/// What it needs to be told.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Where to.
    pub url: Secret,
    /// How the values are written.
    pub format: Format,
    /// A template in place of the format: JSON with `{{value.temperature}}` in its texts, a post for each value.
    pub body: Option<serde_json::Value>,
    /// Further headers.
    pub headers: Vec<(String, Secret)>,
    /// How to log in.
    pub auth: Option<Auth>,
    /// Compressed by gzip.
    pub compress: bool,
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

/// How many values stand in one body.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// A JSON array.
    #[default]
    Json,
    /// A JSON value a line.
    Ndjson,
}

/// How to log in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Auth {
    /// `Authorization: Bearer …`
    Bearer(Secret),
    /// User and password.
    Basic(String, Secret),
    /// `X-Signature-256: sha256=…`: HMAC-SHA-256 of the body with this key.
    Hmac(Secret),
}
