//! The conversation with a mail server: connection, TLS, login, letters; each step with its time-out and written down.

use std::fmt::Display;
use std::net::SocketAddr;
use std::time::Duration;

use lettre::Address;
use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{AsyncSmtpConnection, TlsParameters};
use lettre::transport::smtp::commands::{Auth, Data, Mail, Quit, Rcpt, Rset};
use lettre::transport::smtp::extension::{ClientId, Extension, ServerInfo};
use lettre::transport::smtp::response::{Category, Code, Detail, Response, Severity};
use tokio::time::timeout;

use super::{Config, Security};

use crate::model::Verdict;
use crate::senders::{Transcript, net};

const CONNECT: Duration = Duration::from_secs(10);
const ANSWER: Duration = Duration::from_secs(20);
/// Servers look for spam and viruses before they answer to the end of a letter.
const TAKE: Duration = Duration::from_secs(40);
/// Not this letter is refused, but whoever sends it: a person mends that, and it goes out then.
const LOGIN_WANTED: [u16; 4] = [530, 534, 535, 538];
const LONGEST_ANSWER: usize = 300;

/// What went wrong.
pub(super) struct Fault {
    pub(super) why: String,
    /// The server will never take it.
    pub(super) never: bool,
    /// The connection is of no more use.
    pub(super) over: bool,
}

impl Fault {
    fn over(why: String) -> Fault {
        Fault { why, never: false, over: true }
    }

    pub(super) fn verdict(self) -> Verdict {
        if self.never { Verdict::Refused(self.why) } else { Verdict::Failed { why: self.why, retry_after: None } }
    }
}

/// A connection on which letters can be sent.
pub(super) struct Session<'a> {
    connection: AsyncSmtpConnection,
    config: &'a Config,
    transcript: &'a Transcript,
}

impl<'a> Session<'a> {
    /// Connects, secures, logs in.
    pub(super) async fn open(config: &'a Config, site: &str, transcript: &'a Transcript) -> Result<Session<'a>, Fault> {
        let addresses = timeout(CONNECT, net::resolve(&config.host, config.port, config.allow_private)).await;
        let addresses =
            addresses.unwrap_or_else(|_| Err(format!("{} is not found in time", config.host))).map_err(Fault::over)?;
        let mut last = Fault::over(String::new());
        for address in addresses {
            if config.security == Security::None && !net::is_private(address.ip()) {
                last =
                    Fault::over(format!("{} is a public server: `security: starttls` or `tls` is needed", config.host));
                continue;
            }
            match timeout(ANSWER, connect(config, address, site, transcript)).await {
                Ok(Ok(connection)) => {
                    let mut session = Session { connection, config, transcript };
                    session.login().await?;
                    return Ok(session);
                }
                Ok(Err(fault)) => last = fault,
                Err(_) => last = Fault::over(format!("{} port {} does not answer", config.host, config.port)),
            }
            let why = &last.why;
            transcript.say(|| format!("< {why}"));
        }
        Err(last)
    }

    async fn login(&mut self) -> Result<(), Fault> {
        let Some((user, password)) = &self.config.login else { return Ok(()) };
        self.transcript.say(|| format!("> AUTH as {user}"));
        let credentials = Credentials::new(user.clone(), password.expose().to_owned());
        let answer = timeout(ANSWER, self.connection.auth(&[Mechanism::Plain, Mechanism::Login], &credentials)).await;
        let (answer, failed) = match answer {
            Ok(Ok(response)) => (shown(&response), false),
            Ok(Err(error)) => (told(&error), true),
            Err(_) => ("no answer".to_owned(), true),
        };
        let answer = without_secrets(&answer, &credentials, password.expose());
        self.transcript.say(|| format!("< {answer}"));
        if failed {
            return Err(Fault::over(format!("{} refuses the login of {user}: {answer}", self.config.host)));
        }
        Ok(())
    }

    /// One letter.
    pub(super) async fn mail(&mut self, from: &Address, to: &Address, message: &[u8]) -> Result<(), Fault> {
        let spoken = self.envelope(from, to).await;
        if let Err(fault) = spoken {
            if !fault.over {
                // The next letter starts afresh.
                self.say(Rset, ANSWER).await.map_err(|fault| Fault { over: true, ..fault })?;
            }
            return Err(fault);
        }
        self.transcript.say(|| format!("> (the letter, {} bytes)", message.len()));
        let taken = timeout(TAKE, self.connection.message(message)).await;
        self.answer(taken).map(|_| ())
    }

    async fn envelope(&mut self, from: &Address, to: &Address) -> Result<(), Fault> {
        self.say(Mail::new(Some(from.clone()), Vec::new()), ANSWER).await?;
        self.say(Rcpt::new(to.clone(), Vec::new()), ANSWER).await?;
        self.say(Data, ANSWER).await
    }

    /// Its letters are delivered; whether the server says goodbye changes nothing.
    pub(super) async fn quit(mut self) {
        let _ = self.say(Quit, ANSWER).await;
    }

    async fn say(&mut self, command: impl Display, limit: Duration) -> Result<(), Fault> {
        let line = command.to_string();
        self.transcript.say(|| format!("> {}", line.trim_end()));
        let answer = timeout(limit, self.connection.command(line)).await;
        self.answer(answer).map(|_| ())
    }

    fn answer(&self, answer: Result<Result<Response, Error>, tokio::time::error::Elapsed>) -> Result<(), Fault> {
        let host = &self.config.host;
        let error = match answer {
            Ok(Ok(response)) => {
                self.transcript.say(|| format!("< {}", shown(&response)));
                return Ok(());
            }
            Ok(Err(error)) => error,
            Err(_) => {
                self.transcript.say(|| "< (no answer)".to_owned());
                return Err(Fault::over(format!("{host} does not answer any more")));
            }
        };
        self.transcript.say(|| format!("< {}", told(&error)));
        let code = error.status().map(u16::from);
        Err(Fault {
            why: format!("{host} answers {}", told(&error)),
            never: error.is_permanent() && !code.is_some_and(|code| LOGIN_WANTED.contains(&code)),
            // 421: it closes the connection.
            over: code.is_none_or(|code| code == 421 || LOGIN_WANTED.contains(&code)),
        })
    }
}

async fn connect(
    config: &Config,
    address: SocketAddr,
    site: &str,
    transcript: &Transcript,
) -> Result<AsyncSmtpConnection, Fault> {
    let host = &config.host;
    let fault =
        |what: &str, error: &Error| Fault::over(format!("{host} port {}: {what}: {}", config.port, told(error)));
    let tls = match config.security {
        Security::None => None,
        Security::StartTls | Security::Tls => Some(
            TlsParameters::new_rustls(host.trim_matches(['[', ']']).to_owned())
                .map_err(|error| fault("no TLS", &error))?,
        ),
    };
    let hello = hello(site);
    transcript.say(|| format!("> connection to {host} ({address})"));
    let at_once = tls.clone().filter(|_| config.security == Security::Tls);
    let connected = AsyncSmtpConnection::connect_tokio1(address, Some(CONNECT), &hello, at_once, None).await;
    let mut connection = connected.map_err(|error| fault("no connection", &error))?;
    transcript.say(|| format!("> EHLO {hello}"));
    transcript.say(|| format!("< 250 {}", offered(connection.server_info())));
    if let Some(tls) = tls.filter(|_| config.security == Security::StartTls) {
        if !connection.can_starttls() {
            return Err(Fault::over(format!("{host} offers no STARTTLS: try `security: tls` with port 465")));
        }
        transcript.say(|| "> STARTTLS".to_owned());
        connection.starttls(tls, &hello).await.map_err(|error| fault("STARTTLS failed", &error))?;
        transcript.say(|| format!("< 250 {}", offered(connection.server_info())));
    }
    Ok(connection)
}

/// What a server says of itself, as it says it.
fn offered(server: &ServerInfo) -> String {
    let features = [
        ("STARTTLS", Extension::StartTls),
        ("AUTH PLAIN", Extension::Authentication(Mechanism::Plain)),
        ("AUTH LOGIN", Extension::Authentication(Mechanism::Login)),
    ];
    let offered = features.into_iter().filter(|(_, feature)| server.supports_feature(*feature)).map(|(name, _)| name);
    tidy(&[server.name()].into_iter().chain(offered).collect::<Vec<_>>().join(", "))
}

/// A machine's name may hold what an SMTP command must not.
fn hello(site: &str) -> ClientId {
    let clean = !site.is_empty() && site.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '.');
    if clean { ClientId::Domain(site.to_owned()) } else { ClientId::default() }
}

fn shown(response: &Response) -> String {
    tidy(&format!("{} {}", response.code(), response.message().collect::<Vec<_>>().join(" ")))
}

/// The server's own words where there are some.
fn told(error: &Error) -> String {
    let mut causes = Vec::new();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        causes.push(error.to_string());
        cause = error.source();
    }
    causes.dedup();
    let words = causes.join(": ");
    match error.status() {
        Some(code) => tidy(&format!("{code} {words}")),
        None if words.is_empty() => tidy(&error.to_string()),
        None => tidy(&words),
    }
}

fn tidy(text: &str) -> String {
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    text.trim().chars().take(LONGEST_ANSWER).collect()
}

/// Some servers repeat what they do not understand, even a login.
fn without_secrets(answer: &str, credentials: &Credentials, password: &str) -> String {
    let coded = |auth: Result<Auth, Error>| {
        auth.ok().and_then(|auth| auth.to_string().split_whitespace().last().map(str::to_owned))
    };
    let code = Code::new(Severity::PositiveIntermediate, Category::Unspecified3, Detail::Four);
    let asks = Response::new(code, vec!["UGFzc3dvcmQ6".to_owned()]);
    let plain = coded(Auth::new(Mechanism::Plain, credentials.clone(), None));
    let login = coded(Auth::new_from_response(Mechanism::Login, credentials.clone(), &asks));
    let secrets = [Some(password.to_owned()), plain, login];
    secrets
        .iter()
        .flatten()
        .filter(|secret| !secret.is_empty())
        .fold(answer.to_owned(), |text, secret| text.replace(secret, "***"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_repeats_the_login_gives_nothing_away() {
        let credentials = Credentials::new("grow".to_owned(), "canary77".to_owned());
        for echo in ["502 AUTH PLAIN AGdyb3cAY2FuYXJ5Nzc=", "535 Y2FuYXJ5Nzc= is wrong", "535 canary77 is wrong"] {
            let shown = without_secrets(echo, &credentials, "canary77");
            assert!(shown.contains("***") && !shown.contains("canary77") && !shown.contains("YXJ5"), "{shown}");
        }
    }
}
