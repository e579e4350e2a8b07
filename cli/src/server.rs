//! Which server `sub` and `pub` speak to: the Redis of the site, or growctl's own endpoint.

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use growctl_engine::app;
use growctl_engine::bus::bridge::client;
use growctl_engine::files::Report;
use growctl_engine::model::Secret;
use redis::{Client, RedisError, RedisResult};

use crate::commands::fail;
use crate::socket;

/// How long a server may take to answer.
pub(crate) const DEADLINE: Duration = Duration::from_secs(3);

/// The servers to try, in order: the one that is given; else the site's own Redis; else what the running engine says that
/// it serves, the endpoint of the settings, then a Redis on this machine.
///
/// # Errors
/// A URL that can never work; it has been said.
pub(crate) async fn servers(given: Option<&str>, dir: &Path) -> Result<Vec<Client>, ExitCode> {
    if let Some(url) = given {
        return Ok(vec![open(url).map_err(|why| fail(2, &format!("--redis: {why}")))?]);
    }
    // Broken settings are `check`'s to tell; here the default places are tried.
    let settings = app::load_settings(dir, &mut Report::default()).unwrap_or_default();
    if let Some(redis) = &settings.redis {
        return client(&redis.url, redis.password.as_ref())
            .map(|client| vec![client])
            .map_err(|why| fail(2, &format!("redis.url: {why}")));
    }
    // Only the engine knows a port that it was given by the system; and it may have been started with --redis.
    let status = socket::get(dir, "/status").await.unwrap_or_default();
    let running = status["redis"]["serves"].as_str().map(str::to_owned);
    let endpoint = settings.embedded.filter(|address| address.port() != 0).map(|address| format!("redis://{address}"));
    let mut urls: Vec<String> = running.into_iter().chain(endpoint).collect();
    urls.push("redis://127.0.0.1:6379".to_owned());
    urls.dedup();
    urls.iter().map(|url| open(url)).collect::<Result<_, _>>().map_err(|why| fail(2, &why))
}

fn open(url: &str) -> Result<Client, String> {
    client(&Secret::new(url.to_owned()), None)
}

/// Address of a server: all of its URL that may be shown.
pub(crate) fn address(client: &Client) -> String {
    client.get_connection_info().addr().to_string()
}

/// Opens the first server that answers, and says which one it was.
///
/// # Errors
/// Why none does; it has been said.
pub(crate) async fn first<T>(
    clients: Vec<Client>,
    open: impl AsyncFn(&Client) -> RedisResult<T>,
) -> Result<(Client, T), ExitCode> {
    let mut reasons = Vec::new();
    for client in clients {
        match in_time(open(&client)).await {
            Ok(opened) => return Ok((client, opened)),
            Err(reason) => reasons.push(format!("{}: {reason}", address(&client))),
        }
    }
    let advice = "is `growctl run` or the Redis server running? --redis names another";
    Err(fail(1, &format!("no answer from {}; {advice}", reasons.join(", nor from "))))
}

/// The answer, or why there is none.
pub(crate) async fn in_time<T>(answer: impl Future<Output = RedisResult<T>>) -> Result<T, String> {
    match tokio::time::timeout(DEADLINE, answer).await {
        Ok(answer) => answer.map_err(|error: RedisError| error.to_string()),
        Err(_) => Err(format!("silent for {} s", DEADLINE.as_secs())),
    }
}
