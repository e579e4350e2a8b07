//! The CLI's end of the control socket: one HTTP request over `.growctl/control.sock` of the site.

use std::path::Path;

use growctl_engine::app;
use growctl_engine::files::Report;
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::UnixStream;

pub(crate) async fn get(folder: &Path, path: &str) -> Result<Value, String> {
    request(folder, Method::GET, path, Value::Null).await.and_then(fine)
}

/// As `get`; `None` if the engine knows nothing of that name.
pub(crate) async fn look_up(folder: &Path, path: &str) -> Result<Option<Value>, String> {
    match request(folder, Method::GET, path, Value::Null).await? {
        (StatusCode::NOT_FOUND, _) => Ok(None),
        answer => fine(answer).map(Some),
    }
}

pub(crate) async fn post(folder: &Path, path: &str, body: Value) -> Result<Value, String> {
    request(folder, Method::POST, path, body).await.and_then(fine)
}

/// As `get` and, with a body, `post`: what went wrong comes with the exit code that it means.
pub(crate) async fn ask(folder: &Path, path: &str, body: Option<Value>) -> Result<Value, (u8, String)> {
    let method = if body.is_some() { Method::POST } else { Method::GET };
    let (status, answer) = request(folder, method, path, body.unwrap_or_default()).await.map_err(|error| (1, error))?;
    let code = if matches!(status, StatusCode::BAD_REQUEST | StatusCode::NOT_FOUND) { 2 } else { 1 };
    fine((status, answer)).map_err(|error| (code, error))
}

/// A text as one segment of a path.
pub(crate) fn escaped(text: &str) -> String {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.:".contains(byte);
    let one = |byte: u8| if plain(&byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    text.bytes().map(one).collect()
}

fn fine((status, value): (StatusCode, Value)) -> Result<Value, String> {
    if status.is_success() {
        Ok(value)
    } else {
        Err(value["error"].as_str().unwrap_or("the engine refused").to_owned())
    }
}

async fn request(folder: &Path, method: Method, path: &str, body: Value) -> Result<(StatusCode, Value), String> {
    let socket = socket_path(folder);
    let stream = UnixStream::connect(&socket).await.map_err(|error| {
        format!("no engine runs on this site ({}: {error}); start one with `growctl run`", socket.display())
    })?;
    let broken = |error: hyper::Error| format!("the engine does not answer: {error}");
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(broken)?;
    tokio::spawn(connection);
    let request = Request::builder().method(method).uri(path).header("host", "growctl");
    let request = request.header("content-type", "application/json").body(Full::new(Bytes::from(body.to_string())));
    let response = sender.send_request(request.map_err(|error| error.to_string())?).await.map_err(broken)?;
    let status = response.status();
    let body = response.into_body().collect().await.map_err(broken)?.to_bytes();
    let value = serde_json::from_slice(&body).map_err(|error| format!("the engine's answer is no JSON: {error}"))?;
    Ok((status, value))
}

fn socket_path(folder: &Path) -> std::path::PathBuf {
    // Broken settings are `check`'s to tell; here the default place is tried.
    let settings = app::load_settings(folder, &mut Report::default()).unwrap_or_default();
    app::socket_path(folder, &settings)
}
