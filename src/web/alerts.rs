//! What may be asked about alerts: how they stand, what became of them; and what people do: acknowledge and silence.

use std::collections::BTreeMap;

use axum::Json;
use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::oneshot;

use crate::alerts::{Matchers, SilenceWish};
use crate::model::{Name, parse_duration};
use crate::store::AlertRow;

use super::{Desk, Request, ask, problem};

/// A question about alerts.
#[derive(Debug)]
pub enum AlertAsk {
    /// Everything of the book.
    List(oneshot::Sender<Value>),
    /// Somebody acknowledges.
    Ack {
        /// Codes, a rule, `rule/instance`, or `all`.
        which: String,
        /// Who.
        by: String,
        /// Which alerts those are, or why there are none.
        answer: oneshot::Sender<Result<Value, String>>,
    },
    /// Somebody wants to hear nothing of some alerts for a while.
    Silence {
        /// What, how long, who and why.
        wish: SilenceWish,
        /// The silence, as it stands.
        answer: oneshot::Sender<Value>,
    },
    /// A silence ends; answered with whether there is one of that id.
    Unsilence(String, oneshot::Sender<bool>),
    /// What became of alerts, the newest first.
    History {
        /// Of this rule only.
        rule: Option<String>,
        /// Within the last so many seconds.
        seconds: f64,
        /// At most so many rows.
        limit: usize,
        /// Where the answer goes.
        answer: oneshot::Sender<Result<Vec<AlertRow>, String>>,
    },
}

/// The routes of alerts.
pub(super) fn routes() -> Router<Desk> {
    Router::new()
        .route("/alerts", get(list))
        .route("/alerts/ack", post(ack))
        .route("/alerts/silences", post(silence))
        .route("/alerts/silences/{id}/end", post(unsilence))
        .route("/alerts/history/{seconds}/{limit}", get(history))
        .route("/alerts/history/{seconds}/{limit}/{rule}", get(history_of))
}

async fn list(State(desk): State<Desk>) -> Response {
    put(&desk, AlertAsk::List).await.map_or_else(|busy| busy, |alerts| Json(alerts).into_response())
}

/// `{"which": "K3F", "by": "anna"}`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AckBody {
    which: String,
    by: String,
}

async fn ack(State(desk): State<Desk>, Json(AckBody { which, by }): Json<AckBody>) -> Response {
    match put(&desk, |answer| AlertAsk::Ack { which, by, answer }).await {
        Ok(Ok(meant)) => Json(meant).into_response(),
        Ok(Err(unknown)) => problem(StatusCode::NOT_FOUND, &unknown),
        Err(busy) => busy,
    }
}

/// `{"matchers": {"rule": "heat*"}, "for": "2h", "by": "anna", "reason": "cleaning"}`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SilenceBody {
    matchers: BTreeMap<String, String>,
    #[serde(rename = "for")]
    span: String,
    by: Name,
    #[serde(default)]
    reason: Name,
}

async fn silence(State(desk): State<Desk>, Json(body): Json<SilenceBody>) -> Response {
    let SilenceBody { matchers, span, by, reason } = body;
    let span = match parse_duration(&span) {
        Ok(span) if !span.is_zero() && !matchers.is_empty() => span,
        Ok(_) => return problem(StatusCode::BAD_REQUEST, "a silence is of something, and lasts for some time"),
        Err(why) => return problem(StatusCode::BAD_REQUEST, &why),
    };
    let wish = SilenceWish { matchers: Matchers(matchers), span, by, reason };
    let said = put(&desk, |answer| AlertAsk::Silence { wish, answer }).await;
    said.map_or_else(|busy| busy, |silence| Json(silence).into_response())
}

async fn unsilence(State(desk): State<Desk>, Path(id): Path<String>) -> Response {
    match put(&desk, |answer| AlertAsk::Unsilence(id.clone(), answer)).await {
        Ok(true) => Json(json!({ "ended": id })).into_response(),
        Ok(false) => problem(StatusCode::NOT_FOUND, &format!("there is no silence '{id}'")),
        Err(busy) => busy,
    }
}

async fn history(State(desk): State<Desk>, Path((seconds, limit)): Path<(f64, usize)>) -> Response {
    answer_history(&desk, None, seconds, limit).await
}

async fn history_of(State(desk): State<Desk>, Path((seconds, limit, rule)): Path<(f64, usize, String)>) -> Response {
    answer_history(&desk, Some(rule), seconds, limit).await
}

async fn answer_history(desk: &Desk, rule: Option<String>, seconds: f64, limit: usize) -> Response {
    match put(desk, |answer| AlertAsk::History { rule, seconds, limit, answer }).await {
        Ok(Ok(rows)) => Json(rows).into_response(),
        Ok(Err(why)) => problem(StatusCode::SERVICE_UNAVAILABLE, &why),
        Err(busy) => busy,
    }
}

async fn put<T>(desk: &Desk, question: impl FnOnce(oneshot::Sender<T>) -> AlertAsk) -> Result<T, Response> {
    ask(&desk.control, |answer| Request::Alert(question(answer))).await
}
