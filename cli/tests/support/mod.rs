//! What the end-to-end tests share: a private redis-server, a copy of the shipped site, waiting for a condition.

#![allow(dead_code)] // each test binary uses its share

use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A redis-server on a free port, ended when dropped.
pub(crate) struct Redis {
    process: Child,
    pub(crate) url: String,
    _folder: tempfile::TempDir,
}

impl Redis {
    pub(crate) fn start() -> Redis {
        let port = TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a free port").port();
        let folder = tempfile::tempdir().expect("a temporary folder");
        let process = Command::new("redis-server")
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--dir"])
            .arg(folder.path())
            .stdout(Stdio::null())
            .spawn()
            .expect("redis-server is installed; scripts/test installs it");
        let redis = Redis { process, url: format!("redis://127.0.0.1:{port}"), _folder: folder };
        wait_for("redis-server", || redis.connection().is_ok());
        redis
    }

    fn connection(&self) -> redis::RedisResult<redis::Connection> {
        redis::Client::open(self.url.as_str())?.get_connection()
    }

    /// Publishes any text, which `growctl pub` would refuse.
    pub(crate) fn publish(&self, channel: &str, text: &str) {
        let mut connection = self.connection().expect("it runs");
        redis::cmd("PUBLISH").arg(channel).arg(text).exec(&mut connection).expect("it takes it");
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The built binary on a site folder.
pub(crate) fn growctl(site: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_growctl"));
    command.env_remove("GROWCTL_REDIS").env_remove("RUST_LOG").arg("-C").arg(site);
    command
}

/// The shipped channel map and rules in a folder of their own, with these settings.
pub(crate) fn copy_site(settings: &str) -> tempfile::TempDir {
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let site = tempfile::tempdir().expect("a temporary folder");
    std::fs::create_dir(site.path().join("rules")).expect("it can be made");
    std::fs::copy(shipped.join("channels.yaml"), site.path().join("channels.yaml")).expect("it is shipped");
    for rule in std::fs::read_dir(shipped.join("rules")).expect("they are shipped") {
        let rule = rule.expect("it can be listed");
        std::fs::copy(rule.path(), site.path().join("rules").join(rule.file_name())).expect("it can be copied");
    }
    std::fs::write(site.path().join("growctl.yaml"), settings).expect("it can be written");
    site
}

/// Polls a condition for 30 s at the most.
#[allow(clippy::disallowed_methods)] // a deadline of a test is real time, and between two looks it rests
pub(crate) fn wait_for(what: &str, mut done: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(30);
    while !done() {
        assert!(Instant::now() < end, "{what}: not there after 30 s");
        std::thread::sleep(Duration::from_millis(20));
    }
}
