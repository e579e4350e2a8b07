//! `growctl`: one file per command in `commands/`; each adds a variant here and an arm below.

mod commands;
mod complete;
mod git;
mod server;
mod socket;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand, ValueEnum, ValueHint};

/// The engine for growing facilities: CAN to Redis, rule files, devices that are safe.
#[derive(Debug, Parser)]
#[command(version, after_help = "Exit codes: 0 fine, 1 something outside failed, 2 the files or the call are wrong.")]
struct Cli {
    /// The site folder.
    #[arg(short = 'C', global = true, value_name = "DIR", default_value = ".", value_hint = ValueHint::DirPath)]
    folder: PathBuf,
    /// The Redis server, in place of the site's own or of the embedded endpoint.
    #[arg(long, global = true, value_name = "URL", env = "GROWCTL_REDIS", hide_env_values = true)]
    redis: Option<String>,
    /// How data is shown.
    #[arg(long, global = true, default_value = "text")]
    format: Format,
    #[command(subcommand)]
    command: Command,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people.
    Text,
    /// For programs.
    Json,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the engine of a site.
    Run(commands::run::Run),
    /// Run a CAN recording through the rules.
    Replay(commands::replay::Replay),
    /// Check the files of a site.
    Check(commands::check::Check),
    /// Show what a CAN recording says, by the channel map.
    Decode(commands::decode::Decode),
    /// Record CAN interfaces, and see how busy they are.
    Can(commands::can::Can),
    /// What the channel map resolves to.
    Channels(commands::channels::Channels),
    /// Show what the running engine does.
    Status(commands::status::Status),
    /// Make the running engine look at the files of the site now.
    Reload(commands::reload::Reload),
    /// Devices: how they stand, why, and what a person wants of them.
    Device(commands::device::Device),
    /// Try whether people can be reached.
    Notify(commands::notify::Notify),
    /// Alerts: what fires, who was told; acknowledge and silence.
    Alert(commands::alert::Alert),
    /// What is for the outside and has not arrived.
    Outbox(commands::outbox::Outbox),
    /// List, show or reset rules.
    Rule(commands::rule::Rule),
    /// Make parts of the simulated plant fail.
    Sim(commands::sim::Sim),
    /// Show the messages of every channel that matches a Redis pattern.
    Sub(commands::sub::Sub),
    /// Publish one JSON message.
    Pub(commands::publish::Publish),
    /// Make a new site.
    Init(commands::init::Init),
    /// Completion of commands and names in a shell.
    Completions(commands::completions::Completions),
    /// Manual pages.
    Man(commands::man::Manual),
    /// JSON schemas of the files, for editors.
    Schema(commands::schema::Schema),
}

fn main() -> ExitCode {
    complete::answer(Cli::command);
    let Cli { folder, redis, format, command } = Cli::parse();
    let (redis, json) = (redis.as_deref(), format == Format::Json);
    let servers = async || server::servers(redis, &folder).await;
    match command {
        Command::Run(command) => command.run(&folder, redis, json),
        Command::Replay(command) => wait(command.run(&folder, redis, json)),
        Command::Check(command) => command.run(&folder, json),
        Command::Decode(command) => command.run(&folder),
        Command::Can(command) => wait(command.run(&folder, json)),
        Command::Channels(command) => command.run(&folder, json),
        Command::Status(command) => wait(command.run(&folder, json)),
        Command::Reload(command) => wait(command.run(&folder, json)),
        Command::Device(command) => wait(command.run(&folder, json)),
        Command::Notify(command) => wait(command.run(&folder, json)),
        Command::Alert(command) => wait(command.run(&folder, json)),
        Command::Outbox(command) => wait(command.run(&folder, json)),
        Command::Rule(command) => wait(command.run(&folder, json)),
        Command::Sim(command) => wait(command.run(&folder, json)),
        Command::Sub(command) => wait(async { command.run(servers().await, format).await }),
        Command::Pub(command) => wait(async { command.run(servers().await).await }),
        Command::Init(command) => command.run(&folder, json),
        Command::Completions(command) => command.run(),
        Command::Man(command) => command.run(Cli::command()),
        Command::Schema(command) => command.run(&folder),
    }
}

/// Runs a command that speaks to somebody, on this thread.
fn wait(command: impl Future<Output = ExitCode>) -> ExitCode {
    match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(command),
        Err(error) => commands::fail(1, &format!("the runtime does not start: {error}")),
    }
}
