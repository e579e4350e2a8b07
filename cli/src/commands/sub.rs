//! `growctl sub PATTERN…`: the messages of every channel that matches.

use std::process::ExitCode;

use clap::Args;
use futures_util::StreamExt;

use crate::Format;

/// Arguments of `sub`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  growctl sub 'sensor:update:Flower Room:*'\n  growctl sub --count 1 sensor:update\n\
                  With --format json one object a line: {\"channel\": …, \"message\": …}"
)]
pub(crate) struct Sub {
    /// Redis patterns: `*` crosses colons.
    #[arg(required = true)]
    patterns: Vec<String>,
    /// End after this many messages.
    #[arg(long, value_name = "N")]
    count: Option<u64>,
}

impl Sub {
    pub(crate) async fn run(self, url: &str, format: Format) -> ExitCode {
        let client = match super::client(url) {
            Ok(client) => client,
            Err(code) => return code,
        };
        let mut pubsub = match client.get_async_pubsub().await {
            Ok(pubsub) => pubsub,
            Err(error) => return super::no_answer(url, &error),
        };
        for pattern in &self.patterns {
            if let Err(error) = pubsub.psubscribe(pattern).await {
                return super::no_answer(url, &error);
            }
        }
        let mut messages = pubsub.on_message();
        let mut left = self.count.unwrap_or(u64::MAX);
        while left > 0 {
            let Some(message) = messages.next().await else {
                return super::fail(1, &format!("{url} closed the connection"));
            };
            let text = show(format, message.get_channel_name(), message.get_payload_bytes());
            if !super::line(&text) {
                break;
            }
            left -= 1;
        }
        ExitCode::SUCCESS
    }
}

fn show(format: Format, channel: &str, payload: &[u8]) -> String {
    if format == Format::Text {
        return format!("{channel}  {}", String::from_utf8_lossy(payload));
    }
    let message = serde_json::from_slice(payload)
        .unwrap_or_else(|_| serde_json::Value::String(String::from_utf8_lossy(payload).into_owned()));
    serde_json::json!({ "channel": channel, "message": message }).to_string()
}
