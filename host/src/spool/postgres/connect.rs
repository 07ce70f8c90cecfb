//! Connections: to whichever of the hosts writes, over TLS, with a memory of what has been prepared and of every warning.

use std::collections::HashMap;
use std::future::{Future, poll_fn};
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::lookup_host;
use tokio::time::timeout;
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
    /// Which of the hosts was found to write: it is asked first.
    pub writes: Arc<AtomicUsize>,
}

/// One connection.
pub(super) struct Link {
    pub(super) client: Client,
    doubt: Arc<AtomicBool>,
    /// For how long an answer is waited for. `None`: whoever asks waits for as long as he wants to.
    patience: Option<Duration>,
    prepared: Mutex<HashMap<&'static str, Statement>>,
}

/// A statement with its values.
pub(super) struct Write {
    pub(super) sql: &'static str,
    pub(super) values: Vec<Box<dyn ToSql + Sync + Send>>,
}

type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// How long one address may take to answer. One that accepts a connection and says nothing, such as a machine that stands still,
/// must not hide the one that writes by now.
const ADDRESS: Duration = Duration::from_secs(5);

impl Access {
    /// To whichever host writes: each address in turn, for a time of its own.
    pub(super) async fn connect(&self, what_for: &str) -> Result<Link, SpoolError> {
        let (first, mut said) = (self.writes.load(SeqCst), Vec::new());
        for number in (0..self.hosts.len()).map(|step| (first + step) % self.hosts.len()) {
            let (host, port) = &self.hosts[number];
            for address in addresses(host, *port).await {
                let tried = timeout(ADDRESS, self.connect_to((host, *port), address, what_for)).await;
                match tried.unwrap_or_else(|_| Err(format!("it said nothing for {} s", ADDRESS.as_secs()))) {
                    Ok(link) => {
                        self.writes.store(number, SeqCst);
                        return Ok(link);
                    }
                    Err(error) => said.push(format!("{host}:{port}: {error}")),
                }
            }
        }
        Err(SpoolError::Away(match said.is_empty() {
            true => "no host of the database has an address".into(),
            false => said.join("; "),
        }))
    }

    async fn connect_to(&self, at: (&str, u16), address: Option<IpAddr>, what_for: &str) -> Result<Link, String> {
        let config = self.config(at, address, what_for);
        let doubt = Arc::new(AtomicBool::new(false));
        let client = match &self.tls {
            Some(tls) => {
                let tls = MakeRustlsConnect::new(ClientConfig::clone(tls));
                let (client, connection) = config.connect(tls).await.map_err(|error| with_causes(&error))?;
                tokio::spawn(drive(connection, Arc::clone(&doubt)));
                client
            }
            None => {
                let (client, connection) = config.connect(NoTls).await.map_err(|error| with_causes(&error))?;
                tokio::spawn(drive(connection, Arc::clone(&doubt)));
                client
            }
        };
        Ok(Link {
            client,
            doubt,
            patience: None,
            prepared: Mutex::default(),
        })
    }

    fn config(&self, (host, port): (&str, u16), address: Option<IpAddr>, what_for: &str) -> tokio_postgres::Config {
        let mut config = tokio_postgres::Config::new();
        config.host(host).port(port);
        if let Some(address) = address {
            config.hostaddr(address);
        }
        config.user(&self.user).dbname(&self.database);
        if let Some(password) = &self.password {
            config.password(password);
        }
        let schema = self.schema.replace('\\', "\\\\").replace(' ', "\\ ");
        // A cancelled wait for a standby is told by a warning, and must not be hidden. Whoever waits for a lock gives up before he
        // is given up: so an answer that nobody waits for leaves nothing behind.
        let options = format!(
            "-c search_path={schema} -c synchronous_commit=on -c client_min_messages=warning -c statement_timeout=0 \
             -c lock_timeout=20s -c idle_in_transaction_session_timeout=10s"
        );
        config.options(options).application_name(format!("mm4relay {what_for}"));
        config.ssl_mode(match &self.tls {
            Some(_) => SslMode::Require,
            None => SslMode::Disable,
        });
        config.target_session_attrs(TargetSessionAttrs::ReadWrite);
        config
            .connect_timeout(ADDRESS)
            .tcp_user_timeout(SILENCE)
            .keepalives_idle(SILENCE);
        config
    }
}

/// `None`: a socket in a folder, which has none. A name that is not known at this moment hides no other host.
async fn addresses(host: &str, port: u16) -> Vec<Option<IpAddr>> {
    if host.starts_with('/') {
        return vec![None];
    }
    let found = timeout(ADDRESS, lookup_host((host, port))).await;
    let found = found.into_iter().flatten().flatten();
    found.map(|address| Some(address.ip())).collect()
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

    /// A connection that has not answered for so long is given up.
    pub(super) fn answering_within(self, patience: Duration) -> Self {
        Self {
            patience: Some(patience),
            ..self
        }
    }

    pub(super) async fn rows(&self, sql: &'static str, values: &[&(dyn ToSql + Sync)]) -> Result<Vec<Row>, SpoolError> {
        let rows = async {
            let statement = self.prepare(sql).await?;
            let rows = self.client.query(&statement, values).await;
            rows.map_err(|error| failed(&error))
        };
        let Some(patience) = self.patience else {
            return rows.await;
        };
        timeout(patience, rows).await.unwrap_or_else(|_| {
            self.doubt.store(true, SeqCst);
            Err(SpoolError::Away(format!("no answer within {} s", patience.as_secs())))
        })
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
        return SpoolError::Away(with_causes(error));
    };
    let text = format!("{} ({})", said.message(), said.code().code());
    match said.code() {
        // What holds the lock is a commit that waits for its standby, most likely.
        code if *code == SqlState::LOCK_NOT_AVAILABLE => {
            SpoolError::Away(format!("behind a commit that waits: {text}"))
        }
        code if *code == SqlState::DISK_FULL => SpoolError::Full(text),
        // Data that no row can hold, or that contradicts what is there.
        code if ["22", "23", "54"].iter().any(|class| code.code().starts_with(class)) => SpoolError::Unfit(text),
        // It is being shut down, has failed over, or has no connection left; or two relays waited for each other.
        code if ["57", "08", "53", "25", "40"]
            .iter()
            .any(|class| code.code().starts_with(class)) =>
        {
            SpoolError::Away(text)
        }
        _ => SpoolError::Broken(text),
    }
}

fn with_causes(error: &tokio_postgres::Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(deeper) = cause {
        text.push_str(&format!(": {deeper}"));
        cause = deeper.source();
    }
    text
}
