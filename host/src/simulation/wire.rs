//! The network: connections that take their time, deliver octets in pieces of any size, and break wherever a story says so.

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::{Mutex as Fair, mpsc};
use tokio::time::{Instant, Sleep, sleep, sleep_until};

use super::world::{World, held};
use crate::delivery::{Network, Transport};
use crate::intake::{Arrived, Descriptors, Listen};
use crate::message::Timestamp;
use crate::spool::BoxFuture;

/// What happens to connections that are opened now.
#[derive(Debug, Default)]
pub(super) struct Weather {
    pub(super) slow: bool,
    /// Octets come in pieces of any size.
    pub(super) choppy: bool,
    /// Each of the next ones ends like this, when so many octets have gone in one direction.
    pub(super) ends: VecDeque<(SocketAddr, Breaks)>,
    /// Hosts that cannot be reached now, and whether they say so.
    pub(super) away: Vec<(SocketAddr, Away, Timestamp)>,
    /// Until then DNS says nothing.
    pub(super) no_names_until: Option<Timestamp>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Away {
    Refuses,
    Silent,
}

/// How a connection ends before its time, by octets from whoever opened it or to them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Breaks {
    pub(super) after: u64,
    /// Counted are the octets towards whoever accepted.
    pub(super) onward: bool,
    /// Nobody hears of it: octets vanish from then on.
    pub(super) unheard: bool,
}

/// Octets on their way in one direction.
#[derive(Default)]
struct Lane {
    /// Each piece, and when it arrives.
    pieces: VecDeque<(Instant, Vec<u8>)>,
    written: u64,
    read: u64,
    closed: bool,
    reader: Option<Waker>,
    /// What is written behind so many octets is lost.
    breaks: Option<u64>,
}

#[derive(Default)]
struct Line {
    /// From whoever opened it, and to them.
    lanes: [Lane; 2],
    broken: bool,
    unheard: bool,
}

/// One end of a connection.
pub(super) struct End {
    line: Arc<Mutex<Line>>,
    world: Arc<World>,
    /// The lane that it writes to.
    writes: usize,
    /// Whether the relay holds it.
    ours: bool,
    choppy: bool,
    slow: bool,
    timer: Option<Pin<Box<Sleep>>>,
}

/// What is known of a line when it is over.
#[derive(Clone)]
pub(super) struct Trail {
    line: Arc<Mutex<Line>>,
    reads: usize,
    up_to: u64,
}

impl Trail {
    /// Whether everything that had been written when the trail was taken has been read at the other end.
    pub(super) fn was_heard(&self) -> bool {
        held(&self.line).lanes[self.reads].read >= self.up_to
    }
}

/// The hosts of the world that listen.
pub(super) struct Net {
    world: Arc<World>,
    hosts: Mutex<Vec<(SocketAddr, mpsc::UnboundedSender<Connected>)>>,
    opened: AtomicU64,
}

/// A host's end of a new connection, and who connects.
type Connected = (End, SocketAddr);

/// Where a host takes connections.
pub(super) struct Listener(Fair<mpsc::UnboundedReceiver<Connected>>);

impl fmt::Debug for Net {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the simulated network")
    }
}

impl fmt::Debug for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a simulated connection")
    }
}

impl Net {
    pub(super) fn new(world: &Arc<World>) -> Arc<Self> {
        Arc::new(Self {
            world: Arc::clone(world),
            hosts: Mutex::default(),
            opened: AtomicU64::new(0),
        })
    }

    pub(super) fn listen(&self, at: SocketAddr) -> Arc<Listener> {
        let (give, take) = mpsc::unbounded_channel();
        let mut hosts = held(&self.hosts);
        hosts.retain(|(host, _)| *host != at);
        hosts.push((at, give));
        Arc::new(Listener(Fair::new(take)))
    }

    /// Opens a connection from `from`; `ours`: the relay does.
    pub(super) async fn open(&self, from: SocketAddr, to: SocketAddr, ours: bool) -> io::Result<End> {
        let (away, slow, choppy) = {
            let weather = held(&self.world.weather);
            let now = self.world.now();
            let away = weather.away.iter().find(|(host, _, until)| *host == to && *until > now);
            let away = away.map(|(_, how, _)| *how);
            (away, weather.slow, weather.choppy)
        };
        sleep(self.world.millis(1..5)).await;
        match away {
            Some(Away::Refuses) => return Err(io::ErrorKind::ConnectionRefused.into()),
            Some(Away::Silent) => std::future::pending().await,
            None => {}
        }
        let far = if ours { to } else { from };
        let breaks = {
            let mut weather = held(&self.world.weather);
            let place = weather.ends.iter().position(|(host, _)| host.ip() == far.ip());
            place.and_then(|place| weather.ends.remove(place)).map(|(_, how)| how)
        };
        let mut line = Line::default();
        if let Some(breaks) = breaks {
            line.lanes[usize::from(!breaks.onward)].breaks = Some(breaks.after);
            line.unheard = breaks.unheard;
        }
        let line = Arc::new(Mutex::new(line));
        let end = |writes, ours| End {
            line: Arc::clone(&line),
            world: Arc::clone(&self.world),
            writes,
            ours,
            choppy,
            slow,
            timer: None,
        };
        let host = held(&self.hosts)
            .iter()
            .find(|(host, _)| *host == to)
            .map(|(_, give)| give.clone());
        let number = self.opened.fetch_add(1, SeqCst);
        let from = SocketAddr::new(from.ip(), 10_000 + (number % 50_000) as u16);
        match host.map(|give| give.send((end(1, !ours), from))) {
            Some(Ok(())) => Ok(end(0, ours)),
            _ => Err(io::ErrorKind::ConnectionRefused.into()),
        }
    }
}

impl Network for Net {
    fn connect<'a>(&'a self, addresses: &'a [SocketAddr]) -> BoxFuture<'a, io::Result<Box<dyn Transport>>> {
        Box::pin(async move {
            self.world.next_step().await;
            let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
            for address in addresses {
                match self.open(super::RELAY, *address, true).await {
                    Ok(end) => return Ok(Box::new(end) as Box<dyn Transport>),
                    Err(error) => last = error,
                }
            }
            Err(last)
        })
    }
}

impl Listener {
    pub(super) async fn next(&self) -> Option<(End, SocketAddr)> {
        self.0.lock().await.recv().await
    }
}

impl Listen for Listener {
    type Stream = End;

    async fn accept(&self) -> io::Result<Arrived<End>> {
        let Some((stream, remote)) = self.next().await else {
            return std::future::pending().await;
        };
        let behind = Descriptors::Enough;
        Ok(Arrived { stream, remote, behind })
    }
}

impl End {
    /// Of what has been written so far.
    pub(super) fn trail(&self) -> Trail {
        Trail {
            line: Arc::clone(&self.line),
            reads: self.writes,
            up_to: held(&self.line).lanes[self.writes].written,
        }
    }

    fn lives(&self) -> bool {
        !self.ours || !self.world.is_dead()
    }
}

impl Line {
    fn break_off(&mut self) {
        if !self.unheard {
            self.broken = true;
            for lane in &mut self.lanes {
                lane.reader.take().into_iter().for_each(Waker::wake);
            }
        }
    }
}

impl Transport for End {
    /// Nothing is hidden from this runtime.
    fn has_arrived(&self) -> bool {
        false
    }

    fn poll_arrived(&self, _: &mut Context<'_>) -> Poll<()> {
        Poll::Ready(())
    }
}

impl AsyncRead for End {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if !this.lives() {
            return Poll::Pending;
        }
        loop {
            let due = {
                let mut line = held(&this.line);
                let broken = line.broken;
                let lane = &mut line.lanes[1 - this.writes];
                match lane.pieces.front() {
                    Some((due, _)) if *due > Instant::now() => *due,
                    Some(_) => {
                        if this.ours && !this.world.step() {
                            return Poll::Pending;
                        }
                        let (due, mut piece) = lane.pieces.pop_front().unwrap();
                        let most = piece.len().min(buffer.remaining());
                        let take = match this.choppy {
                            true => this.world.pick(1..most as u64 + 1) as usize,
                            false => most,
                        };
                        let rest = piece.split_off(take);
                        buffer.put_slice(&piece);
                        lane.read += take as u64;
                        if !rest.is_empty() {
                            lane.pieces.push_front((due, rest));
                        }
                        return Poll::Ready(Ok(()));
                    }
                    None if broken => return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into())),
                    None if lane.closed => return Poll::Ready(Ok(())),
                    None => {
                        lane.reader = Some(context.waker().clone());
                        return Poll::Pending;
                    }
                }
            };
            let timer = this.timer.insert(Box::pin(sleep_until(due)));
            if timer.as_mut().poll(context).is_pending() {
                return Poll::Pending;
            }
        }
    }
}

impl AsyncWrite for End {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if !this.lives() || this.ours && !this.world.step() {
            return Poll::Pending;
        }
        let take = match this.choppy && octets.len() > 1 {
            true => this.world.pick(1..octets.len() as u64 + 1) as usize,
            false => octets.len(),
        };
        let latency = if this.slow {
            this.world.millis(50..2_000)
        } else {
            this.world.millis(1..4)
        };
        let mut line = held(&this.line);
        if line.broken || line.lanes[1 - this.writes].closed && line.lanes[this.writes].closed {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let lane = &mut line.lanes[this.writes];
        let room = lane
            .breaks
            .map_or(take as u64, |at| at.saturating_sub(lane.written).min(take as u64));
        let breaks = lane.breaks.is_some_and(|at| lane.written + take as u64 > at);
        lane.written += take as u64;
        if room > 0 {
            let last = lane.pieces.back().map_or(Instant::now(), |(due, _)| *due);
            let due = last.max(Instant::now() + latency);
            lane.pieces.push_back((due, octets[..room as usize].to_vec()));
            lane.reader.take().into_iter().for_each(Waker::wake);
        }
        if breaks {
            let lanes = &mut line.lanes;
            lanes
                .iter_mut()
                .for_each(|lane| lane.breaks = Some(lane.breaks.unwrap_or(lane.written)));
            line.break_off();
        }
        Poll::Ready(Ok(take))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.lives() {
            true => Poll::Ready(Ok(())),
            false => Poll::Pending,
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.lives() {
            self.close();
        }
        Poll::Ready(Ok(()))
    }
}

impl End {
    fn close(&self) {
        let mut line = held(&self.line);
        let unheard = line.unheard;
        let lane = &mut line.lanes[self.writes];
        // The end of an unheard line is not heard either.
        if !(unheard && lane.breaks.is_some()) {
            lane.closed = true;
            lane.reader.take().into_iter().for_each(Waker::wake);
        }
    }
}

impl Drop for End {
    fn drop(&mut self) {
        self.close();
    }
}

/// Longer than anybody's patience.
pub(super) const FOR_EVER: Duration = Duration::from_secs(86_400);
