//! One place that something can be delivered to, as the settings name it, and how it is tried.

use std::time::Duration;

use crate::model::{Class, Name};

use super::{Sender, SenderContext, email, file, http, influx, mqtt, postgres, push, sms, webhook};

/// A target, or one way to a receiver.
#[derive(Clone, Debug, PartialEq)]
pub struct Outlet {
    /// A target's name such as `influx`, or a receiver and the way to it, `head-grower/sms`.
    pub name: Name,
    /// Whether people or machines are at the other end.
    pub class: Class,
    /// Who delivers.
    pub kind: Kind,
    /// How many are delivered together at most.
    pub most: usize,
    /// So long more are waited for, to deliver them together.
    pub every: Duration,
    /// Tried for so long before it is given up.
    pub keep_trying: Duration,
    /// Pauses between tries: the first, and the longest.
    pub pauses: [Duration; 2],
}

/// Who delivers, and what it needs to be told.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// A text message.
    Sms(sms::Config),
    /// An e-mail.
    Email(email::Config),
    /// A push message.
    Push(push::Config),
    /// A post to a chat or another service.
    Webhook(webhook::Config),
    /// A post of data.
    Http(http::Config),
    /// InfluxDB.
    Influx(influx::Config),
    /// PostgreSQL.
    Postgres(postgres::Config),
    /// An MQTT broker.
    Mqtt(mqtt::Config),
    /// Files.
    File(file::Config),
}

impl Kind {
    /// Its name in settings.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Kind::Sms(_) => "sms",
            Kind::Email(_) => "email",
            Kind::Push(_) => "push",
            Kind::Webhook(_) => "webhook",
            Kind::Http(_) => "http",
            Kind::Influx(_) => "influx",
            Kind::Postgres(_) => "postgres",
            Kind::Mqtt(_) => "mqtt",
            Kind::File(_) => "file",
        }
    }

    /// Builds the sender.
    ///
    /// # Errors
    /// Why it can never work as it is told.
    pub fn sender(&self, context: &SenderContext) -> Result<Box<dyn Sender>, String> {
        match self {
            Kind::Sms(config) => sms::sender(config, context),
            Kind::Email(config) => email::sender(config, context),
            Kind::Push(config) => push::sender(config, context),
            Kind::Webhook(config) => webhook::sender(config, context),
            Kind::Http(config) => http::sender(config, context),
            Kind::Influx(config) => influx::sender(config, context),
            Kind::Postgres(config) => postgres::sender(config, context),
            Kind::Mqtt(config) => mqtt::sender(config, context),
            Kind::File(config) => file::sender(config, context),
        }
    }
}
