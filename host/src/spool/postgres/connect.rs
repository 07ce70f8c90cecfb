//! Connections: to whichever of the hosts writes, over TLS, with a memory of what has been prepared and of every warning.

use std::collections::HashMap;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio_postgres::config::{SslMode, TargetSessionAttrs};
use tokio_postgres::error::SqlState;
use tokio_postgres::types::ToSql;
use tokio_postgres::{AsyncMessage, Client, Connection, NoTls, Row, Statement};
use tokio_postgres_rustls::MakeRustlsConnect;
use tokio_rustls::rustls::ClientConfig;

use crate::spool::SpoolError;

/// How long a silent network may keep a connection.
const SILENCE: Duration = Duration::from_secs(10);

/// Where the database is, and who we are there.
#[derive(Clone)]
pub struct Access {
    /// Host and port of each server: the one that writes is found.
    pub hosts: Vec<(String, u16)>,
    pub user: String,
    pub password: Option<String>,
    pub database: String,
    /// The tables' schema.
    pub schema: String,
    /// `None`: without TLS.
    pub tls: Option<Arc<ClientConfig>>,
}

/// One connection.
pub(super) struct Link {
    pub(super) client: Client,
    doubt: Arc<AtomicBool>,
    prepared: Mutex<HashMap<&'static str, Statement>>,
}

/// A statement with its values.
pub(super) struct Write {
    pub(super) sql: &'static str,
    pub(super) values: Vec<Box<dyn ToSql + Sync + Send>>,
}

type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

impl Access {
    pub(super) async fn connect(&self, what_for: &str) -> Result<Link, SpoolError> {
        let mut config = tokio_postgres::Config::new();
        for (host, port) in &self.hosts {
            config.host(host).port(*port);
        }
        config.user(&self.user).dbname(&self.database);
        if let Some(password) = &self.password {
            config.password(password);
        }
        let schema = self.schema.replace('\\', "\\\\").replace(' ', "\\ ");
        // A cancelled wait for a standby is told by a warning, and must not be hidden.
        let options = format!(
            "-c search_path={schema} -c synchronous_commit=on -c client_min_messages=warning -c statement_timeout=0 \
             -c idle_in_transaction_session_timeout=10s"
        );
        config.options(options).application_name(format!("mm4relay {what_for}"));
        config.target_session_attrs(TargetSessionAttrs::ReadWrite);
        config
            .connect_timeout(SILENCE / 2)
            .tcp_user_timeout(SILENCE)
            .keepalives_idle(SILENCE);
        let doubt = Arc::new(AtomicBool::new(false));
        let client = match &self.tls {
            Some(tls) => {
                config.ssl_mode(SslMode::Require);
                let tls = MakeRustlsConnect::new(ClientConfig::clone(tls));
                let (client, connection) = config.connect(tls).await.map_err(|error| away(&error))?;
                tokio::spawn(drive(connection, Arc::clone(&doubt)));
                client
            }
            None => {
                config.ssl_mode(SslMode::Disable);
                let (client, connection) = config.connect(NoTls).await.map_err(|error| away(&error))?;
                tokio::spawn(drive(connection, Arc::clone(&doubt)));
                client
            }
        };
        Ok(Link {
            client,
            doubt,
            prepared: Mutex::default(),
        })
    }
}

/// Moves a connection's octets until it ends. What the server warns of arrives before the answer that it is about.
async fn drive<S, T>(mut connection: Connection<S, T>, doubt: Arc<AtomicBool>)
where
    S: AsyncRead + AsyncWrite + Unpin,
    T: AsyncRead + AsyncWrite + Unpin,
{
    while let Some(Ok(message)) = poll_fn(|context| connection.poll_message(context)).await {
        if let AsyncMessage::Notice(notice) = message {
            tracing::warn!(event = "database-warns", "the database warns: {notice}");
            doubt.store(true, SeqCst);
        }
    }
}

impl Link {
    /// Whether the server has warned: a commit that it answered may not be where it was to be.
    pub(super) fn is_in_doubt(&self) -> bool {
        self.doubt.load(SeqCst)
    }

    pub(super) async fn rows(&self, sql: &'static str, values: &[&(dyn ToSql + Sync)]) -> Result<Vec<Row>, SpoolError> {
        let statement = self.prepare(sql).await?;
        let rows = self.client.query(&statement, values).await;
        rows.map_err(|error| failed(&error))
    }

    pub(super) async fn run(&self, sql: &'static str, values: &[&(dyn ToSql + Sync)]) -> Result<u64, SpoolError> {
        let statement = self.prepare(sql).await?;
        let done = self.client.execute(&statement, values).await;
        done.map_err(|error| failed(&error))
    }

    pub(super) async fn say(&self, sql: &str) -> Result<(), SpoolError> {
        self.client.batch_execute(sql).await.map_err(|error| failed(&error))
    }

    /// Sends all of them at once; they are done in this order.
    pub(super) async fn run_all(&self, writes: &[Write]) -> Result<(), SpoolError> {
        for write in writes {
            self.prepare(write.sql).await?;
        }
        let run = |write| Box::pin(self.run_one(write)) as Boxed<'_, _>;
        let done = in_order(writes.iter().map(run).collect()).await;
        done.into_iter().collect()
    }

    async fn run_one(&self, write: &Write) -> Result<(), SpoolError> {
        let values: Vec<&(dyn ToSql + Sync)> = write.values.iter().map(|value| &**value as _).collect();
        self.run(write.sql, &values).await.map(drop)
    }

    pub(super) async fn prepare(&self, sql: &'static str) -> Result<Statement, SpoolError> {
        let known = self
            .prepared
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(sql)
            .cloned();
        if let Some(known) = known {
            return Ok(known);
        }
        #[cfg(test)]
        super::tests::note_statement(sql);
        let statement = self.client.prepare(sql).await.map_err(|error| failed(&error))?;
        let mut prepared = self.prepared.lock().unwrap_or_else(PoisonError::into_inner);
        prepared.insert(sql, statement.clone());
        Ok(statement)
    }
}

/// Polls each for the first time in this order, so that what they send leaves in this order.
async fn in_order<T>(mut futures: Vec<Boxed<'_, T>>) -> Vec<T> {
    let mut done: Vec<Option<T>> = futures.iter().map(|_| None).collect();
    poll_fn(|context| {
        let mut open = false;
        for (future, done) in futures.iter_mut().zip(&mut done) {
            if done.is_none() {
                match future.as_mut().poll(context) {
                    Poll::Ready(value) => *done = Some(value),
                    Poll::Pending => open = true,
                }
            }
        }
        if open { Poll::Pending } else { Poll::Ready(()) }
    })
    .await;
    done.into_iter().flatten().collect()
}

/// Whose fault an error is decides who is told.
pub(super) fn failed(error: &tokio_postgres::Error) -> SpoolError {
    let Some(said) = error.as_db_error() else {
        return away(error);
    };
    let text = format!("{} ({})", said.message(), said.code().code());
    match said.code() {
        code if *code == SqlState::DISK_FULL => SpoolError::Full(text),
        // Data that no row can hold, or that contradicts what is there.
        code if ["22", "23", "54"].iter().any(|class| code.code().starts_with(class)) => SpoolError::Unfit(text),
        // It is being shut down, has failed over, or has no connection left.
        code if ["57", "08", "53", "25"]
            .iter()
            .any(|class| code.code().starts_with(class)) =>
        {
            SpoolError::Away(text)
        }
        _ => SpoolError::Broken(text),
    }
}

fn away(error: &tokio_postgres::Error) -> SpoolError {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(deeper) = cause {
        text.push_str(&format!(": {deeper}"));
        cause = deeper.source();
    }
    SpoolError::Away(text)
}
