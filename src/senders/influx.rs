//! `influx`: line protocol to InfluxDB 1.x, 2 or 3.

use super::{Sender, SenderContext};

use crate::model::Secret;

/// What it needs to be told.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// The server.
    pub url: String,
    /// 1.x: the database; 2 and 3: the bucket.
    pub bucket: String,
    /// 2 and 3: the organisation.
    pub org: Option<String>,
    /// 2 and 3: the token.
    pub token: Option<Secret>,
    /// 1.x: user and password.
    pub login: Option<(String, Secret)>,
    /// The write API of 1.x, `/write?db=`, and not `/api/v2/write`.
    pub version_1: bool,
    /// The measurement.
    pub measurement: String,
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
