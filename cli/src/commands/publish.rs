//! `growctl pub CHANNEL JSON`: one message, as any other client of Redis would publish it.

use std::process::ExitCode;

use clap::Args;
use redis::Client;

use crate::{complete, server};

/// Arguments of `pub`.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  growctl pub 'device:command:Flower Room:exhaust' '{\"set\": 60, \"for\": \"10m\"}'"
)]
pub(crate) struct Publish {
    /// The channel.
    #[arg(add = complete::say())]
    channel: String,
    /// The message: one JSON object.
    message: String,
}

impl Publish {
    pub(crate) async fn run(self, servers: Result<Vec<Client>, ExitCode>) -> ExitCode {
        if let Err(error) = serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(&self.message) {
            return super::fail(
                2,
                &format!("the message is not a JSON object: {error}; expected as in '{{\"set\": 60}}'"),
            );
        }
        let servers = match servers {
            Ok(servers) => servers,
            Err(code) => return code,
        };
        // The server is chosen before anything is sent: a message must not go to two.
        let connect = async |client: &Client| client.get_multiplexed_async_connection().await;
        let (client, mut connection) = match server::first(servers, connect).await {
            Ok(opened) => opened,
            Err(code) => return code,
        };
        let publish = redis::cmd("PUBLISH").arg(&self.channel).arg(&self.message).to_owned();
        match server::in_time(publish.query_async::<u64>(&mut connection)).await {
            Ok(_) => ExitCode::SUCCESS,
            Err(reason) => super::fail(1, &format!("{} did not take the message: {reason}", server::address(&client))),
        }
    }
}
