//! `growctl pub CHANNEL JSON`: one message, as any other client of Redis would publish it.

use std::path::Path;
use std::process::ExitCode;

use clap::Args;

/// Arguments of `pub`.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  growctl pub 'device:command:Flower Room:exhaust' '{\"set\": 60, \"for\": \"10m\"}'"
)]
pub(crate) struct Publish {
    /// The channel.
    channel: String,
    /// The message: one JSON object.
    message: String,
}

impl Publish {
    pub(crate) async fn run(self, folder: &Path, redis: Option<&str>) -> ExitCode {
        if let Err(error) = serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(&self.message) {
            return super::fail(
                2,
                &format!("the message is not a JSON object: {error}; expected as in '{{\"set\": 60}}'"),
            );
        }
        let (client, url) = match super::site_client(folder, redis) {
            Ok(client) => client,
            Err(code) => return code,
        };
        let mut connection = match client.get_multiplexed_async_connection().await {
            Ok(connection) => connection,
            Err(error) => return super::no_answer(&url, &error),
        };
        match redis::cmd("PUBLISH").arg(&self.channel).arg(&self.message).query_async::<u64>(&mut connection).await {
            Ok(_) => ExitCode::SUCCESS,
            Err(error) => super::no_answer(&url, &error),
        }
    }
}
