//! The thread that writes the log, and the bounded queue before it.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use tracing_subscriber::fmt::MakeWriter;

/// The most lines that wait to be written. With [`LINE`] that is at most 8 MiB.
const QUEUE: usize = 1024;

/// The longest line in octets; longer ones are cut.
const LINE: usize = 8 << 10;

/// How often the writer tries to report lost lines while nobody logs anything.
const AGAIN: Duration = Duration::from_secs(1);

/// How long the writer waits for further lines before it sleeps until one wakes it. To wake a thread costs more than to
/// write a line, and under load there is always another one within this time.
const PAUSE: Duration = Duration::from_millis(2);

/// How often the end is requested again while the queue is full.
const MOMENT: Duration = Duration::from_millis(5);

enum Work {
    Line(Vec<u8>),
    /// Writes later lines to this place.
    To(Box<dyn Write + Send>),
    /// Confirms that everything before it was written, or was lost.
    Finish(SyncSender<()>),
}

/// Takes lines without ever waiting.
#[derive(Clone)]
pub(super) struct Sink {
    lines: SyncSender<Work>,
    losses: Arc<Losses>,
}

#[derive(Default)]
struct Losses {
    /// Lines lost since the start.
    all: AtomicU64,
    /// Lost lines that were not reported yet.
    unsaid: AtomicU64,
}

impl Sink {
    pub fn start(out: Box<dyn Write + Send>) -> io::Result<Self> {
        let (lines, queue) = sync_channel(QUEUE);
        let losses = Arc::new(Losses::default());
        let keeper = Keeper {
            out,
            losses: Arc::clone(&losses),
            torn: false,
            why: None,
        };
        let thread = std::thread::Builder::new().name("log".into());
        thread.spawn(move || keeper.run(&queue))?;
        Ok(Self { lines, losses })
    }

    /// Queues a line. Returns false when it is lost.
    pub fn line(&self, mut line: Vec<u8>) -> bool {
        if line.len() > LINE {
            let whole = line.len();
            // A character that is cut in two is shown as it is by the writer.
            line.truncate(LINE - 40);
            let _ = writeln!(line, "... ({whole} octets)");
        }
        let queued = self.lines.try_send(Work::Line(line)).is_ok();
        if !queued {
            self.losses.add(1);
        }
        queued
    }

    /// Changes the place. Returns false when the queue is full: then lines go to the old one.
    pub fn write_to(&self, out: Box<dyn Write + Send>) -> bool {
        self.lines.try_send(Work::To(out)).is_ok()
    }

    pub fn lost(&self) -> u64 {
        self.losses.all.load(Relaxed)
    }

    pub fn finish(&self, within: Duration) {
        let (until, (done, finished)) = (Instant::now() + within, sync_channel(1));
        // A full queue gets room again once its reader goes on.
        while self.lines.try_send(Work::Finish(done.clone())).is_err() {
            if Instant::now() >= until {
                return;
            }
            std::thread::sleep(MOMENT);
        }
        let _ = finished.recv_timeout(until.saturating_duration_since(Instant::now()));
    }
}

impl<'a> MakeWriter<'a> for Sink {
    type Writer = &'a Sink;

    fn make_writer(&'a self) -> Self::Writer {
        self
    }
}

/// One call is one line, because tracing's formatter writes so. It never fails, so no error is reported elsewhere.
impl Write for &Sink {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.line(line.to_vec());
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Losses {
    fn add(&self, lines: u64) {
        self.all.fetch_add(lines, Relaxed);
        self.unsaid.fetch_add(lines, Relaxed);
    }
}

/// The writer in its own thread, where it may wait without limit.
struct Keeper {
    out: Box<dyn Write + Send>,
    losses: Arc<Losses>,
    /// The last line was written in part.
    torn: bool,
    /// The error of the last attempt.
    why: Option<String>,
}

impl Keeper {
    fn run(mut self, queue: &Receiver<Work>) {
        loop {
            match queue.recv_timeout(AGAIN) {
                Ok(work) => self.work_off(work, queue),
                Err(RecvTimeoutError::Timeout) => {
                    self.say_losses();
                }
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// Until nothing comes any more.
    fn work_off(&mut self, first: Work, queue: &Receiver<Work>) {
        let mut next = Some(first);
        while let Some(work) = next {
            self.work(work);
            let later = || {
                std::thread::sleep(PAUSE);
                queue.try_recv().ok()
            };
            next = queue.try_recv().ok().or_else(later);
        }
    }

    fn work(&mut self, work: Work) {
        match work {
            Work::Line(line) => {
                if !(self.say_losses() && self.write(&line)) {
                    self.losses.add(1);
                }
            }
            Work::To(out) => {
                self.say_losses();
                (self.out, self.torn) = (out, false);
            }
            Work::Finish(done) => {
                self.say_losses();
                // The requester may be gone.
                let _ = done.try_send(());
            }
        }
    }

    /// Reports lost lines. Returns false when the log still cannot be written.
    fn say_losses(&mut self) -> bool {
        let lost = self.losses.unsaid.swap(0, Relaxed);
        if lost == 0 {
            return true;
        }
        let why = self.why.clone().unwrap_or_else(|| "it was written too slowly".into());
        let now = jiff::Timestamp::now();
        let said = self.write(
            format!("{now:.6}  WARN lines of the log are lost: {lost}, because {why} event=log-lost\n").as_bytes(),
        );
        if said {
            self.why = None;
        } else {
            self.losses.unsaid.fetch_add(lost, Relaxed);
        }
        said
    }

    fn write(&mut self, line: &[u8]) -> bool {
        let written = match self.torn {
            true => self.out.write_all(b"\n").and_then(|()| self.write_counting(line)),
            false => self.write_counting(line),
        };
        if let Err(error) = &written {
            self.why = Some(format!("it cannot be written: {error}"));
        }
        written.is_ok()
    }

    fn write_counting(&mut self, line: &[u8]) -> io::Result<()> {
        let mut rest = line;
        while !rest.is_empty() {
            match self.out.write(rest) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => rest = &rest[count..],
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.torn |= rest.len() < line.len();
                    return Err(error);
                }
            }
        }
        self.torn = false;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Condvar, Mutex};

    use super::*;

    /// A place for the log that can fill up, and stall.
    #[derive(Clone, Default)]
    struct Disk(Arc<(Mutex<State>, Condvar)>);

    #[derive(Default)]
    struct State {
        kept: Vec<u8>,
        free: Option<usize>,
        stalled: bool,
    }

    impl Disk {
        fn set(&self, free: Option<usize>, stalled: bool) {
            let mut state = self.0.0.lock().unwrap();
            (state.free, state.stalled) = (free, stalled);
            self.0.1.notify_all();
        }

        fn text(&self) -> String {
            String::from_utf8(self.0.0.lock().unwrap().kept.clone()).unwrap()
        }
    }

    impl Write for Disk {
        fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
            let state = self.0.0.lock().unwrap();
            let mut state = self.0.1.wait_while(state, |state| state.stalled).unwrap();
            let count = state.free.map_or(octets.len(), |free| free.min(octets.len()));
            if count == 0 {
                return Err(io::ErrorKind::StorageFull.into());
            }
            state.free = state.free.map(|free| free - count);
            state.kept.extend_from_slice(&octets[..count]);
            Ok(count)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    const LONG: Duration = Duration::from_secs(20);

    #[test]
    fn a_full_disk_costs_lines_and_they_are_counted_and_said_when_there_is_room_again() {
        let disk = Disk::default();
        let sink = Sink::start(Box::new(disk.clone())).unwrap();
        disk.set(Some(8), false);
        for line in ["first\n", "second\n", "third\n"] {
            sink.line(line.into());
        }
        sink.finish(LONG);
        assert_eq!((disk.text().as_str(), sink.lost()), ("first\nse", 2));
        disk.set(None, false);
        sink.line("fourth\n".into());
        sink.finish(LONG);
        let text = disk.text();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 4, "{text}");
        assert!(
            lines[2].contains("WARN lines of the log are lost: 2, because"),
            "{text}"
        );
        assert_eq!(lines[3], "fourth");
    }

    #[test]
    fn a_reader_that_stalls_holds_nobody_up() {
        let disk = Disk::default();
        let sink = Sink::start(Box::new(disk.clone())).unwrap();
        disk.set(None, true);
        let started = std::time::Instant::now();
        for _ in 0..3 * QUEUE {
            sink.line(b"line\n".to_vec());
        }
        sink.finish(Duration::from_millis(10));
        assert!(started.elapsed() < LONG, "{:?}", started.elapsed());
        let lost = sink.lost();
        assert!(lost >= 2 * QUEUE as u64 - 1, "{lost}");
        disk.set(None, false);
        // The queue is full until the thread has taken a line.
        while !sink.line(b"last\n".to_vec()) {
            std::thread::yield_now();
        }
        sink.finish(LONG);
        let text = disk.text();
        assert!(text.contains("because it was written too slowly"), "{text}");
    }

    #[test]
    fn a_line_of_any_length_is_cut() {
        let disk = Disk::default();
        let sink = Sink::start(Box::new(disk.clone())).unwrap();
        sink.line(vec![b'x'; 1 << 20]);
        sink.finish(LONG);
        let text = disk.text();
        assert!(
            text.len() <= LINE && text.ends_with("... (1048576 octets)\n"),
            "{}",
            text.len()
        );
    }
}
