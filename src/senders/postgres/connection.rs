//! A connection to PostgreSQL: only to addresses that may be spoken to, with TLS where it leaves the site, and with the table
//! there before the first row.

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres::tls::{MakeTlsConnect, TlsConnect};
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::rows::Rows;

use crate::senders::net;

const CONNECT: Duration = Duration::from_secs(10);
const ANSWER: Duration = Duration::from_secs(20);
const DEFAULT_PORT: u16 = 5432;

/// The table, as the settings name it.
#[derive(Clone, Debug)]
pub(super) struct Table {
    /// Quoted, with its schema if it names one.
    quoted: String,
    /// Quoted, the name of its index of times.
    index: String,
}

impl Table {
    pub(super) fn new(name: &str) -> Result<Table, String> {
        let parts: Vec<&str> = name.split('.').collect();
        if parts.len() > 2
            || parts.iter().any(|part| part.is_empty() || part.len() > 48 || part.contains(char::is_control))
        {
            return Err(format!(
                "'{}' is no table: a name such as readings, or grow.readings, is needed",
                name.escape_debug()
            ));
        }
        let quoted: Vec<String> = parts.iter().map(|part| quote(part)).collect();
        let index = quote(&format!("{}_by_field", parts[parts.len() - 1]));
        Ok(Table { quoted: quoted.join("."), index })
    }

    /// How it is made. `key` is the outbox's, the same at every try: what has arrived before is not stored again. The time
    /// is part of what is unique because TimescaleDB wants it there. Several statements sent as one are one transaction.
    fn create(&self, timescale: bool) -> String {
        let Table { quoted, index } = self;
        let name = quoted.replace('\'', "''");
        let hyper = format!("; SELECT create_hypertable('{name}'::regclass, 'time', if_not_exists => true)");
        let hyper = if timescale { hyper } else { String::new() };
        format!(
            "CREATE TABLE IF NOT EXISTS {quoted} (time timestamptz NOT NULL, room text, cluster text, node text, device text, \
field text NOT NULL, value double precision, text text, id text, key text NOT NULL, UNIQUE (key, field, time)); \
CREATE INDEX IF NOT EXISTS {index} ON {quoted} (field, time DESC){hyper}"
        )
    }

    fn insert(&self) -> String {
        format!(
            "INSERT INTO {} (time, room, cluster, node, device, field, value, text, id, key) \
SELECT * FROM UNNEST($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT DO NOTHING",
            self.quoted
        )
    }
}

fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// What went wrong.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) why: String,
    /// The rows are at fault, not the connection.
    pub(super) rows: bool,
}

impl Fault {
    fn outside(why: String) -> Fault {
        Fault { why, rows: false }
    }
}

/// One that can be used until something fails.
pub(super) struct Connection {
    client: Client,
    /// Carries what the client says; ends with it.
    carrier: JoinHandle<()>,
    insert: String,
    /// Where it leads, for the transcript.
    pub(super) to: String,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.carrier.abort();
    }
}

impl Connection {
    pub(super) fn is_over(&self) -> bool {
        self.client.is_closed()
    }

    /// To the first host that answers; makes the table if there is none.
    pub(super) async fn open(
        config: &tokio_postgres::Config,
        table: &Table,
        allow_private: bool,
    ) -> Result<Connection, Fault> {
        let mut last = "the URL names no host".to_owned();
        for (at, host) in config.get_hosts().iter().enumerate() {
            let port = config.get_ports().get(at).or(config.get_ports().first()).copied().unwrap_or(DEFAULT_PORT);
            match to_host(config, host, port, allow_private).await {
                Ok((client, carrier, to)) => {
                    let connection = Connection { client, carrier, insert: table.insert(), to };
                    connection.make(table).await?;
                    return Ok(connection);
                }
                Err(why) => last = why,
            }
        }
        Err(Fault::outside(last))
    }

    /// Whoever may not make a table may still write to the one that is there.
    async fn make(&self, table: &Table) -> Result<(), Fault> {
        let name: [(&(dyn ToSql + Sync), Type); 1] = [(&table.quoted, Type::TEXT)];
        let there = self.client.query_typed_one("SELECT to_regclass($1) IS NOT NULL", &name);
        if answered(there).await?.get(0) {
            return Ok(());
        }
        let timescale = self.client.query_typed("SELECT 1 FROM pg_extension WHERE extname = 'timescaledb'", &[]);
        let timescale = !answered(timescale).await?.is_empty();
        answered(self.client.batch_execute(&table.create(timescale))).await
    }

    /// Stores what is not there yet; says how many rows were not.
    pub(super) async fn insert(&self, rows: &Rows) -> Result<u64, Fault> {
        let columns: [(&(dyn ToSql + Sync), Type); 10] = [
            (&rows.time, Type::TIMESTAMPTZ_ARRAY),
            (&rows.room, Type::TEXT_ARRAY),
            (&rows.cluster, Type::TEXT_ARRAY),
            (&rows.node, Type::TEXT_ARRAY),
            (&rows.device, Type::TEXT_ARRAY),
            (&rows.field, Type::TEXT_ARRAY),
            (&rows.value, Type::FLOAT8_ARRAY),
            (&rows.text, Type::TEXT_ARRAY),
            (&rows.id, Type::TEXT_ARRAY),
            (&rows.key, Type::TEXT_ARRAY),
        ];
        answered(self.client.execute_typed(&self.insert, &columns)).await
    }
}

async fn answered<T>(answer: impl Future<Output = Result<T, tokio_postgres::Error>>) -> Result<T, Fault> {
    match timeout(ANSWER, answer).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) => Err(fault(&error)),
        Err(_) => Err(Fault::outside("no answer in time".to_owned())),
    }
}

fn fault(error: &tokio_postgres::Error) -> Fault {
    // 22: values that cannot be stored; 23: that a constraint refuses; 54: that are too large.
    let rows = error.code().is_some_and(|code| ["22", "23", "54"].contains(&code.code().get(..2).unwrap_or_default()));
    Fault { why: told(error), rows }
}

/// The server's own words where there are some.
fn told(error: &tokio_postgres::Error) -> String {
    if let Some(answer) = error.as_db_error() {
        let hint = answer.hint().map(|hint| format!(" ({hint})")).unwrap_or_default();
        return format!("{}{hint} [{}]", answer.message(), answer.code().code());
    }
    match std::error::Error::source(error) {
        Some(cause) => format!("{error}: {cause}").replace(&format!(": {cause}: {cause}"), &format!(": {cause}")),
        None => error.to_string(),
    }
}

type Started = (Client, JoinHandle<()>, String);

async fn to_host(
    config: &tokio_postgres::Config,
    host: &Host,
    port: u16,
    allow_private: bool,
) -> Result<Started, String> {
    match host {
        Host::Tcp(host) => to_name(config, host, port, allow_private).await,
        Host::Unix(_) if !allow_private => {
            Err("the URL leads to a socket of this machine; write `allow_private: true` if that is meant".to_owned())
        }
        Host::Unix(folder) => {
            let path = folder.join(format!(".s.PGSQL.{port}"));
            let to = path.display().to_string();
            let stream =
                timeout(CONNECT, UnixStream::connect(&path)).await.map_err(|_| format!("{to} does not answer"))?;
            let stream = stream.map_err(|error| format!("no connection to {to}: {error}"))?;
            start(config, stream, NoTls, to).await
        }
    }
}

async fn to_name(
    config: &tokio_postgres::Config,
    host: &str,
    port: u16,
    allow_private: bool,
) -> Result<Started, String> {
    let addresses = timeout(CONNECT, net::resolve(host, port, allow_private)).await;
    let mut last = format!("{host} leads to no address");
    for address in addresses.map_err(|_| format!("{host} is not found in time"))?? {
        let to = format!("{host} port {port}");
        let stream = match timeout(CONNECT, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => {
                last = format!("no connection to {to}: {error}");
                continue;
            }
            Err(_) => {
                last = format!("{to} does not answer");
                continue;
            }
        };
        // Without it, the last part of a batch waits for the acknowledgement of the part before.
        let _ = stream.set_nodelay(true);
        if config.get_ssl_mode() != SslMode::Require && net::is_private(address.ip()) {
            return start(config, stream, NoTls, to).await;
        }
        let mut tls = MakeRustlsConnect::new((*net::tls()?).clone());
        let tls = MakeTlsConnect::<TcpStream>::make_tls_connect(&mut tls, host)
            .map_err(|error| format!("no TLS to {to}: {error}"))?;
        let mut secured = config.clone();
        secured.ssl_mode(SslMode::Require);
        return start(&secured, stream, tls, format!("{to} with TLS")).await;
    }
    Err(last)
}

async fn start<S, T>(config: &tokio_postgres::Config, stream: S, tls: T, to: String) -> Result<Started, String>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    T: TlsConnect<S>,
    T::Stream: Send + 'static,
{
    let mut config = config.clone();
    if config.get_ssl_mode() != SslMode::Require {
        config.ssl_mode(SslMode::Disable);
    }
    let connected =
        timeout(CONNECT, config.connect_raw(stream, tls)).await.map_err(|_| format!("{to} does not answer"))?;
    let (client, connection) = connected.map_err(|error| format!("{to}: {}", told(&error)))?;
    // Its end shows in the client.
    let carrier = tokio::spawn(async move {
        let _ = connection.await;
    });
    Ok((client, carrier, to))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_a_quote_stays_a_name() {
        let table = Table::new(r#"grow.a"; DROP TABLE x; --"#).expect("a strange name, but one");
        assert!(
            table.insert().starts_with(r#"INSERT INTO "grow"."a""; DROP TABLE x; --" (time"#),
            "{}",
            table.insert()
        );
        for wrong in ["", ".a", "a.b.c", "a\nb"] {
            assert!(Table::new(wrong).is_err(), "{wrong:?}");
        }
    }
}
