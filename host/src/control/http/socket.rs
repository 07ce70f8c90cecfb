//! The socket in the state folder. Whoever may open it may ask; the operating system says who that is.

use std::fmt;
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::Request;
use axum::middleware::{self, Next};
use axum::response::Response;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::reply;
use super::sessions::Visitor;
use crate::control::tokens::secret;
use crate::control::{Kind, Problem, Role, Who, name_of_user};

/// In the state folder.
pub const SOCKET: &str = "control.sock";

/// Connections at the same time; whoever comes on top waits.
const MOST: usize = 64;
/// From the connection to the end of a request's header, and between two requests.
const HEADER_WITHIN: Duration = Duration::from_secs(30);
const MOST_FIELDS: usize = 64;
const MOST_HEADER_OCTETS: usize = 64 << 10;

/// How long the end waits for answers under way.
const FAREWELL: Duration = Duration::from_secs(5);

/// After a failed accept.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Names whoever asks by `sudo`, or through a program of theirs, beside the user of the operating system.
pub(crate) const FOR: &str = "mm4relay-for";

/// What whoever comes is compared with, and given.
#[derive(Clone)]
struct Doorkeeper {
    /// The user that the relay runs as.
    user: u32,
    /// For the forms of the pages. Those who come here can be told from each other by their user alone.
    seal: String,
}

impl fmt::Debug for Doorkeeper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "of user {}", self.user)
    }
}

/// Open as long as this lives; then its file is gone.
#[derive(Debug)]
pub struct Socket {
    listener: UnixListener,
    path: PathBuf,
    doorkeeper: Doorkeeper,
    /// True once nobody is let in any more.
    closing: watch::Sender<bool>,
    /// Connections.
    open: watch::Sender<usize>,
}

impl Socket {
    /// Opens it in the state folder of a relay that has the folder for itself: what another one left there is removed.
    ///
    /// To be called within a Tokio runtime.
    ///
    /// # Errors
    /// What the system does not give.
    pub fn open(folder: &Path) -> io::Result<Self> {
        let path = folder.join(SOCKET);
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let (near, _open) = nearby(folder)?;
        let listener = UnixListener::bind(near)?;
        // The folder keeps others out; should it be opened for them, the socket still does.
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
        let user = std::fs::metadata(&path)?.uid();
        let seal = secret().map_err(io::Error::other)?;
        Ok(Self {
            listener,
            path,
            doorkeeper: Doorkeeper { user, seal },
            closing: watch::Sender::new(false),
            open: watch::Sender::new(0),
        })
    }

    /// Lets nobody in any more, and waits until everything that was asked is answered, for a while.
    pub async fn close(&self) {
        self.closing.send_replace(true);
        let mut open = self.open.subscribe();
        let _ = timeout(FAREWELL, open.wait_for(|open| *open == 0)).await;
    }

    /// Answers by these routes until it is dropped, and whoever is being answered with it.
    pub async fn serve(&self, routes: axum::Router) {
        let places = Arc::new(Semaphore::new(MOST));
        let mut at_work = JoinSet::new();
        loop {
            // The semaphore is never closed.
            let Ok(place) = Arc::clone(&places).acquire_owned().await else {
                return;
            };
            let accepted = loop {
                tokio::select! {
                    accepted = self.listener.accept() => break accepted,
                    Some(_) = at_work.join_next(), if !at_work.is_empty() => {}
                }
            };
            match accepted {
                Ok((stream, _)) => {
                    let (routes, doorkeeper) = (routes.clone(), self.doorkeeper.clone());
                    let (closing, open) = (self.closing.subscribe(), self.open.clone());
                    open.send_modify(|open| *open += 1);
                    at_work.spawn(async move {
                        talk(stream, routes, doorkeeper, closing).await;
                        open.send_modify(|open| *open -= 1);
                        drop(place);
                    });
                }
                Err(_) => sleep(ACCEPT_PAUSE).await,
            }
        }
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

/// A connection to the relay that runs on this state folder.
///
/// # Errors
/// None does, or its door may not be used.
pub async fn connect(folder: &Path) -> io::Result<UnixStream> {
    let (near, _open) = nearby(folder)?;
    UnixStream::connect(near).await
}

/// The socket's path through a descriptor of its folder: a socket's path has 108 octets at the most, a folder's 4,096.
fn nearby(folder: &Path) -> io::Result<(PathBuf, File)> {
    let open = File::open(folder)?;
    let near = Path::new("/proc/self/fd")
        .join(open.as_raw_fd().to_string())
        .join(SOCKET);
    Ok((near, open))
}

async fn talk(stream: UnixStream, routes: axum::Router, doorkeeper: Doorkeeper, mut closing: watch::Receiver<bool>) {
    let Ok(peer) = stream.peer_cred() else { return };
    let process = peer
        .pid()
        .map_or_else(String::new, |process| format!(", process {process}"));
    // Root reads and writes the folder anyhow.
    let may = peer.uid() == 0 || peer.uid() == doorkeeper.user;
    let who = Who::new(
        name_of_user(peer.uid()),
        Role::Administrator,
        format!("socket{process}"),
    );
    let routes = routes.layer(middleware::from_fn(move |request, next| {
        admit(who.clone(), may.then(|| doorkeeper.seal.clone()), request, next)
    }));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_WITHIN)
        .max_headers(MOST_FIELDS)
        .max_buf_size(MOST_HEADER_OCTETS)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(routes));
    let mut connection = pin!(connection);
    // Late or broken: it is over.
    tokio::select! {
        _ = connection.as_mut() => {}
        () = async { closing.wait_for(|closing| *closing).await.map_or((), drop) } => {
            // What is being answered is answered to its end; who asks nothing is sent away.
            connection.as_mut().graceful_shutdown();
            let _ = connection.await;
        }
    }
}

/// `seal`: for whoever may come in.
async fn admit(mut who: Who, seal: Option<String>, mut request: Request, next: Next) -> Response {
    let Some(seal) = seal else {
        let detail = format!("{} may not ask this relay: its own user and root may", who.name);
        return reply::refuse(&Problem::new(Kind::Forbidden, detail));
    };
    let caller = request.headers().get(FOR).and_then(|caller| caller.to_str().ok());
    if let Some(caller) = caller.filter(|caller| !caller.is_empty() && *caller != who.name) {
        who.name = format!("{} (for {caller})", who.name);
    }
    let visitor = Visitor::at_socket(who.clone(), seal);
    let extensions = request.extensions_mut();
    extensions.insert(who);
    extensions.insert(visitor);
    next.run(request).await
}
