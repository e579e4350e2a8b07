//! `http`: posts JSON or NDJSON to a web service.

use reqwest::header::{AUTHORIZATION, CONTENT_ENCODING, HeaderMap, HeaderValue};
use serde::de::IgnoredAny;
use serde_json::Value as Json;

use super::answer::Audience;
use super::batch::{batch, gzip};
use super::client::{Client, Limits, Login, Reach, Request, headers};
use super::each::{Knock, each};
use super::signature::signature;
use super::template::Template;
use super::{Sender, SenderContext, Sending};

use crate::model::{Parcel, Secret, Verdict};

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
    Ok(Box::new(build(config, context, Limits::default())?))
}

fn build(config: &Config, context: &SenderContext, limits: Limits) -> Result<Http, String> {
    let (login, key) = match config.auth.clone() {
        None => (None, None),
        Some(Auth::Bearer(token)) => (Some(Login::Bearer(token)), None),
        Some(Auth::Basic(user, password)) => (Some(Login::Basic(user, password)), None),
        Some(Auth::Hmac(key)) => (None, Some(key)),
    };
    let headers = headers(&config.headers)?;
    if login.is_some() && headers.contains_key(AUTHORIZATION) {
        return Err("`auth` and a header `authorization` both say how to log in: write one of them".to_owned());
    }
    if key.as_ref().is_some_and(|key| key.expose().is_empty()) {
        return Err("the key of `hmac` is empty".to_owned());
    }
    let secrets: Vec<&Secret> =
        config.headers.iter().map(|(_, value)| value).chain(config.auth.iter().map(Auth::secret)).collect();
    let reach =
        Reach { url: config.url.expose(), url_is_secret: true, allow_private: config.allow_private, secrets: &secrets };
    let client = Client::new(reach, login, context, limits)?;
    let template = config.body.as_ref().map(Template::of_value).transpose()?;
    Ok(Http { client, format: config.format, template, headers, key, compress: config.compress })
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
    /// `X-Signature-256: sha256=…`: HMAC-SHA-256 of the body, as it is sent, with this key.
    Hmac(Secret),
}

impl Auth {
    fn secret(&self) -> &Secret {
        match self {
            Auth::Bearer(secret) | Auth::Basic(_, secret) | Auth::Hmac(secret) => secret,
        }
    }
}

#[derive(Debug)]
struct Http {
    client: Client,
    format: Format,
    template: Option<Template>,
    headers: HeaderMap,
    key: Option<Secret>,
    compress: bool,
}

impl Sender for Http {
    fn send<'a>(&'a mut self, parcels: &'a [Parcel]) -> Sending<'a> {
        let http: &'a Http = self;
        let knock = Knock { client: &http.client, to: Audience::Machine };
        match &http.template {
            Some(template) => Box::pin(each(knock, parcels, move |parcel| {
                let value = value(parcel).map_err(Verdict::Refused)?;
                let body = template.fill_value(&value, parcel);
                http.request("application/json", body.to_string()).map_err(Verdict::Refused)
            })),
            None => {
                let texts = parcels.iter().map(text).collect();
                Box::pin(batch(knock, parcels, texts, move |texts| http.together(texts)))
            }
        }
    }
}

impl Http {
    fn together(&self, texts: &[&str]) -> Result<Request, String> {
        match self.format {
            Format::Json => self.request("application/json", format!("[{}]", texts.join(","))),
            Format::Ndjson => self.request("application/x-ndjson", format!("{}\n", texts.join("\n"))),
        }
    }

    fn request(&self, content_type: &'static str, text: String) -> Result<Request, String> {
        let mut request = self.client.post(content_type, Vec::new());
        if self.compress {
            request.body = gzip(text.as_bytes())?;
            request.headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            request.readable = Some(text);
        } else {
            request.body = text.into_bytes();
        }
        if let Some(key) = &self.key {
            let signed = format!("sha256={}", signature(key, &request.body)?);
            let signed = HeaderValue::from_str(&signed).map_err(|error| error.to_string())?;
            request.headers.insert("x-signature-256", signed);
        }
        request.headers.extend(self.headers.clone());
        Ok(request)
    }
}

/// As it was written: no digit of a number changes.
fn text(parcel: &Parcel) -> Result<String, String> {
    serde_json::from_str::<IgnoredAny>(&parcel.body).map_err(unreadable)?;
    // A line break outside of a text is mere space, and would make two lines of one.
    Ok(parcel.body.replace(['\n', '\r'], " "))
}

fn unreadable(error: serde_json::Error) -> String {
    format!("what is to be sent cannot be read: {error}")
}

fn value(parcel: &Parcel) -> Result<Json, String> {
    serde_json::from_str(&parcel.body).map_err(unreadable)
}

#[cfg(test)]
#[path = "http_tests.rs"]
mod tests;
