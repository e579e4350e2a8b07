//! `growctl`: one file per command in `commands/`; each adds a variant here and an arm below.

mod commands;
mod server;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand, ValueEnum};

/// The engine for growing facilities: CAN to Redis, rule files, devices that are safe.
#[derive(Debug, Parser)]
#[command(
    version,
    about,
    after_help = "Exit codes: 0 fine, 1 something outside failed, 2 the files or the call are wrong."
)]
struct Cli {
    /// The Redis server, or growctl's own endpoint. Default: what answers first of redis://127.0.0.1:6380 (the endpoint)
    /// and redis://127.0.0.1:6379.
    #[arg(long, global = true, value_name = "URL", env = "GROWCTL_REDIS", hide_env_values = true)]
    redis: Option<String>,
    /// The site folder, where channels.yaml is.
    #[arg(short = 'C', global = true, value_name = "DIR", default_value = ".")]
    dir: PathBuf,
    /// How data is written.
    #[arg(long, global = true, value_enum, default_value_t = Format::Text)]
    format: Format,
    #[command(subcommand)]
    command: Command,
}

/// For people, or one JSON object a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    Text,
    Json,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show the messages of every channel that matches a Redis pattern.
    Sub(commands::sub::Sub),
    /// Publish one JSON message.
    Pub(commands::publish::Publish),
    /// Show what the frames of a recording say, one JSON object a frame.
    Decode(commands::decode::Decode),
    /// Show what the channel map has.
    Channels(commands::channels::Channels),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return commands::fail(1, &format!("the runtime does not start: {error}")),
    };
    let servers = || server::servers(cli.redis.as_deref(), &cli.dir);
    runtime.block_on(async {
        match cli.command {
            Command::Sub(command) => command.run(servers(), cli.format).await,
            Command::Pub(command) => command.run(servers()).await,
            Command::Decode(command) => command.run(&cli.dir),
            Command::Channels(command) => command.run(&cli.dir, cli.format),
        }
    })
}
