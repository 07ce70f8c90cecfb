//! One request over HTTP/1.1, on a connection of its own.

use std::error::Error;
use std::fmt::Display;
use std::io;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::client::conn::http1;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use mm4relay_engine::{HeaderField, HttpResponse};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::pki_types::ServerName;

use super::allowed::WebOrigin;
use super::gate::Trouble;
use super::places::addresses;

/// Octets of an answer's header.
const HEADER_MAX: usize = 64 << 10;

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
    pub async fn ask(&self, request: Request<Full<Bytes>>) -> Result<HttpResponse, Trouble> {
        let tcp = self.connect().await.map_err(|error| failed("no connection")(&error))?;
        let Some(tls) = self.tls else {
            return self.talk(tcp, request).await;
        };
        let name = ServerName::try_from(self.origin.host.clone()).map_err(|error| failed("no TLS")(&error))?;
        let connected = TlsConnector::from(Arc::clone(tls)).connect(name, tcp).await;
        self.talk(connected.map_err(|error| failed("no TLS")(&error))?, request)
            .await
    }

    async fn connect(&self) -> io::Result<TcpStream> {
        let mut last = None;
        for address in addresses(self.origin, self.networks).await? {
            match TcpStream::connect(address).await {
                Ok(stream) => return Ok(stream),
                Err(error) => last = Some(io::Error::new(error.kind(), format!("{address}: {error}"))),
            }
        }
        Err(last.unwrap_or_else(|| io::Error::other("no address")))
    }

    async fn talk<S>(&self, stream: S, request: Request<Full<Bytes>>) -> Result<HttpResponse, Trouble>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let shaken = http1::Builder::new()
            .max_buf_size(HEADER_MAX)
            .handshake(TokioIo::new(stream))
            .await;
        let (mut sender, connection) = shaken.map_err(|error| failed("no HTTP")(&error))?;
        // Both run in this future, so dropping it drops the connection.
        let mut connection = std::pin::pin!(connection);
        let mut talk = std::pin::pin!(async { self.read(sender.send_request(request).await).await });
        tokio::select! {
            biased;
            answer = &mut talk => answer,
            ended = &mut connection => match ended {
                // What had come by then is read.
                Ok(()) => talk.await,
                Err(error) => Err(Trouble::Failed(format!("the connection broke: {error}"))),
            },
        }
    }

    async fn read(&self, answer: hyper::Result<Response<hyper::body::Incoming>>) -> Result<HttpResponse, Trouble> {
        let (head, body) = answer.map_err(|error| failed("no answer")(&error))?.into_parts();
        let body = Limited::new(body, self.response_size).collect().await;
        let body = body.map_err(|error| self.cut(&*error))?;
        let header = |(name, value): (&hyper::header::HeaderName, &hyper::header::HeaderValue)| {
            Some(HeaderField {
                name: name.as_str().to_owned(),
                value: value.to_str().ok()?.to_owned(),
            })
        };
        Ok(HttpResponse {
            status: head.status.as_u16(),
            headers: head.headers.iter().filter_map(header).collect(),
            body: body.to_bytes(),
        })
    }

    fn cut(&self, error: &(dyn Error + Send + Sync + 'static)) -> Trouble {
        match error.is::<LengthLimitError>() {
            true => Trouble::TooLarge(format!(
                "its answer has more than the {} octets that response-size allows",
                self.response_size
            )),
            false => failed("half an answer")(&error),
        }
    }
}
