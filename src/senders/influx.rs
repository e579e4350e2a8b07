//! `influx`: line protocol to InfluxDB 1.x, 2 or 3.

use reqwest::Url;
use reqwest::header::{CONTENT_ENCODING, HeaderValue};

use super::answer::Audience;
use super::batch::{batch, gzip};
use super::client::{Client, Limits, Login, Reach, Request};
use super::each::Knock;
use super::line_protocol::line;
use super::{Sender, SenderContext, Sending};

use crate::model::{Parcel, Secret};

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
    Ok(Box::new(build(config, context, Limits::default())?))
}

fn build(config: &Config, context: &SenderContext, limits: Limits) -> Result<Influx, String> {
    for (what, text) in [("bucket", &config.bucket), ("measurement", &config.measurement)] {
        if text.is_empty() || text.chars().any(char::is_control) {
            return Err(format!("{text:?} is no name for a {what}"));
        }
    }
    if config.measurement.starts_with('#') {
        return Err("a measurement that begins with `#` would be a comment".to_owned());
    }
    let login = match (config.token.clone(), config.login.clone()) {
        (Some(_), Some(_)) => {
            return Err("a token and a user both say how to log in: 1.x has users, 2 and 3 have tokens".to_owned());
        }
        (Some(token), None) => Some(Login::Token(token)),
        (None, login) => login.map(|(user, password)| Login::Basic(user, password)),
    };
    let secrets: Vec<&Secret> =
        config.token.iter().chain(config.login.as_ref().map(|(_, password)| password)).collect();
    let reach =
        Reach { url: &config.url, url_is_secret: false, allow_private: config.allow_private, secrets: &secrets };
    let client = Client::new(reach, login, context, limits)?;
    let url = write_url(&client, config);
    Ok(Influx { client, url, measurement: config.measurement.clone() })
}

fn write_url(client: &Client, config: &Config) -> Url {
    let mut url = client.at(if config.version_1 { "/write" } else { "/api/v2/write" });
    let mut query = url.query_pairs_mut();
    query.clear();
    if !config.version_1 {
        query.extend_pairs(config.org.iter().map(|org| ("org", org)));
    }
    query.append_pair(if config.version_1 { "db" } else { "bucket" }, &config.bucket);
    query.append_pair("precision", "ns");
    drop(query);
    url
}

#[derive(Debug)]
struct Influx {
    client: Client,
    url: Url,
    measurement: String,
}

impl Sender for Influx {
    // A write that was refused in part is written again by halves: the same point twice is one point, so that only the ones
    // that are refused alone are.
    fn send<'a>(&'a mut self, parcels: &'a [Parcel]) -> Sending<'a> {
        let influx: &'a Influx = self;
        let knock = Knock { client: &influx.client, to: Audience::Machine };
        let lines = parcels.iter().map(|parcel| line(&influx.measurement, parcel)).collect();
        Box::pin(batch(knock, parcels, lines, move |lines| influx.write(lines)))
    }
}

impl Influx {
    fn write(&self, lines: &[&str]) -> Result<Request, String> {
        let text = lines.join("\n");
        let mut request = self.client.post("text/plain; charset=utf-8", gzip(text.as_bytes())?);
        request.headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        request.url = self.url.clone();
        request.readable = Some(text);
        Ok(request)
    }
}

#[cfg(test)]
#[path = "influx_tests.rs"]
mod tests;
