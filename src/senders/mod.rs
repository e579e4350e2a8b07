//! Those who deliver what is in the outbox: to people (SMS, e-mail, push, webhook) and to machines (HTTP, InfluxDB,
//! PostgreSQL, MQTT, files). Each is one file with what it needs to be told, its `Config`, and a [`Sender`] that makes one
//! try; when to try and what to do afterwards is the outbox's. Rank 5.

mod answer;
mod batch;
mod censor;
mod client;
mod each;
pub mod email;
pub mod file;
pub mod http;
pub mod influx;
mod line_protocol;
pub mod mqtt;
mod net;
mod outlet;
pub mod postgres;
pub mod push;
mod signature;
pub mod sms;
mod template;
#[cfg(test)]
mod test_server;
mod transcript;
pub mod webhook;
mod words;

use std::path::PathBuf;
use std::pin::Pin;

use jiff::tz::TimeZone;

use crate::model::{Parcel, Verdict};

pub use outlet::{Kind, Outlet};
pub use transcript::Transcript;

/// What a sender may know of the site.
#[derive(Clone, Debug)]
pub struct SenderContext {
    /// The site folder.
    pub folder: PathBuf,
    /// The site's time zone, for names and texts.
    pub zone: TimeZone,
    /// The name of this machine.
    pub site: String,
    /// Where the conversation is written down, for `growctl notify test`.
    pub transcript: Transcript,
}

/// One try under way: a verdict for each parcel, in order.
pub type Sending<'a> = Pin<Box<dyn Future<Output = Vec<Verdict>> + Send + 'a>>;

/// Delivers to one outlet.
///
/// **What must hold.** One verdict for each parcel, in order. Every phase has its time-out, so a try ends by itself within
/// [`Sender::limit`]; whoever drops it early loses nothing but the answer. What is said of a failure holds no secret. It is
/// built without touching the outside; connections are made when there is something to send, and made again after a failure.
pub trait Sender: Send {
    /// Tries to deliver, all of them together where the other side takes many.
    fn send<'a>(&'a mut self, parcels: &'a [Parcel]) -> Sending<'a>;

    /// One try has ended after this, whatever the other side does.
    fn limit(&self) -> std::time::Duration {
        std::time::Duration::from_secs(60)
    }
}
