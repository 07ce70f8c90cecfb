//! Connections: they take their time, deliver octets in pieces of any size, and break wherever a story says so.

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

use super::world::{Life, World, held};
use crate::delivery::Transport;

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
    /// The relay that holds it, if one does.
    ours: Option<Arc<Life>>,
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

impl fmt::Debug for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a simulated connection")
    }
}

/// A new connection: the end of whoever opens it, and the other one.
pub(super) fn laid(world: &Arc<World>, breaks: Option<Breaks>, (choppy, slow): (bool, bool)) -> (End, End) {
    let mut line = Line::default();
    if let Some(breaks) = breaks {
        line.lanes[usize::from(!breaks.onward)].breaks = Some(breaks.after);
        line.unheard = breaks.unheard;
    }
    let line = Arc::new(Mutex::new(line));
    let end = |writes| End {
        line: Arc::clone(&line),
        world: Arc::clone(world),
        writes,
        ours: None,
        choppy,
        slow,
        timer: None,
    };
    (end(0), end(1))
}

impl End {
    pub(super) fn held_by(mut self, ours: Option<Arc<Life>>) -> Self {
        self.ours = ours;
        self
    }

    /// Of what has been written so far.
    pub(super) fn trail(&self) -> Trail {
        Trail {
            line: Arc::clone(&self.line),
            reads: self.writes,
            up_to: held(&self.line).lanes[self.writes].written,
        }
    }

    /// Whether whoever holds it does something with it.
    fn steps(&self) -> bool {
        self.ours.as_ref().is_none_or(|life| self.world.step(life))
    }

    fn lives(&self) -> bool {
        self.ours.as_ref().is_none_or(|life| !life.is_over())
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
                        if !this.steps() {
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
        if !this.lives() || !this.steps() {
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
