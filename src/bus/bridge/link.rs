//! One connection to the Redis server: how it is opened, named and watched, and how its faults are put in words that
//! never hold the password.

use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::io::tcp::TcpSettings;
use redis::{
    AsyncConnectionConfig, Client, ConnectionAddr, ConnectionInfo, IntoConnectionInfo, ProtocolVersion, RedisError,
    RedisResult, Value,
};

use super::{BridgeConfig, Part, Shared};
use crate::model::{Mono, Secret};

/// How long a connection may take, setup included: a stopped server still accepts TCP.
pub(super) const CONNECT: Duration = Duration::from_secs(3);
/// How often each connection is asked for a sign of life.
const PING_EVERY: Duration = Duration::from_secs(1);
/// How long the sign of life may take.
const PING_DEADLINE: Duration = Duration::from_secs(2);
/// The role is asked at connect and at every so many pings; of a replica at every ping.
const ROLE_EVERY: u32 = 10;

/// Waiting times between attempts: 100 ms, doubled up to 2 s.
#[derive(Debug)]
pub(super) struct Backoff(Duration);

impl Backoff {
    pub(super) fn new() -> Backoff {
        Backoff(Duration::from_millis(100))
    }

    pub(super) fn next(&mut self) -> Duration {
        let wait = self.0;
        self.0 = (self.0 * 2).min(Duration::from_secs(2));
        wait
    }
}

/// Why a session ended, and when it surely still worked.
pub(super) struct Lost {
    pub(super) reason: String,
    pub(super) alive: Mono,
}

/// Where to connect.
pub(super) struct Target {
    client: Client,
    /// `host:port`, which is all of the URL that may be shown.
    pub(super) shown: String,
    name: String,
}

/// Checks a URL of `redis.url` or `--redis`.
///
/// # Errors
/// What is wrong with it, without its password.
pub fn check_url(url: &str) -> Result<(), String> {
    info(url).map(|_| ())
}

/// A client of a server, for whoever speaks to it beside the bridge.
///
/// # Errors
/// What is wrong with the URL, without its password.
pub fn client(url: &Secret, password: Option<&Secret>) -> Result<Client, String> {
    open(info(url.expose())?, password)
}

fn open(info: ConnectionInfo, password: Option<&Secret>) -> Result<Client, String> {
    let mut redis = info.redis_settings().clone();
    if let Some(password) = password {
        redis = redis.set_password(password.expose());
    }
    Client::open(info.set_redis_settings(redis)).map_err(|error| format!("the Redis URL cannot be used: {error}"))
}

fn info(url: &str) -> Result<ConnectionInfo, String> {
    let info = url.into_connection_info().map_err(|error| {
        format!("the Redis URL cannot be read ({error}); expected redis://HOST:PORT or redis://USER:PASSWORD@HOST:PORT")
    })?;
    match info.addr() {
        ConnectionAddr::TcpTls { insecure: true, .. } => {
            Err("rediss://…#insecure believes every server; let the system trust the server's authority instead"
                .to_owned())
        }
        ConnectionAddr::TcpTls { .. } => {
            // rustls panics where the process has no cryptography; the first one stays.
            let _ = rustls::crypto::ring::default_provider().install_default();
            Ok(info)
        }
        _ => Ok(info),
    }
}

impl Target {
    pub(super) fn new(config: &BridgeConfig) -> Result<Target, String> {
        let info = info(config.url.expose())?;
        let shown = info.addr().to_string();
        let tcp = TcpSettings::default().set_nodelay(true);
        let redis = info.redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
        let client = open(info.set_tcp_settings(tcp).set_redis_settings(redis), config.password.as_ref())?;
        let name = config.name.replace(|c: char| !c.is_ascii_graphic(), "-");
        Ok(Target { client, shown, name })
    }

    /// Opens a connection; `config` may carry the closure for pushes.
    pub(super) async fn connect(&self, config: AsyncConnectionConfig) -> Result<MultiplexedConnection, String> {
        // No limit for single answers: the pings queue behind them and have one.
        let config = config.set_connection_timeout(Some(CONNECT)).set_response_timeout(None);
        let open = self.client.get_multiplexed_async_connection_with_config(&config);
        let mut connection = match tokio::time::timeout(CONNECT, open).await {
            Ok(opened) => opened.map_err(|error| self.explain(&error))?,
            Err(_) => return Err(format!("{} gives no answer within {CONNECT:?}; is the server stopped?", self.shown)),
        };
        // Only for `CLIENT LIST`: a server that refuses it is as good.
        let name = redis::cmd("CLIENT").arg("SETNAME").arg(&self.name).to_owned();
        let named = tokio::time::timeout(PING_DEADLINE, name.query_async::<()>(&mut connection)).await;
        if let Ok(Err(error)) = named {
            tracing::debug!(%error, "the server does not take our name");
        }
        Ok(connection)
    }

    /// A fault in words: what, where, what to do.
    pub(super) fn explain(&self, error: &RedisError) -> String {
        let text = error.to_string();
        let code = |code: &str| error.code() == Some(code) || text.contains(code);
        let advice = if code("WRONGPASS") || code("NOAUTH") || error.kind() == redis::ErrorKind::AuthenticationFailed {
            "; set redis.password to the server's"
        } else if code("NOPERM") {
            "; give the user these commands and channels"
        } else if error.kind() == redis::ErrorKind::RESP3NotSupported {
            "; Redis 6 or newer is needed"
        } else if error.is_connection_refusal() {
            "; is the server running?"
        } else {
            ""
        };
        format!("{}: {text}{advice}", self.shown)
    }

    /// Asks for signs of life until one does not come; on the publisher's connection also for the role. `progress`
    /// counts what else the connection does: on a slow line the answer waits behind it, and that it grows is life enough.
    pub(super) async fn watch(
        &self,
        mut connection: MultiplexedConnection,
        shared: &Shared,
        role: bool,
        progress: impl Fn() -> u64,
    ) -> Lost {
        let mut alive = shared.now();
        let (mut beat, mut replica) = (0, false);
        loop {
            let ping = async {
                if role && (replica || beat % ROLE_EVERY == 0) {
                    replica = self.check_role(&mut connection, shared).await.unwrap_or(replica);
                }
                redis::cmd("PING").query_async::<()>(&mut connection).await
            };
            if let Err(lost) = self.answer(ping, shared, &mut alive, &progress).await {
                return lost;
            }
            beat += 1;
            tokio::time::sleep(PING_EVERY).await;
        }
    }

    /// Waits for one answer, for as long as the connection does anything.
    async fn answer(
        &self,
        ping: impl Future<Output = RedisResult<()>>,
        shared: &Shared,
        alive: &mut Mono,
        progress: impl Fn() -> u64,
    ) -> Result<(), Lost> {
        tokio::pin!(ping);
        loop {
            let before = progress();
            let reason = match tokio::time::timeout(PING_DEADLINE, &mut ping).await {
                Ok(Ok(())) => {
                    *alive = shared.now();
                    return Ok(());
                }
                Err(_) if progress() > before => {
                    *alive = shared.now();
                    continue;
                }
                Ok(Err(error)) => self.explain(&error),
                Err(_) => format!("{} gives no answer to PING within {PING_DEADLINE:?}", self.shown),
            };
            return Err(Lost { reason, alive: *alive });
        }
    }

    /// Tells the role, and whether it is the wrong one; `None` if the connection broke.
    async fn check_role(&self, connection: &mut MultiplexedConnection, shared: &Shared) -> Option<bool> {
        let replica = is_replica(connection).await?;
        if replica {
            let reason = format!(
                "{} is a replica: what is published there reaches its own subscribers only; set redis.url to the primary",
                self.shown
            );
            shared.failed(Part::Role, Lost { reason, alive: shared.now() });
        } else {
            shared.works(Part::Role);
        }
        Some(replica)
    }
}

/// Whether the server says that it is a replica; `None` if the connection broke. `ROLE` counts as dangerous in many
/// access lists, `HELLO` does not. A server that tells neither is taken for a primary.
async fn is_replica(connection: &mut MultiplexedConnection) -> Option<bool> {
    let role = match redis::cmd("ROLE").query_async::<Value>(connection).await {
        Ok(Value::Array(parts)) => parts.into_iter().next(),
        Err(error) if error.code().is_none() => return None,
        _ => match redis::cmd("HELLO").query_async::<Value>(connection).await {
            Ok(Value::Map(pairs)) => {
                let key = Value::BulkString(b"role".to_vec());
                pairs.into_iter().find(|(name, _)| *name == key).map(|(_, role)| role)
            }
            Err(error) if error.code().is_none() => return None,
            _ => None,
        },
    };
    let role = role.and_then(|role| redis::from_redis_value::<String>(role).ok());
    Some(matches!(role.as_deref(), Some("slave" | "replica")))
}
