//! What several test programs share: a private redis-server that can be stopped, frozen and started again, and waiting
//! for a condition with a deadline.
#![allow(dead_code)] // each test program uses its own part of it

use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// A redis-server on a free port, nothing saved, gone when dropped.
pub(crate) struct Server {
    process: Option<Child>,
    port: u16,
    folder: tempfile::TempDir,
}

/// A port that was free a moment ago.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port").port()
}

/// Asks until the condition holds; `what` is for the one who reads the failure.
pub(crate) async fn until(what: &str, mut condition: impl FnMut() -> bool) {
    for _ in 0..1500 {
        if condition() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("in vain for 15 s: {what}");
}

fn spawn(port: u16, folder: &Path, options: &[&str]) -> Child {
    Command::new("redis-server")
        .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir"])
        .arg(folder)
        .args(options)
        .stdout(Stdio::null())
        .spawn()
        .expect("redis-server is installed; scripts/test installs it")
}

impl Server {
    /// Starts a server and waits until it answers.
    pub(crate) async fn start(options: &[&str]) -> Server {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut server = Server { process: None, port: free_port(), folder };
        // Another test may take the port first: then the server ends at once.
        for _ in 0..5 {
            server.process = Some(spawn(server.port, server.folder.path(), options));
            if server.answers().await {
                return server;
            }
            server.kill();
            server.port = free_port();
        }
        panic!("redis-server does not answer");
    }

    async fn answers(&mut self) -> bool {
        for _ in 0..500 {
            let ended = self.process.as_mut().is_none_or(|process| process.try_wait().is_ok_and(|end| end.is_some()));
            if ended {
                return false;
            }
            // An error of the server, such as a missing password, is an answer.
            match self.client().get_multiplexed_async_connection().await {
                Err(error) if error.is_io_error() => {}
                _ => return true,
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        false
    }

    /// Starts it again on its port after [`Server::kill`].
    pub(crate) async fn restart(&mut self, options: &[&str]) {
        self.process = Some(spawn(self.port, self.folder.path(), options));
        assert!(self.answers().await, "redis-server does not come back on port {}", self.port);
    }

    /// Kills it.
    pub(crate) fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            let _ = process.kill();
            let _ = process.wait();
        }
    }

    /// Sends it a signal, as `STOP` or `CONT`.
    pub(crate) fn signal(&self, signal: &str) {
        let id = self.process.as_ref().expect("it runs").id().to_string();
        assert!(Command::new("kill").args([&format!("-{signal}"), &id]).status().expect("kill runs").success());
    }

    /// Its port.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Its URL.
    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// A client of it.
    pub(crate) fn client(&self) -> redis::Client {
        redis::Client::open(self.url()).expect("a plain URL")
    }

    /// Runs one command, given as words.
    pub(crate) async fn run<T: redis::FromRedisValue>(&self, words: &[&str]) -> T {
        let mut connection = self.client().get_multiplexed_async_connection().await.expect("the server answers");
        redis::cmd(words[0]).arg(&words[1..]).query_async(&mut connection).await.expect("the command is right")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}
