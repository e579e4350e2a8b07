//! `growctl notify test`: one message to a receiver, in every way there is to it, now and without the outbox, and the
//! conversation with each of those who carry it.

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Subcommand};
use growctl_engine::app::{Clock, Settings, load_settings};
use growctl_engine::files::Report;
use growctl_engine::model::{Name, Note, Parcel, Severity, Verdict};
use growctl_engine::senders::{Outlet, SenderContext, Transcript};
use serde_json::json;

use super::{fail, line, say, show};

/// Arguments of `notify`.
#[derive(Debug, Args)]
pub(crate) struct Notify {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Send a receiver a test message, and show the conversation.
    Test(Test),
}

/// Arguments of `notify test`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  growctl notify test head-grower\n  growctl notify test head-grower --by sms\n\n\
    It goes out at once and once, whether an engine runs or not, and knows neither quiet hours nor the outbox. \
    What was said to the other side begins with `>`, its answers with `<`; secrets are not shown.\n\n\
    Exit codes: 0 every way took it, 1 one did not, 2 there is no such receiver, or growctl.yaml is wrong.")]
struct Test {
    /// A receiver of growctl.yaml.
    receiver: String,
    /// Only this way: sms, email, push or webhook.
    #[arg(long, value_name = "WAY")]
    by: Option<String>,
    /// The text. Default: that this is a test.
    #[arg(long)]
    text: Option<String>,
}

impl Notify {
    pub(crate) async fn run(self, folder: &Path, json: bool) -> ExitCode {
        let Command::Test(test) = self.command;
        test.run(folder, json).await
    }
}

impl Test {
    async fn run(self, folder: &Path, json: bool) -> ExitCode {
        let mut report = Report::default();
        let settings = load_settings(folder, &mut report);
        show(&report);
        let Some(settings) = settings else { return ExitCode::from(2) };
        let outlets = match self.outlets(&settings) {
            Ok(outlets) => outlets,
            Err(why) => return fail(2, &why),
        };
        let mut code = ExitCode::SUCCESS;
        for outlet in outlets {
            let (verdict, lines) = self.deliver(outlet, &settings, folder).await;
            let (done, why) = match &verdict {
                Verdict::Delivered => (true, String::new()),
                Verdict::Failed { why, .. } | Verdict::Refused(why) => (false, why.clone()),
            };
            if json {
                let error = (!done).then_some(&why);
                line(
                    &json!({ "outlet": outlet.name, "delivered": done, "error": error, "conversation": lines })
                        .to_string(),
                );
            } else {
                lines.iter().for_each(|text| say(text));
                line(&if done {
                    format!("{}: delivered", outlet.name)
                } else {
                    format!("{}: FAILED: {why}", outlet.name)
                });
            }
            if !done {
                code = ExitCode::from(1);
            }
        }
        code
    }

    fn outlets<'a>(&self, settings: &'a Settings) -> Result<Vec<&'a Outlet>, String> {
        let known: Vec<&str> = settings.receivers.iter().map(|one| &*one.name).collect();
        let Some(receiver) = settings.receivers.iter().find(|one| *one.name == *self.receiver) else {
            return Err(match &known[..] {
                [] => "growctl.yaml has no `receivers`".to_owned(),
                known => format!("there is no receiver '{}': {}", self.receiver, known.join(", ")),
            });
        };
        let by = |outlet: &&Outlet| self.by.as_ref().is_none_or(|by| *by == outlet.kind.name());
        let outlets: Vec<&Outlet> = receiver.outlets.iter().filter(by).collect();
        match &self.by {
            Some(by) if outlets.is_empty() => {
                let ways: Vec<&str> = receiver.outlets.iter().map(|outlet| outlet.kind.name()).collect();
                Err(format!("'{}' has no {by}: {}", self.receiver, ways.join(", ")))
            }
            _ => Ok(outlets),
        }
    }

    async fn deliver(&self, outlet: &Outlet, settings: &Settings, folder: &Path) -> (Verdict, Vec<String>) {
        let now = Clock::start().now().utc;
        let usual = || format!("This is a test of growctl at {}. Nothing is wrong.", settings.name);
        let note = Note {
            severity: Severity::Info,
            summary: self.text.clone().unwrap_or_else(usual),
            rule: Name::from("notify test"),
            site: settings.name.clone(),
            since: now.seconds(),
            count: 1,
            ..Note::default()
        };
        let transcript = Transcript::kept();
        let (site, zone) = (settings.name.clone(), settings.zone.clone());
        let context = SenderContext { folder: folder.to_owned(), zone, site, transcript: transcript.clone() };
        let body = serde_json::to_string(&note).unwrap_or_default();
        let key = Name::from(format!("test-{}", now.0));
        let parcels = [Parcel { id: 0, key, at: now, tries: 1, body }];
        let verdict = match outlet.kind.sender(&context) {
            Ok(mut sender) => {
                let limit = sender.limit();
                let tried = tokio::time::timeout(limit, sender.send(&parcels)).await.map(|mut verdicts| verdicts.pop());
                tried.ok().flatten().unwrap_or_else(|| no_answer(limit))
            }
            Err(why) => Verdict::Refused(why),
        };
        (verdict, transcript.lines())
    }
}

fn no_answer(limit: Duration) -> Verdict {
    Verdict::Failed { why: format!("no answer within {} s", limit.as_secs()), retry_after: None }
}
