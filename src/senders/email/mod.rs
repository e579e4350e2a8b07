//! `email`: SMTP, text and HTML. One connection for a batch; every answer of the server is heard by itself, so that a refused
//! address is told from a refused login.

mod letter;
mod smtp;

use std::time::Duration;

use lettre::message::Mailbox;

use super::{Sender, SenderContext, Sending, Transcript};

use crate::model::{Note, Parcel, Secret, Verdict};

use letter::{Ends, letter};
use smtp::{Fault, Session};

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

/// All letters of one try; each phase has its own, shorter time.
const LIMIT: Duration = Duration::from_secs(55);

/// Builds it.
///
/// # Errors
/// Why it can never work as it is told.
pub fn sender(config: &Config, context: &SenderContext) -> Result<Box<dyn Sender>, String> {
    let mailbox = |what: &str, text: &str| -> Result<Mailbox, String> {
        text.parse().map_err(|error| format!("'{}' is no address to send {what}: {error}", text.escape_debug()))
    };
    if config.host.is_empty() || config.host.contains(|c: char| c.is_control() || c.is_whitespace()) {
        return Err(format!("'{}' is no host name of a mail server", config.host.escape_debug()));
    }
    let (from, to) = (mailbox("from", &config.from)?, mailbox("to", &config.to)?);
    let ends = Ends { from, to, site: context.site.clone(), zone: context.zone.clone() };
    Ok(Box::new(Email { config: config.clone(), ends, transcript: context.transcript.clone() }))
}

struct Email {
    config: Config,
    ends: Ends,
    transcript: Transcript,
}

impl Sender for Email {
    fn send<'a>(&'a mut self, parcels: &'a [Parcel]) -> Sending<'a> {
        Box::pin(async move {
            let mut verdicts = Vec::with_capacity(parcels.len());
            let ended = tokio::time::timeout(LIMIT, self.deliver(parcels, &mut verdicts)).await;
            let why = match ended {
                Ok(Ok(())) => String::new(),
                Ok(Err(fault)) => fault.why,
                Err(_) => format!("{} was too slow", self.config.host),
            };
            verdicts.resize(parcels.len(), Verdict::Failed { why, retry_after: None });
            verdicts
        })
    }
}

impl Email {
    /// A verdict for each parcel that was spoken of; the error is for those that were not.
    async fn deliver(&self, parcels: &[Parcel], verdicts: &mut Vec<Verdict>) -> Result<(), Fault> {
        let mut session = Session::open(&self.config, &self.ends.site, &self.transcript).await?;
        for parcel in parcels {
            let message = match self.message(parcel) {
                Ok(message) => message,
                Err(why) => {
                    verdicts.push(Verdict::Refused(why));
                    continue;
                }
            };
            match session.mail(&self.ends.from.email, &self.ends.to.email, &message).await {
                Ok(()) => verdicts.push(Verdict::Delivered),
                Err(fault) if fault.over => return Err(fault),
                Err(fault) => verdicts.push(fault.verdict()),
            }
        }
        session.quit().await;
        Ok(())
    }

    fn message(&self, parcel: &Parcel) -> Result<Vec<u8>, String> {
        let note: Note = serde_json::from_str(&parcel.body).map_err(|error| format!("it is no note: {error}"))?;
        Ok(letter(&self.ends, &note, parcel)?.formatted())
    }
}

#[cfg(test)]
#[path = "email_tests.rs"]
mod tests;
