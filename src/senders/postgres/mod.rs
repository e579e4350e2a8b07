//! `postgres`: rows in PostgreSQL or TimescaleDB, a batch in one statement. A batch that comes again adds nothing, because each
//! row carries the key of its parcel.

mod connection;
mod rows;

use std::time::Duration;

use tokio_postgres::config::Host;

use super::{Sender, SenderContext, Sending, Transcript};

use crate::model::{Parcel, Secret, Verdict};

use connection::{Connection, Fault, Table};
use rows::Rows;

/// What it needs to be told.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// `postgres://user:password@host/database`.
    pub url: Secret,
    /// The table; made if it is not there.
    pub table: String,
    /// An address in the private network is meant.
    pub allow_private: bool,
}

const LIMIT: Duration = Duration::from_secs(55);

/// Builds it.
///
/// # Errors
/// Why it can never work as it is told.
pub fn sender(config: &Config, context: &SenderContext) -> Result<Box<dyn Sender>, String> {
    // The words of the parser are not shown: they may hold a piece of the password.
    let wanted = "the url cannot be read: postgres://user:password@host:5432/database is needed, with signs such as @ : / ? # % in \
the password written as %40 %3A %2F %3F %23 %25";
    let url = config.url.expose();
    if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
        return Err(wanted.to_owned());
    }
    // Whoever asks for TLS gets it with the certificate and its name checked.
    let url = url.replace("sslmode=verify-full", "sslmode=require").replace("sslmode=verify-ca", "sslmode=require");
    let mut server: tokio_postgres::Config = url.parse().map_err(|_| wanted.to_owned())?;
    // An @ that is not written as %40 makes the end of the password a part of the host's name.
    if server.get_hosts().iter().any(|host| matches!(host, Host::Tcp(host) if host.contains('@'))) {
        return Err(wanted.to_owned());
    }
    if server.get_application_name().is_none() {
        server.application_name("growctl");
    }
    let (table, transcript) = (Table::new(&config.table)?, context.transcript.clone());
    Ok(Box::new(Postgres { server, table, allow_private: config.allow_private, connection: None, transcript }))
}

struct Postgres {
    server: tokio_postgres::Config,
    table: Table,
    allow_private: bool,
    /// Taken out for each try: one that was broken off leaves none behind.
    connection: Option<Connection>,
    transcript: Transcript,
}

impl Sender for Postgres {
    fn send<'a>(&'a mut self, parcels: &'a [Parcel]) -> Sending<'a> {
        Box::pin(async move {
            let mut verdicts = Vec::with_capacity(parcels.len());
            let ended = tokio::time::timeout(LIMIT, self.deliver(parcels, &mut verdicts)).await;
            let why = match ended {
                Ok(Ok(())) => String::new(),
                Ok(Err(why)) => self.without_password(&why),
                Err(_) => "the database was too slow".to_owned(),
            };
            if !why.is_empty() {
                self.transcript.say(|| format!("< {why}"));
            }
            verdicts.resize(parcels.len(), Verdict::Failed { why, retry_after: None });
            verdicts
        })
    }
}

impl Postgres {
    /// All at once; one by one if the database will not have one of them. The error is for those without a verdict.
    async fn deliver(&mut self, parcels: &[Parcel], verdicts: &mut Vec<Verdict>) -> Result<(), String> {
        let mut all = Rows::default();
        let read: Vec<Verdict> = parcels.iter().map(|parcel| all.add(parcel)).map(verdict_of).collect();
        let (connection, stored) = self.insert_all(&all).await?;
        match stored {
            Ok(()) => *verdicts = read,
            Err(_) => {
                for parcel in parcels {
                    verdicts.push(self.one(&connection, parcel).await?);
                }
            }
        }
        self.connection = Some(connection);
        Ok(())
    }

    /// What went wrong within is the fault of the rows. A connection from before may have died since, so a new one is tried
    /// at once: rows that have arrived nevertheless are not stored again.
    async fn insert_all(&mut self, rows: &Rows) -> Result<(Connection, Result<(), Fault>), String> {
        if let Some(connection) = self.connection.take().filter(|connection| !connection.is_over()) {
            match self.insert(&connection, rows).await {
                Err(fault) if !fault.rows => self.transcript.say(|| format!("< {}", self.without_password(&fault.why))),
                stored => return Ok((connection, stored)),
            }
        }
        let connection = self.connect().await?;
        match self.insert(&connection, rows).await {
            Err(fault) if !fault.rows => Err(fault.why),
            stored => Ok((connection, stored)),
        }
    }

    async fn connect(&self) -> Result<Connection, String> {
        let connection = Connection::open(&self.server, &self.table, self.allow_private).await;
        let connection = connection.map_err(|fault| fault.why)?;
        self.transcript.say(|| format!("> connection to {}", connection.to));
        Ok(connection)
    }

    async fn insert(&self, connection: &Connection, rows: &Rows) -> Result<(), Fault> {
        if rows.len() == 0 {
            return Ok(());
        }
        self.transcript.say(|| format!("> INSERT of {} rows", rows.len()));
        let stored = connection.insert(rows).await?;
        self.transcript.say(|| format!("< {stored} stored, {} there already", rows.len() as u64 - stored));
        Ok(())
    }

    async fn one(&self, connection: &Connection, parcel: &Parcel) -> Result<Verdict, String> {
        let mut rows = Rows::default();
        let read = verdict_of(rows.add(parcel));
        match self.insert(connection, &rows).await {
            Ok(()) => Ok(read),
            Err(fault) if fault.rows => Ok(Verdict::Refused(self.without_password(&fault.why))),
            Err(fault) => Err(fault.why),
        }
    }

    fn without_password(&self, why: &str) -> String {
        let password = self.server.get_password().map(String::from_utf8_lossy).filter(|password| !password.is_empty());
        password.map_or_else(|| why.to_owned(), |password| why.replace(&*password, "***"))
    }
}

fn verdict_of(read: Result<(), String>) -> Verdict {
    read.map_or_else(Verdict::Refused, |()| Verdict::Delivered)
}
