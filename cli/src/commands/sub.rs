//! `growctl sub PATTERN…`: the messages of every channel that matches.

use std::path::Path;
use std::process::ExitCode;

use clap::Args;
use futures_util::StreamExt;

/// Arguments of `sub`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  growctl sub 'sensor:update:Flower Room:*'\n  growctl sub --count 1 sensor:update")]
pub(crate) struct Sub {
    /// Redis patterns: `*` crosses colons.
    #[arg(required = true)]
    patterns: Vec<String>,
    /// End after this many messages.
    #[arg(long, value_name = "N")]
    count: Option<u64>,
}

impl Sub {
    pub(crate) async fn run(self, folder: &Path, redis: Option<&str>, json: bool) -> ExitCode {
        let (client, url) = match super::site_client(folder, redis) {
            Ok(client) => client,
            Err(code) => return code,
        };
        let mut pubsub = match client.get_async_pubsub().await {
            Ok(pubsub) => pubsub,
            Err(error) => return super::no_answer(&url, &error),
        };
        for pattern in &self.patterns {
            if let Err(error) = pubsub.psubscribe(pattern).await {
                return super::no_answer(&url, &error);
            }
        }
        let mut messages = pubsub.on_message();
        let mut left = self.count.unwrap_or(u64::MAX);
        while left > 0 {
            let Some(message) = messages.next().await else {
                return super::fail(1, &format!("{url} closed the connection"));
            };
            let text = show(json, message.get_channel_name(), message.get_payload_bytes());
            if !super::line(&text) {
                break;
            }
            left -= 1;
        }
        ExitCode::SUCCESS
    }
}

/// One message as a line; as JSON, {"channel": …, "message": …}.
fn show(json: bool, channel: &str, payload: &[u8]) -> String {
    if !json {
        return format!("{channel}  {}", String::from_utf8_lossy(payload));
    }
    let message = serde_json::from_slice(payload)
        .unwrap_or_else(|_| serde_json::Value::String(String::from_utf8_lossy(payload).into_owned()));
    serde_json::json!({ "channel": channel, "message": message }).to_string()
}
