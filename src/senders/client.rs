//! The one HTTP client of all senders. It goes nowhere it was not told to: no redirects, no proxies, private addresses only
//! where they are meant, plain HTTP only there; every new connection looks its name up anew and judges what it finds. It waits
//! for nobody for ever, reads no more than it can use, and tells no secret.

use std::error::Error;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use reqwest::dns::{Addrs, Name as HostName, Resolve, Resolving};
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, Url, redirect, retry};

use super::answer::Answer;
use super::censor::Censor;
use super::{SenderContext, Transcript, net};
use crate::model::Secret;

/// So many characters of a body stand in the transcript.
const BODY_SHOWN: usize = 2_000;

/// How long it waits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// For a connection, the look-up of the name and TLS included.
    pub(super) connect: Duration,
    /// For the next part of an answer.
    pub(super) read: Duration,
    /// From the first step to the last byte of the answer.
    pub(super) whole: Duration,
    /// A try of many requests begins no other after this.
    pub(super) begin: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            connect: Duration::from_secs(10),
            read: Duration::from_secs(20),
            whole: Duration::from_secs(30),
            // With one whole request after it, within the limit of a try.
            begin: Duration::from_secs(25),
        }
    }
}

/// Where it may go, and what it must not say.
#[derive(Clone, Copy)]
pub(super) struct Reach<'a> {
    /// The address.
    pub(super) url: &'a str,
    /// Whoever knows the address can post, so only its host is shown.
    pub(super) url_is_secret: bool,
    /// Private addresses are meant.
    pub(super) allow_private: bool,
    /// What else is never shown.
    pub(super) secrets: &'a [&'a Secret],
}

/// How it logs in.
#[derive(Clone, Debug)]
pub(super) enum Login {
    /// User and password.
    Basic(String, Secret),
    /// A token.
    Bearer(Secret),
    /// A token under another name, such as InfluxDB's `Token`.
    Token(Secret),
}

/// What is asked.
pub(super) struct Request {
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
    /// The body for a person to read, if it is not text.
    pub(super) readable: Option<String>,
    /// So many bytes of an answer are read.
    pub(super) most: usize,
}

/// Speaks with one server.
pub(super) struct Client {
    http: reqwest::Client,
    url: Url,
    login: Option<Login>,
    url_is_secret: bool,
    censor: Censor,
    transcript: Transcript,
    limits: Limits,
}

// The address may be a secret.
impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Client({})", self.host())
    }
}

impl Client {
    /// One that can reach `reach`; nothing is connected yet.
    pub(super) fn new(
        reach: Reach<'_>,
        login: Option<Login>,
        context: &SenderContext,
        limits: Limits,
    ) -> Result<Client, String> {
        let url = address(reach)?;
        let mut censor = Censor::new(reach.secrets.iter().copied());
        if reach.url_is_secret {
            censor.hide_url(&url);
        }
        if let Some(login) = &login {
            login.check()?;
        }
        let http = build(&url, reach.allow_private, limits)?;
        let transcript = context.transcript.clone();
        Ok(Client { http, url, login, url_is_secret: reach.url_is_secret, censor, transcript, limits })
    }

    /// The address it was built for.
    pub(super) fn url(&self) -> &Url {
        &self.url
    }

    /// How long it waits.
    pub(super) fn limits(&self) -> Limits {
        self.limits
    }

    /// What is posted to its own address.
    pub(super) fn post(&self, content_type: &'static str, body: impl Into<Vec<u8>>) -> Request {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        let most = Answer::MOST;
        Request { method: Method::POST, url: self.url.clone(), headers, body: body.into(), readable: None, most }
    }

    /// The same server at another path, such as `/write`, after the path of its own address.
    pub(super) fn at(&self, path: &str) -> Url {
        let mut url = self.url.clone();
        url.set_path(&format!("{}{path}", self.url.path().trim_end_matches('/')));
        url
    }

    /// Asks, and reads the answer. An error holds no secret; nobody knows then whether the other side has acted.
    pub(super) async fn ask(&self, request: Request) -> Result<Answer, String> {
        self.note(&request);
        let mut builder = self.http.request(request.method, request.url).headers(request.headers).body(request.body);
        builder = match &self.login {
            None => builder,
            Some(Login::Basic(user, password)) => builder.basic_auth(user, Some(password.expose())),
            Some(Login::Bearer(token)) => builder.bearer_auth(token.expose()),
            Some(Login::Token(token)) => builder.header("authorization", format!("Token {}", token.expose())),
        };
        let answer = match builder.send().await {
            Ok(response) => Answer::read(response, request.most, &self.censor, &self.host()).await,
            Err(error) => {
                let why = self.explain(error);
                self.transcript.say(|| format!("< nothing: {why}"));
                return Err(why);
            }
        };
        answer.note(&self.transcript);
        Ok(answer)
    }

    fn host(&self) -> String {
        self.url.host_str().unwrap_or_default().to_owned()
    }

    fn note(&self, request: &Request) {
        let shown = |url: &Url| {
            let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
            let path = if self.url_is_secret { "/…" } else { url.path() };
            format!("{}://{}{port}{}", url.scheme(), self.host(), self.censor.show(path, BODY_SHOWN))
        };
        self.transcript.say(|| format!("> {} {}", request.method, shown(&request.url)));
        if self.login.is_some() {
            self.transcript.say(|| "> authorization: ***".to_owned());
        }
        for (name, value) in &request.headers {
            let value = value.to_str().unwrap_or("***");
            self.transcript.say(|| format!("> {name}: {}", self.censor.show(value, BODY_SHOWN)));
        }
        let body = String::from_utf8_lossy(&request.body);
        let body = request.readable.as_deref().unwrap_or(&body);
        if !body.is_empty() {
            self.transcript.say(|| format!("> {}", self.censor.show(body, BODY_SHOWN)));
        }
    }

    fn explain(&self, error: reqwest::Error) -> String {
        let host = self.host();
        if error.is_timeout() {
            let of = if error.is_connect() { self.limits.connect } else { self.limits.read.min(self.limits.whole) };
            let what = if error.is_connect() { "no connection" } else { "no answer" };
            return format!("{host}: {what} within {:?}", of);
        }
        // The address may be a secret, and the chain repeats itself: its end says what happened.
        let error = error.without_url();
        let mut root: &dyn Error = &error;
        while let Some(next) = root.source() {
            root = next;
        }
        let root = self.censor.show(&root.to_string(), Answer::SHOWN);
        let what = if error.is_connect() { "no connection" } else { "no answer" };
        match &*root {
            own if own.starts_with(&host) => root,
            trust if trust.ends_with("UnknownIssuer") => {
                format!("{host}: {what}: nobody whom this system trusts has signed its certificate (UnknownIssuer)")
            }
            _ => format!("{host}: {what}: {root}"),
        }
    }
}

impl Login {
    fn check(&self) -> Result<(), String> {
        let (user, secret) = match self {
            Login::Basic(user, password) => (user.as_str(), password),
            Login::Bearer(token) | Login::Token(token) => ("", token),
        };
        if user.contains(':') {
            return Err("a user name with a colon in it cannot be sent".to_owned());
        }
        if user.chars().chain(secret.expose().chars()).any(char::is_control) {
            return Err("a user name, password or token has a line break or another control character in it".to_owned());
        }
        Ok(())
    }
}

/// Headers that can be sent as they are.
///
/// # Errors
/// A name or a value cannot: nothing is let through that would begin another header.
pub(super) fn headers(told: &[(String, Secret)]) -> Result<HeaderMap, String> {
    told.iter().map(|(name, value)| header(name, value)).collect()
}

fn header(name: &str, value: &Secret) -> Result<(HeaderName, HeaderValue), String> {
    let lower = HeaderName::from_bytes(name.as_bytes());
    let lower = lower.map_err(|_| format!("{name:?} cannot be the name of a header"))?;
    let own = ["host", "content-length", "transfer-encoding", "connection", "te", "upgrade", "trailer"];
    if own.contains(&lower.as_str()) {
        return Err(format!("the header `{lower}` is growctl's own"));
    }
    let mut value = HeaderValue::from_str(value.expose()).map_err(|_| {
        format!("the value of the header `{lower}` has a line break or another character that no header can have")
    })?;
    value.set_sensitive(true);
    Ok((lower, value))
}

fn address(reach: Reach<'_>) -> Result<Url, String> {
    if reach.url.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return Err("the address has a line break or a space in it".to_owned());
    }
    let url =
        Url::parse(reach.url).map_err(|error| format!("this is no address of the form https://host/path: {error}"))?;
    let host = url.host_str().unwrap_or_default();
    let plain = match url.scheme() {
        "https" => false,
        "http" => true,
        other => return Err(format!("`{other}:` cannot be spoken here: expected https://host/path")),
    };
    if host.is_empty() {
        return Err("the address names no host: expected https://host/path".to_owned());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(format!("the address of {host} has a user or a password in it: they have keys of their own"));
    }
    if plain && !reach.allow_private {
        return Err(format!(
            "{host} is reached over plain http, where everybody on the way can read: expected https://, \
             or `allow_private: true` for a server in the private network"
        ));
    }
    if let Ok(ip) = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>() {
        judge(host, vec![SocketAddr::new(ip, 0)], plain, reach.allow_private)?;
    }
    Ok(url)
}

fn judge(host: &str, found: Vec<SocketAddr>, plain: bool, allow_private: bool) -> Result<Vec<SocketAddr>, String> {
    if !allow_private && let Some(address) = found.iter().find(|address| net::is_private(address.ip())) {
        return Err(format!(
            "{host} is {}, an address of this machine or a private network; write `allow_private: true` if that is meant",
            address.ip()
        ));
    }
    if !plain {
        return Ok(found);
    }
    let private: Vec<SocketAddr> = found.into_iter().filter(|address| net::is_private(address.ip())).collect();
    if private.is_empty() {
        return Err(format!("{host} is on the public internet, where only https:// is spoken"));
    }
    Ok(private)
}

fn build(url: &Url, allow_private: bool, limits: Limits) -> Result<reqwest::Client, String> {
    let tls = net::tls()?;
    reqwest::Client::builder()
        .tls_backend_preconfigured((*tls).clone())
        .user_agent(concat!("growctl/", env!("CARGO_PKG_VERSION")))
        .redirect(redirect::Policy::none())
        .retry(retry::never())
        .referer(false)
        .no_proxy()
        .http1_only()
        .connect_timeout(limits.connect)
        .read_timeout(limits.read)
        .timeout(limits.whole)
        .pool_max_idle_per_host(1)
        .dns_resolver(Arc::new(Resolver { plain: url.scheme() == "http", allow_private }))
        .build()
        .map_err(|error| format!("no HTTP client can be made: {}", error.without_url()))
}

/// Looks a name up for each new connection, and lets through only what may be spoken to.
struct Resolver {
    plain: bool,
    allow_private: bool,
}

impl Resolve for Resolver {
    fn resolve(&self, name: HostName) -> Resolving {
        let (plain, allow_private) = (self.plain, self.allow_private);
        Box::pin(async move {
            let found = net::resolve(name.as_str(), 0, allow_private).await?;
            let found = judge(name.as_str(), found, plain, allow_private)?;
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
#[path = "client_tests.rs"]
mod tests;
