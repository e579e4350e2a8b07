//! `growctl sub PATTERN…`: the messages of every channel that matches, for as long as somebody looks: a connection
//! that breaks is made again.

use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use futures_util::StreamExt;
use growctl_engine::model::{Fields, Value};
use redis::aio::PubSub;
use redis::{Client, RedisResult};
use tokio::time::{Instant, sleep};

use crate::{Format, complete, server};

/// How often the server is asked whether it is still there.
const PING_EVERY: Duration = Duration::from_secs(10);
/// Between two attempts to connect again.
const RETRY_EVERY: Duration = Duration::from_secs(1);

/// Arguments of `sub`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  growctl sub 'sensor:update:Flower Room:*'\n  growctl sub --count 1 sensor:update\n\
                  As text: channel, time (UTC), fields. With --format json one object a line: {\"channel\": …, \"message\": …}"
)]
pub(crate) struct Sub {
    /// Redis patterns: `*` crosses colons.
    #[arg(required = true, add = complete::hear())]
    patterns: Vec<String>,
    /// End after this many messages.
    #[arg(long, value_name = "N")]
    count: Option<u64>,
}

/// Why a connection is no longer read.
enum End {
    /// As many as were asked for, or nobody reads on.
    Done,
    Lost(String),
}

impl Sub {
    pub(crate) async fn run(self, servers: Result<Vec<Client>, ExitCode>, format: Format) -> ExitCode {
        let servers = match servers {
            Ok(servers) => servers,
            Err(code) => return code,
        };
        let (client, mut pubsub) = match server::first(servers, async |client| self.open(client).await).await {
            Ok(opened) => opened,
            Err(code) => return code,
        };
        let mut left = self.count.unwrap_or(u64::MAX);
        loop {
            match show_all(pubsub, &mut left, format).await {
                End::Done => return ExitCode::SUCCESS,
                End::Lost(reason) => {
                    super::say(&format!("growctl: {}: {reason}; trying again", server::address(&client)))
                }
            }
            let lost = Instant::now();
            pubsub = self.open_again(&client).await;
            super::say(&format!(
                "growctl: connected again; messages of {} s may be missing",
                lost.elapsed().as_secs() + 1
            ));
        }
    }

    async fn open(&self, client: &Client) -> RedisResult<PubSub> {
        let mut pubsub = client.get_async_pubsub().await?;
        for pattern in &self.patterns {
            pubsub.psubscribe(pattern).await?;
        }
        Ok(pubsub)
    }

    async fn open_again(&self, client: &Client) -> PubSub {
        loop {
            match server::in_time(self.open(client)).await {
                Ok(pubsub) => return pubsub,
                Err(_) => sleep(RETRY_EVERY).await,
            }
        }
    }
}

async fn show_all(pubsub: PubSub, left: &mut u64, format: Format) -> End {
    let (mut asker, mut messages) = pubsub.split();
    while *left > 0 {
        let message = tokio::select! {
            message = messages.next() => message,
            () = sleep(PING_EVERY) => match server::in_time(asker.ping::<redis::Value>()).await {
                Ok(_) => continue,
                Err(reason) => return End::Lost(reason),
            },
        };
        let Some(message) = message else { return End::Lost("the connection is closed".to_owned()) };
        let (channel, payload) = (message.get_channel_name(), message.get_payload_bytes());
        let text = match format {
            Format::Text => text_line(channel, payload),
            Format::Json => json_line(channel, payload),
        };
        if !super::line(&text) {
            return End::Done;
        }
        *left -= 1;
    }
    End::Done
}

/// One object; the message as it was sent, so that no number changes its type.
fn json_line(channel: &str, payload: &[u8]) -> String {
    let text = String::from_utf8_lossy(payload);
    let channel = serde_json::Value::from(channel);
    if serde_json::from_str::<serde::de::IgnoredAny>(&text).is_ok() {
        // In valid JSON a line end is only space between tokens.
        return format!("{{\"channel\":{channel},\"message\":{}}}", text.trim().replace(['\n', '\r'], " "));
    }
    format!("{{\"channel\":{channel},\"message\":{}}}", serde_json::Value::from(&*text))
}

/// Channel, time and fields; what the channel says already, and the `id`, are left out.
fn text_line(channel: &str, payload: &[u8]) -> String {
    let Ok(fields) = serde_json::from_slice::<Fields>(payload) else {
        return format!("{}  {}", plain(channel), plain(&String::from_utf8_lossy(payload)));
    };
    let time = fields.get("ts").and_then(Value::as_number).map(time_of_day);
    let said = |value: &Value| value.as_text().is_some_and(|text| channel.split(':').any(|part| part == text));
    let known = |name: &str, value: &Value| match name {
        "id" | "ts" => true,
        "room" | "cluster" | "device" => said(value),
        _ => false,
    };
    let shown = fields.iter().filter(|(name, value)| !known(name, value));
    let shown = shown.map(|(name, value)| format!("{}={}", plain(name), value_text(value)));
    let parts: Vec<String> = time.into_iter().chain(shown).collect();
    format!("{}  {}", plain(channel), parts.join("  "))
}

fn value_text(value: &Value) -> String {
    match value.as_text() {
        Some(text) => plain(text),
        None => serde_json::to_string(value).unwrap_or_default(),
    }
}

/// Hours, minutes and seconds of a moment given in seconds since 1970.
fn time_of_day(seconds: f64) -> String {
    let seconds = seconds.rem_euclid(86_400.0) as u32;
    format!("{:02}:{:02}:{:02}Z", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

/// Text of strangers without what would steer a terminal.
fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_shows_what_the_channel_does_not_say() {
        let reading = br#"{"id":"k3v9x2mq-000042","ts":1735270496.9,"room":"Veg Room","cluster":"front","node":"FR-C1","temperature":24.0,"co2":null,"quality":{"co2":"stale"},"state":"update"}"#;
        assert_eq!(
            text_line("sensor:update:Veg Room:front", reading),
            r#"sensor:update:Veg Room:front  03:34:56Z  node=FR-C1  temperature=24.0  co2=null  quality={"co2":"stale"}  state=update"#
        );
        assert!(text_line("sensor:update", reading).contains("room=Veg Room  cluster=front"));
        assert_eq!(text_line("a\x1b[2J", b"not \x1bJSON"), "a\u{fffd}[2J  not \u{fffd}JSON");
    }

    #[test]
    fn json_keeps_the_message_and_one_line() {
        assert_eq!(
            json_line("a\"b", b"{\"n\": 1,\n \"big\": 12345678901234567890123}\n"),
            r#"{"channel":"a\"b","message":{"n": 1,  "big": 12345678901234567890123}}"#
        );
        assert_eq!(json_line("a", b"\xff\n"), "{\"channel\":\"a\",\"message\":\"\u{fffd}\\n\"}");
    }
}
