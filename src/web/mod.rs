//! One axum router. Here it answers the CLI on a Unix socket in the state folder, which only the site's own user may
//! open; the browser's side comes to the same router. It decides nothing: every question goes
//! to the control thread, to who watches the files, to the store, or to the simulated plant. Rank 6.

mod alerts;
mod devices;
mod outbox;

use std::collections::BTreeMap;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path as UrlPath, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::net::UnixListener;
use tokio::sync::oneshot;

use crate::bus::Pattern;
use crate::model::{Name, Push, Queue};
use crate::simulator::FaultKind;
use crate::store::Store;

pub use alerts::AlertAsk;
pub use devices::DeviceAsk;

/// A question for the control thread, and where its answer goes.
#[derive(Debug)]
pub enum Request {
    /// Everything that `growctl status` shows.
    Status(oneshot::Sender<Value>),
    /// The last good values of every channel that matches.
    Last(Pattern, oneshot::Sender<Value>),
    /// Why a rule, or one of its instances, acts or does not; answered with `None` if there is no such rule.
    Why {
        /// The rule.
        rule: String,
        /// The only instance that is of interest.
        instance: Option<String>,
        /// Where the answer goes.
        answer: oneshot::Sender<Option<Value>>,
    },
    /// About devices.
    Device(DeviceAsk),
    /// About alerts.
    Alert(AlertAsk),
    /// A person resets a rule's latches; answered with whether there is such a rule.
    Reset(String, oneshot::Sender<bool>),
}

/// A wish for the simulated plant; answered with all that is made to fail afterwards: names and kinds.
#[derive(Debug)]
pub struct PlantRequest {
    /// Node or `room/device`, and how it is to fail (`None`: no more); without one it is only asked.
    pub fault: Option<(String, Option<FaultKind>)>,
    /// Where the answer goes.
    pub answer: oneshot::Sender<Result<Vec<(Name, String)>, String>>,
}

/// Somebody wants the files to be looked at now; answered with what that came to.
#[derive(Debug)]
pub struct ReloadRequest(pub oneshot::Sender<Value>);

/// The queues that lead to whoever can answer.
#[derive(Clone, Debug)]
pub struct Desk {
    /// The control thread's.
    pub control: Arc<Queue<Request>>,
    /// Of who watches the files.
    pub files: Arc<Queue<ReloadRequest>>,
    /// What outlives this run, and the outbox.
    pub store: Store,
    /// The plant's; closed where nothing is simulated.
    pub plant: Arc<Queue<PlantRequest>>,
}

/// The routes.
pub fn router(desk: Desk) -> axum::Router {
    axum::Router::new()
        .route("/status", get(status))
        .route("/last/{pattern}", get(last))
        .route("/rules/{name}/reset", post(reset))
        .route("/rules/{name}/why", get(why))
        .route("/rules/{name}/why/{instance}", get(why_instance))
        .route("/reload", post(reload))
        .route("/sim/faults", get(faults).post(fault))
        .merge(devices::routes())
        .merge(alerts::routes())
        .merge(outbox::routes())
        .with_state(desk)
}

/// Serves on a Unix socket of mode 0600 until the task is dropped. A socket that a crash left behind is replaced: the site's
/// lock says that nobody else answers on it.
///
/// # Errors
/// The socket cannot be made, as when its path is over the system's limit of about 100 bytes.
pub async fn serve(path: &Path, desk: Desk) -> io::Result<()> {
    let _ = std::fs::remove_file(path);
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    axum::serve(listener, router(desk)).await
}

async fn status(State(desk): State<Desk>) -> Response {
    ask(&desk.control, Request::Status).await.map_or_else(|busy| busy, |status| Json(status).into_response())
}

async fn reload(State(desk): State<Desk>) -> Response {
    ask(&desk.files, ReloadRequest).await.map_or_else(|busy| busy, |answer| Json(answer).into_response())
}

async fn last(State(desk): State<Desk>, UrlPath(pattern): UrlPath<String>) -> Response {
    match Pattern::parse(&pattern) {
        Ok(pattern) => ask(&desk.control, |answer| Request::Last(pattern, answer))
            .await
            .map_or_else(|busy| busy, |values| Json(values).into_response()),
        Err(why) => problem(StatusCode::BAD_REQUEST, &why),
    }
}

async fn reset(State(desk): State<Desk>, UrlPath(name): UrlPath<String>) -> Response {
    let known = ask(&desk.control, |answer| Request::Reset(name.clone(), answer)).await;
    match known {
        Ok(true) => Json(json!({ "reset": name })).into_response(),
        Ok(false) => problem(StatusCode::NOT_FOUND, &format!("there is no rule '{name}'")),
        Err(busy) => busy,
    }
}

async fn why(State(desk): State<Desk>, UrlPath(rule): UrlPath<String>) -> Response {
    answer_why(&desk, rule, None).await
}

async fn why_instance(State(desk): State<Desk>, UrlPath((rule, instance)): UrlPath<(String, String)>) -> Response {
    answer_why(&desk, rule, Some(instance)).await
}

async fn answer_why(desk: &Desk, rule: String, instance: Option<String>) -> Response {
    let unknown = format!("the running engine has no rule '{rule}'");
    match ask(&desk.control, |answer| Request::Why { rule, instance, answer }).await {
        Ok(Some(why)) => Json(why).into_response(),
        Ok(None) => problem(StatusCode::NOT_FOUND, &unknown),
        Err(busy) => busy,
    }
}

async fn faults(State(desk): State<Desk>) -> Response {
    plant(&desk, None).await
}

/// `{"target": "FR-C1", "kind": "silent"}`; `null` heals.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FaultBody {
    target: String,
    kind: Option<String>,
}

async fn fault(State(desk): State<Desk>, Json(body): Json<FaultBody>) -> Response {
    match body.kind.map(|kind| kind.parse()).transpose() {
        Ok(kind) => plant(&desk, Some((body.target, kind))).await,
        Err(why) => problem(StatusCode::BAD_REQUEST, &why),
    }
}

async fn plant(desk: &Desk, fault: Option<(String, Option<FaultKind>)>) -> Response {
    if desk.plant.is_closed() {
        return problem(StatusCode::NOT_FOUND, "no bus of this site is simulated");
    }
    match ask(&desk.plant, |answer| PlantRequest { fault, answer }).await {
        Ok(Ok(faults)) => Json(faults.into_iter().collect::<BTreeMap<_, _>>()).into_response(),
        Ok(Err(why)) => problem(StatusCode::NOT_FOUND, &why),
        Err(busy) => busy,
    }
}

/// Puts a question and waits for its answer.
async fn ask<Q, T>(requests: &Queue<Q>, question: impl FnOnce(oneshot::Sender<T>) -> Q) -> Result<T, Response> {
    let (answer, wait) = oneshot::channel();
    if let Push::Refused(_) | Push::Dropped(_) = requests.push(question(answer)) {
        return Err(problem(StatusCode::SERVICE_UNAVAILABLE, "the engine is busy; try again"));
    }
    wait.await.map_err(|_| problem(StatusCode::SERVICE_UNAVAILABLE, "the engine is stopping"))
}

fn problem(code: StatusCode, message: &str) -> Response {
    (code, Json(json!({ "error": message }))).into_response()
}
