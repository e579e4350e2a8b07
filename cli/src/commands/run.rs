//! `growctl run`: the engine of a site, until SIGINT or SIGTERM.

use std::path::Path;
use std::process::ExitCode;

use clap::Args;
use growctl_engine::app;
use growctl_engine::model::counted;
use tokio::signal::unix::{SignalKind, signal};

/// Arguments of `run`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  growctl run\n  growctl -C /srv/north-house --redis redis://127.0.0.1:6379 run\n\n\
    A rule file with a fault is left out and the rest runs; a fault in channels.yaml or growctl.yaml stops the start.\n\
    While it runs, changes of the files take effect within a second, all of them or none.\n\
    Exit codes: 0 stopped by a signal, 1 something outside failed, 2 the files are wrong."
)]
pub(crate) struct Run {}

impl Run {
    pub(crate) fn run(self, folder: &Path, redis: Option<&str>, json: bool) -> ExitCode {
        let _log = super::start_log(json);
        let (loader, site, report) = match super::load_site(folder, redis) {
            Ok(opened) => opened,
            Err(code) => return code,
        };
        let (rules, nodes) = (site.rules.len(), site.map.nodes.len());
        tracing::info!(rules, node_frames = nodes, devices = site.map.devices.len(), "growctl starts");
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        let runtime = match runtime {
            Ok(runtime) => runtime,
            Err(error) => return super::fail(1, &format!("the runtime does not start: {error}")),
        };
        match runtime.block_on(app::run(loader, site, &report, stop_signal())) {
            Ok(summary) => {
                let core = summary.core;
                super::say(&format!(
                    "stopped: {}, {}, {}, {} published, {} never taken by Redis, {}",
                    counted(core.frames, "frame"),
                    counted(core.messages, "message"),
                    counted(core.intents, "intent"),
                    core.published,
                    summary.unpublished,
                    counted(core.commands, "command")
                ));
                ExitCode::SUCCESS
            }
            Err(error) => super::fail(1, &error.to_string()),
        }
    }
}

/// Ends with SIGINT or SIGTERM.
pub(crate) async fn stop_signal() {
    let terminate = async {
        match signal(SignalKind::terminate()) {
            Ok(mut terminate) => drop(terminate.recv().await),
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        () = terminate => {}
    }
}
