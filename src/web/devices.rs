//! What may be asked about devices: how they stand, what a person wants of one, why it is as it is, what it did.

use axum::Json;
use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::Value;
use tokio::sync::oneshot;

use crate::devices::PersonRefused;
use crate::model::{DeviceKey, Fields, Name};
use crate::store::DeviceChange;

use super::{Desk, Request, ask, problem};

/// A question about devices.
#[derive(Debug)]
pub enum DeviceAsk {
    /// Every device as it stands.
    List(oneshot::Sender<Value>),
    /// A person's word on one, in the fields of a command.
    Person {
        /// Which one.
        device: DeviceKey,
        /// `set`, `for` and `reason`, or `release`.
        fields: Fields,
        /// Where the answer goes.
        answer: oneshot::Sender<Result<Value, PersonRefused>>,
    },
    /// Why one is as it is, or that there is no such device.
    Why(DeviceKey, oneshot::Sender<Result<Value, String>>),
    /// What one did, the newest first.
    History {
        /// Which one; it may have left the map.
        device: DeviceKey,
        /// Within the last so many seconds.
        seconds: f64,
        /// At most so many changes.
        limit: usize,
        /// Where the answer goes.
        answer: oneshot::Sender<Result<Vec<DeviceChange>, String>>,
    },
}

/// The routes of devices.
pub(super) fn routes() -> Router<Desk> {
    Router::new()
        .route("/devices", get(list))
        .route("/devices/{room}/{device}", post(person))
        .route("/devices/{room}/{device}/why", get(why))
        .route("/devices/{room}/{device}/history/{seconds}/{limit}", get(history))
}

async fn list(State(desk): State<Desk>) -> Response {
    put(&desk, DeviceAsk::List).await.map_or_else(|busy| busy, |devices| Json(devices).into_response())
}

async fn person(State(desk): State<Desk>, Path(key): Path<(Name, Name)>, Json(fields): Json<Fields>) -> Response {
    let device = key_of(key);
    match put(&desk, |answer| DeviceAsk::Person { device, fields, answer }).await {
        Ok(Ok(said)) => Json(said).into_response(),
        Ok(Err(PersonRefused::Wrong(why))) => problem(StatusCode::BAD_REQUEST, &why),
        Ok(Err(PersonRefused::Stopping(why))) => problem(StatusCode::SERVICE_UNAVAILABLE, &why),
        Err(busy) => busy,
    }
}

async fn why(State(desk): State<Desk>, Path(key): Path<(Name, Name)>) -> Response {
    match put(&desk, |answer| DeviceAsk::Why(key_of(key), answer)).await {
        Ok(Ok(why)) => Json(why).into_response(),
        Ok(Err(unknown)) => problem(StatusCode::NOT_FOUND, &unknown),
        Err(busy) => busy,
    }
}

async fn history(
    State(desk): State<Desk>,
    Path((room, device, seconds, limit)): Path<(Name, Name, f64, usize)>,
) -> Response {
    let device = key_of((room, device));
    match put(&desk, |answer| DeviceAsk::History { device, seconds, limit, answer }).await {
        Ok(Ok(changes)) => Json(changes).into_response(),
        Ok(Err(why)) => problem(StatusCode::SERVICE_UNAVAILABLE, &why),
        Err(busy) => busy,
    }
}

fn key_of((room, device): (Name, Name)) -> DeviceKey {
    DeviceKey { room, device }
}

async fn put<T>(desk: &Desk, question: impl FnOnce(oneshot::Sender<T>) -> DeviceAsk) -> Result<T, Response> {
    ask(&desk.control, |answer| Request::Device(question(answer))).await
}
