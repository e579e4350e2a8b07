//! What may be asked about the outbox, and what a person wants of it. It goes straight to the store: control has no part in it.

use axum::Json;
use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::sync::oneshot;

use crate::model::Name;
use crate::store::{OutboxAsk, Question, RowState, Which};

use super::{Desk, problem};

/// The routes of the outbox.
pub(super) fn routes() -> Router<Desk> {
    Router::new()
        .route("/outbox", get(stats))
        .route("/outbox/list", post(list))
        .route("/outbox/rows/{id}", get(show))
        .route("/outbox/retry", post(retry))
        .route("/outbox/drop", post(remove))
}

/// `{"to": "influx", "state": "dead", "limit": 50}`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ListBody {
    to: Option<Name>,
    state: Option<RowState>,
    limit: usize,
}

/// `{"ids": [4, 5]}`, `{"to": "influx"}` or `{"dead": true}`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WhichBody {
    ids: Option<Vec<i64>>,
    to: Option<Name>,
    #[serde(default)]
    dead: bool,
    /// Of `drop` only.
    #[serde(default)]
    force: bool,
}

impl WhichBody {
    fn which(self) -> Option<Which> {
        match (self.ids, self.to, self.dead) {
            (Some(ids), None, false) => Some(Which::Ids(ids)),
            (None, Some(to), false) => Some(Which::Outlet(to)),
            (None, None, true) => Some(Which::Dead),
            _ => None,
        }
    }
}

async fn stats(State(desk): State<Desk>) -> Response {
    shown(ask(&desk, OutboxAsk::Stats).await, |outlets| json!({ "outlets": outlets }))
}

async fn list(State(desk): State<Desk>, Json(body): Json<ListBody>) -> Response {
    let ListBody { to, state, limit } = body;
    shown(ask(&desk, |answer| OutboxAsk::List { to, state, limit, answer }).await, |rows| json!({ "rows": rows }))
}

async fn show(State(desk): State<Desk>, Path(id): Path<i64>) -> Response {
    match ask(&desk, |answer| OutboxAsk::Show(id, answer)).await {
        Ok(Ok(None)) => {
            problem(StatusCode::NOT_FOUND, &format!("the outbox has no row {id}: it has arrived, or was dropped"))
        }
        answer => shown(answer, |row| json!(row)),
    }
}

async fn retry(State(desk): State<Desk>, Json(body): Json<WhichBody>) -> Response {
    let Some(which) = body.which() else { return unclear() };
    shown(ask(&desk, |answer| OutboxAsk::Retry(which, answer)).await, |count| json!({ "again": count }))
}

async fn remove(State(desk): State<Desk>, Json(body): Json<WhichBody>) -> Response {
    let force = body.force;
    let Some(which) = body.which() else { return unclear() };
    shown(ask(&desk, |answer| OutboxAsk::Drop { which, force, answer }).await, |removed| json!(removed))
}

fn unclear() -> Response {
    problem(StatusCode::BAD_REQUEST, "say which: one of `ids`, `to` or `dead`")
}

type Answer<T> = Result<Result<T, String>, Response>;

async fn ask<T>(desk: &Desk, question: impl FnOnce(oneshot::Sender<Result<T, String>>) -> OutboxAsk) -> Answer<T> {
    let (answer, wait) = oneshot::channel();
    if desk.store.ask(Question::Outbox(question(answer))).is_err() {
        return Err(problem(StatusCode::SERVICE_UNAVAILABLE, "the store takes no question now; try again"));
    }
    wait.await.map_err(|_| problem(StatusCode::SERVICE_UNAVAILABLE, "the engine is stopping"))
}

fn shown<T: Serialize>(answer: Answer<T>, as_json: impl FnOnce(T) -> serde_json::Value) -> Response {
    match answer {
        Ok(Ok(found)) => Json(as_json(found)).into_response(),
        Ok(Err(why)) => problem(StatusCode::SERVICE_UNAVAILABLE, &why),
        Err(busy) => busy,
    }
}
