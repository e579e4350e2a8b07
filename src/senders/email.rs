//! `email`: SMTP, text and HTML.

use super::{Sender, SenderContext};

use crate::model::Secret;

/// What it needs to be told.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// The server.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the connection is secured.
    pub security: Security,
    /// Who logs in, with which password.
    pub login: Option<(String, Secret)>,
    /// The sender address.
    pub from: String,
    /// The receiver address.
    pub to: String,
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

/// How the connection to the server is secured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Security {
    /// Plain at first, then TLS; refused if the server cannot.
    #[default]
    StartTls,
    /// TLS from the first byte.
    Tls,
    /// Not at all: within this machine or a private network only.
    None,
}
