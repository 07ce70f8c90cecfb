//! A connection of HTTP/1.1 that carries one request after the other.

use std::error::Error;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::client::conn::TrySendError;
use hyper::client::conn::http1::{Builder, SendRequest};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use mm4relay_engine::{HeaderField, HttpResponse};
use tokio::io::{AsyncRead, AsyncWrite};

use super::gate::Trouble;

/// Octets of an answer's header.
const HEADER_MAX: usize = 64 << 10;

pub(super) type Question = Request<Full<Bytes>>;

pub(super) struct HttpConnection {
    sender: SendRequest<Full<Bytes>>,
    /// Moves the octets. It is polled together with a request, and not by a task of its own: a request that is dropped,
    /// because the plug-in's time is over, drops the connection with it.
    carrier: Pin<Box<dyn Future<Output = hyper::Result<()>> + Send>>,
    has_ended: bool,
}

/// Why there is no answer.
pub(super) enum Unanswered {
    /// The connection broke before an answer came. The request comes back if nothing of it was sent.
    Broken {
        why: String,
        unsent: Option<Box<Question>>,
    },
    Trouble(Trouble),
}

impl From<Unanswered> for Trouble {
    fn from(unanswered: Unanswered) -> Self {
        match unanswered {
            Unanswered::Broken { why, .. } => Trouble::Failed(why),
            Unanswered::Trouble(trouble) => trouble,
        }
    }
}

impl HttpConnection {
    pub async fn over<S>(stream: S) -> hyper::Result<Self>
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let mut builder = Builder::new();
        let (sender, carrier) = builder.max_buf_size(HEADER_MAX).handshake(TokioIo::new(stream)).await?;
        Ok(Self {
            sender,
            carrier: Box::pin(carrier),
            has_ended: false,
        })
    }

    /// Whether the connection can carry a request: the last answer was read to its end, and nothing has come since, neither
    /// an end nor further octets.
    pub async fn is_quiet(&mut self) -> bool {
        if self.has_ended {
            return false;
        }
        let carrier = &mut self.carrier;
        // Polled once: what is not there yet has not come.
        self.has_ended = poll_fn(|context| Poll::Ready(carrier.as_mut().poll(context).is_ready())).await;
        !self.has_ended && self.sender.is_ready()
    }

    /// Sends a request and returns the whole answer, with a body of at most `response_size` octets.
    pub async fn ask(&mut self, question: Question, response_size: usize) -> Result<HttpResponse, Unanswered> {
        let answer = self.sender.try_send_request(question);
        let mut talk = pin!(async {
            let answer = answer.await.map_err(broken)?;
            read(answer, response_size).await.map_err(Unanswered::Trouble)
        });
        let ended = tokio::select! {
            biased;
            answer = &mut talk => return answer,
            ended = &mut self.carrier => ended,
        };
        self.has_ended = true;
        match ended {
            // What had come by then is read.
            Ok(()) => talk.await,
            // The service may have sent further octets behind a whole answer.
            Err(error) => tokio::time::timeout(Duration::ZERO, talk).await.unwrap_or_else(|_| {
                let why = format!("the connection broke: {error}");
                Err(Unanswered::Trouble(Trouble::Failed(why)))
            }),
        }
    }
}

fn broken(mut error: TrySendError<Question>) -> Unanswered {
    let unsent = error.take_message().map(Box::new);
    let error = error.into_error();
    let why = format!("no answer: {error}");
    match error.is_parse() {
        true => Unanswered::Trouble(Trouble::Failed(why)),
        false => Unanswered::Broken { why, unsent },
    }
}

async fn read(answer: Response<Incoming>, size: usize) -> Result<HttpResponse, Trouble> {
    let (head, body) = answer.into_parts();
    let body = Limited::new(body, size).collect().await;
    let body = body.map_err(|error| cut(&*error, size))?;
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

fn cut(error: &(dyn Error + Send + Sync + 'static), size: usize) -> Trouble {
    match error.is::<LengthLimitError>() {
        true => Trouble::TooLarge(format!(
            "its answer has more than the {size} octets that response-size allows"
        )),
        false => Trouble::Failed(format!("half an answer: {error}")),
    }
}
