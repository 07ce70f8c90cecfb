//! One request over HTTP/1.1, on a new connection or on one that was kept.

use std::fmt::Display;
use std::io;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::Full;
use hyper::Request;
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use mm4relay_engine::HttpResponse;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::pki_types::ServerName;

use super::allowed::WebOrigin;
use super::gate::Trouble;
use super::http_connection::{HttpConnection, Question, Unanswered};
use super::kept::{Kept, Opened};
use super::places::addresses;

/// The target, and the limit on the answer.
pub(super) struct Wire<'a> {
    pub origin: &'a WebOrigin,
    pub networks: &'a [IpNet],
    /// With https.
    pub tls: Option<&'a Arc<ClientConfig>>,
    /// Octets of an answer's body.
    pub response_size: usize,
}

/// Sends a request of the relay itself, to any address of its host: the caller chose the host.
///
/// # Errors
/// Why there is no answer, or none of at most `response_size` octets.
pub async fn exchange(
    origin: &WebOrigin,
    tls: Option<&Arc<ClientConfig>>,
    request: Request<Full<Bytes>>,
    response_size: usize,
) -> Result<HttpResponse, String> {
    let everywhere = [IpNet::from(Ipv4Net::default()), IpNet::from(Ipv6Net::default())];
    let wire = Wire {
        origin,
        networks: &everywhere,
        tls,
        response_size,
    };
    wire.ask(request).await.map_err(|trouble| match trouble {
        Trouble::Failed(why) | Trouble::TooLarge(why) => why,
        Trouble::Unfit(fault) => format!("it cannot be asked: {fault:?}"),
    })
}

fn failed(what: &str) -> impl Fn(&dyn Display) -> Trouble + '_ {
    move |error| Trouble::Failed(format!("{what}: {error}"))
}

impl Wire<'_> {
    /// Sends a request on a new connection.
    async fn ask(&self, question: Question) -> Result<HttpResponse, Trouble> {
        let mut connection = self.open().await?;
        Ok(connection.ask(question, self.response_size).await?)
    }

    /// Sends a request on a connection that was kept, or else on a new one, which is kept afterwards.
    ///
    /// A service may close an idle connection just when the next request comes. Then the request was lost, or only its
    /// answer, and the relay cannot tell which. So the relay repeats the request once if its method is idempotent (RFC 9110,
    /// 9.2.2), or if nothing of it was sent. The service may already have acted on any other request: the plug-in decides.
    pub async fn ask_over(&self, kept: &Kept<HttpConnection>, question: Question) -> Result<HttpResponse, Trouble> {
        let question = match quiet(kept).await {
            None => question,
            Some(mut open) => {
                let again = question.method().is_idempotent().then(|| question.clone());
                match open.connection.ask(question, self.response_size).await {
                    Err(Unanswered::Broken { why, unsent }) => {
                        again.or(unsent.map(|it| *it)).ok_or(Trouble::Failed(why))?
                    }
                    done => return conclude(kept, open, done).await,
                }
            }
        };
        let mut open = Opened::now(self.open().await?);
        let done = open.connection.ask(question, self.response_size).await;
        conclude(kept, open, done).await
    }

    async fn open(&self) -> Result<HttpConnection, Trouble> {
        let tcp = self.connect().await.map_err(|error| failed("no connection")(&error))?;
        let connection = match self.tls {
            None => HttpConnection::over(tcp).await,
            Some(tls) => {
                let name = ServerName::try_from(self.origin.host.clone()).map_err(|error| failed("no TLS")(&error))?;
                let connected = TlsConnector::from(Arc::clone(tls)).connect(name, tcp).await;
                HttpConnection::over(connected.map_err(|error| failed("no TLS")(&error))?).await
            }
        };
        connection.map_err(|error| failed("no HTTP")(&error))
    }

    async fn connect(&self) -> io::Result<TcpStream> {
        let mut last = None;
        for address in addresses(self.origin, self.networks).await? {
            match TcpStream::connect(address).await {
                Ok(stream) => {
                    // A question may be several writes, and whoever is asked waits for the last of them.
                    stream.set_nodelay(true)?;
                    return Ok(stream);
                }
                Err(error) => last = Some(io::Error::new(error.kind(), format!("{address}: {error}"))),
            }
        }
        Err(last.unwrap_or_else(|| io::Error::other("no address")))
    }
}

async fn quiet(kept: &Kept<HttpConnection>) -> Option<Opened<HttpConnection>> {
    loop {
        let mut open = kept.take()?;
        if open.connection.is_quiet().await {
            return Some(open);
        }
    }
}

async fn conclude(
    kept: &Kept<HttpConnection>,
    mut open: Opened<HttpConnection>,
    done: Result<HttpResponse, Unanswered>,
) -> Result<HttpResponse, Trouble> {
    if done.is_ok() && open.connection.is_quiet().await {
        kept.keep(open);
    }
    Ok(done?)
}
