//! Which server `sub` and `pub` speak to: the Redis of the site, or growctl's own endpoint.

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use growctl_engine::bus::bridge::check_url;
use redis::{Client, RedisError, RedisResult};

use crate::commands::fail;

/// How long a server may take to answer.
pub(crate) const DEADLINE: Duration = Duration::from_secs(3);

/// Where to look when neither `--redis` nor `GROWCTL_REDIS` names a server, in this order: the site's own Redis, the
/// endpoint of a running engine, a Redis on this machine.
fn default_urls(_dir: &Path) -> Vec<String> {
    ["redis://127.0.0.1:6380", "redis://127.0.0.1:6379"].map(str::to_owned).to_vec()
}

/// The servers to try, in order.
///
/// # Errors
/// A URL that can never work; it has been said.
pub(crate) fn servers(given: Option<&str>, dir: &Path) -> Result<Vec<Client>, ExitCode> {
    let urls = given.map_or_else(|| default_urls(dir), |url| vec![url.to_owned()]);
    let open = |url: &String| {
        check_url(url)?;
        Client::open(url.as_str()).map_err(|error| error.to_string())
    };
    urls.iter().map(open).collect::<Result<_, String>>().map_err(|reason| fail(2, &format!("--redis: {reason}")))
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
