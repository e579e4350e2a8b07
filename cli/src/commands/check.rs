//! `growctl check`: are the files of the site right?

use std::path::Path;
use std::process::ExitCode;

use clap::Args;
use growctl_engine::app::Site;
use growctl_engine::app::rule_test::Bench;
use growctl_engine::channels::ChannelMap;
use growctl_engine::files::Report;
use growctl_engine::model::counted;

/// Arguments of `check`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  growctl check\n  growctl -C /srv/north-house check --strict\n\n\
    Exit codes: 0 the files are right, 2 they are not.")]
pub(crate) struct Check {
    /// Warnings count as errors.
    #[arg(long)]
    strict: bool,
}

impl Check {
    pub(crate) fn run(self, folder: &Path, json: bool) -> ExitCode {
        let mut report = Report::default();
        let site = Site::load(folder, &mut report);
        if let Some(site) = &site {
            // Files that cannot be read have been reported with the site.
            Bench::new(folder, &site.map, &site.settings, &mut Report::default()).check(&mut report);
        }
        let wrong = report.errors() > 0 || site.is_none() || (self.strict && report.warnings() > 0);
        if json {
            match serde_json::to_string(&report.diagnostics) {
                Ok(text) => drop(super::line(&text)),
                Err(error) => return super::fail(1, &error.to_string()),
            }
        } else {
            super::show(&report);
            if let Some(site) = site.filter(|_| !wrong) {
                let parts = [
                    (site.map.buses.len(), "bus"),
                    (site.map.nodes.len(), "node frame"),
                    (site.map.devices.len(), "device"),
                    (site.rules.len(), "rule"),
                ];
                let parts = parts.map(|(count, what)| counted(count as u64, what));
                super::line(&format!("fine: {}", parts.join(", ")));
                let _ = outside(&site.map).iter().all(|line| super::line(line));
            }
        }
        if wrong { ExitCode::from(2) } else { ExitCode::SUCCESS }
    }
}

/// The devices that no watchdog ends: whoever reads `fine` is to know that they are not meant.
fn outside(map: &ChannelMap) -> Vec<String> {
    let without = map.devices.iter().filter(|device| device.watchdog.is_none());
    let mut lines: Vec<String> = without.map(|device| format!("  {}", device.key)).collect();
    if !lines.is_empty() {
        lines.insert(0, "outside of the promise, for want of a watchdog they stay as growctl leaves them:".to_owned());
    }
    lines
}
