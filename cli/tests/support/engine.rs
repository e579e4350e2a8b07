//! A running engine, as the end-to-end tests hold it: it ends with the test, however that ends.

#![allow(dead_code)] // each test uses its share

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use super::support::{growctl, wait_for};

/// `growctl run` on a site.
pub(crate) struct Engine {
    process: Child,
    pub(crate) site: tempfile::TempDir,
}

impl Engine {
    /// Starts the engine and waits until it answers on its control socket.
    pub(crate) fn start(site: tempfile::TempDir, redis: Option<&str>) -> Engine {
        let mut command = growctl(site.path());
        command.args(redis.map(|url| ["--redis", url]).into_iter().flatten());
        let process = command.arg("run").stderr(Stdio::piped()).spawn().expect("growctl starts");
        let engine = Engine { process, site };
        wait_for("the control socket", || engine.ask(&["status"]).status.success());
        engine
    }

    /// Runs the CLI on its site.
    pub(crate) fn ask(&self, args: &[&str]) -> Output {
        let mut asked = growctl(self.site.path());
        let asked = asked.args(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("growctl starts");
        let mut asked = Stopped(asked);
        let (out, err) = (asked.0.stdout.take().expect("piped"), asked.0.stderr.take().expect("piped"));
        let read = |mut from: Box<dyn Read + Send>| {
            std::thread::spawn(move || {
                let mut bytes = Vec::new();
                from.read_to_end(&mut bytes).map(|_| bytes).unwrap_or_default()
            })
        };
        let (stdout, stderr) = (read(Box::new(out)), read(Box::new(err)));
        wait_for(&format!("an answer to {args:?}"), || asked.0.try_wait().is_ok_and(|ended| ended.is_some()));
        let status = asked.0.wait().expect("it has ended");
        Output { status, stdout: stdout.join().expect("it reads"), stderr: stderr.join().expect("it reads") }
    }

    /// `growctl status`.
    pub(crate) fn status(&self) -> serde_json::Value {
        serde_json::from_slice(&self.ask(&["--format", "json", "status"]).stdout).expect("JSON")
    }

    /// Ends it as `kill -9` does; its site stays.
    pub(crate) fn kill(self) -> tempfile::TempDir {
        self.kill_and_read().0
    }

    /// Ends it as `kill -9` does; its site stays, and what it said.
    pub(crate) fn kill_and_read(mut self) -> (tempfile::TempDir, String) {
        self.process.kill().expect("it runs");
        self.process.wait().expect("it ends");
        let mut said = String::new();
        self.process.stderr.take().expect("it was piped").read_to_string(&mut said).expect("text");
        (std::mem::replace(&mut self.site, tempfile::tempdir().expect("a temporary folder")), said)
    }

    /// Ends it as a service manager does; its exit code and what it said.
    pub(crate) fn stop(mut self) -> (Option<i32>, String) {
        let pid = self.process.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().expect("kill is there").success());
        let said = BufReader::new(self.process.stderr.take().expect("it was piped"));
        let said: Vec<String> = said.lines().map_while(Result::ok).collect();
        (self.process.wait().expect("it ends").code(), said.join("\n"))
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A process that ends with the test, however that ends.
struct Stopped(Child);

impl Drop for Stopped {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Lines of `growctl sub`, as channel and message.
pub(crate) fn hear(site: &Path, redis: Option<&str>, count: u32, pattern: &str) -> Vec<(String, serde_json::Value)> {
    let mut command = growctl(site);
    command.args(redis.map(|url| ["--redis", url]).into_iter().flatten());
    let sub = command.args(["--format", "json", "sub", "--count", &count.to_string(), pattern]);
    let mut sub = Stopped(sub.stdout(Stdio::piped()).spawn().expect("growctl starts"));
    wait_for(&format!("{count} messages on {pattern}"), || sub.0.try_wait().is_ok_and(|ended| ended.is_some()));
    let mut text = String::new();
    sub.0.stdout.take().expect("it was piped").read_to_string(&mut text).expect("text");
    let lines = text.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).expect("JSON"));
    lines.map(|line| (line["channel"].as_str().unwrap_or_default().to_owned(), line["message"].clone())).collect()
}
