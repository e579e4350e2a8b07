//! One axum router. Here it answers the CLI on a Unix socket in the state folder, which only the site's own user may
//! open; the browser's side comes to the same router. It decides nothing: every question goes to the control thread. Rank 6.

use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path as UrlPath, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::{Value, json};
use tokio::net::UnixListener;
use tokio::sync::oneshot;

use crate::model::{Push, Queue};

/// A question for the control thread, and where its answer goes.
#[derive(Debug)]
pub enum Request {
    /// Everything that `growctl status` shows.
    Status(oneshot::Sender<Value>),
    /// A person resets a rule's latches; answered with whether there is such a rule.
    Reset(String, oneshot::Sender<bool>),
}

type Requests = Arc<Queue<Request>>;

/// The routes; `requests` is the control thread's queue.
pub fn router(requests: Requests) -> axum::Router {
    axum::Router::new().route("/status", get(status)).route("/rules/{name}/reset", post(reset)).with_state(requests)
}

/// Serves on a Unix socket of mode 0600 until `stop` is done. A socket that a crash left behind is replaced: the site's
/// lock says that nobody else answers on it.
///
/// # Errors
/// The socket cannot be made, as when its path is over the system's limit of about 100 bytes.
pub async fn serve(path: &Path, requests: Requests, stop: impl Future<Output = ()> + Send + 'static) -> io::Result<()> {
    let _ = std::fs::remove_file(path);
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    let served = axum::serve(listener, router(requests)).with_graceful_shutdown(stop).await;
    let _ = std::fs::remove_file(path);
    served
}

async fn status(State(requests): State<Requests>) -> Response {
    ask(&requests, Request::Status).await.map_or_else(|busy| busy, |status| Json(status).into_response())
}

async fn reset(State(requests): State<Requests>, UrlPath(name): UrlPath<String>) -> Response {
    let known = ask(&requests, |answer| Request::Reset(name.clone(), answer)).await;
    match known {
        Ok(true) => Json(json!({ "reset": name })).into_response(),
        Ok(false) => problem(StatusCode::NOT_FOUND, &format!("there is no rule '{name}'")),
        Err(busy) => busy,
    }
}

/// Puts a question and waits for its answer.
async fn ask<T>(requests: &Requests, question: impl FnOnce(oneshot::Sender<T>) -> Request) -> Result<T, Response> {
    let (answer, wait) = oneshot::channel();
    if let Push::Refused(_) | Push::Dropped(_) = requests.push(question(answer)) {
        return Err(problem(StatusCode::SERVICE_UNAVAILABLE, "the engine is busy; try again"));
    }
    wait.await.map_err(|_| problem(StatusCode::SERVICE_UNAVAILABLE, "the engine is stopping"))
}

fn problem(code: StatusCode, message: &str) -> Response {
    (code, Json(json!({ "error": message }))).into_response()
}
