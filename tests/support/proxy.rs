//! A network between two programs, that a test cuts.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// Where a connection is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// What has these octets in it is not passed on.
    Before(&'static [u8]),
    /// It is passed on, and its answer is not.
    After(&'static [u8]),
}

/// Passes octets on, until it is told to cut.
pub struct Proxy {
    pub port: u16,
    cut: Arc<Mutex<Option<Cut>>>,
}

impl Proxy {
    /// In front of what listens there on loopback.
    pub fn to(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let own = listener.local_addr().expect("bound").port();
        let cut = Arc::<Mutex<Option<Cut>>>::default();
        let told = Arc::clone(&cut);
        // Ends with the test program: nobody connects any more.
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                if let Ok(server) = TcpStream::connect(("127.0.0.1", port)) {
                    pass(client, server, &told);
                }
            }
        });
        Self { port: own, cut }
    }

    /// The next connection that comes to it is cut there.
    pub fn cuts(&self, cut: Cut) {
        *self.cut.lock().expect("nobody panics with it") = Some(cut);
    }

    /// Whether it has not come to it yet.
    pub fn is_to_cut(&self) -> bool {
        self.cut.lock().expect("nobody panics with it").is_some()
    }
}

fn pass(client: TcpStream, server: TcpStream, told: &Arc<Mutex<Option<Cut>>>) {
    let (Ok(from_client), Ok(from_server)) = (client.try_clone(), server.try_clone()) else {
        return;
    };
    let told = Arc::clone(told);
    let silent = Arc::<Mutex<bool>>::default();
    let keeps_silent = Arc::clone(&silent);
    thread::spawn(move || {
        relay(from_client, &server, |octets| {
            let mut told = told.lock().expect("nobody panics with it");
            let found = |wanted: &[u8]| octets.windows(wanted.len()).any(|there| there == wanted);
            match *told {
                Some(Cut::Before(wanted)) if found(wanted) => {
                    *told = None;
                    Step::Cut
                }
                Some(Cut::After(wanted)) if found(wanted) => {
                    *told = None;
                    *silent.lock().expect("nobody panics with it") = true;
                    Step::Pass
                }
                _ => Step::Pass,
            }
        });
    });
    thread::spawn(move || {
        relay(from_server, &client, |_| {
            match *keeps_silent.lock().expect("nobody panics with it") {
                true => Step::Cut,
                false => Step::Pass,
            }
        });
    });
}

#[derive(PartialEq, Eq)]
enum Step {
    Pass,
    Cut,
}

fn relay(mut from: TcpStream, mut to: &TcpStream, step: impl Fn(&[u8]) -> Step) {
    let mut octets = [0; 65_536];
    while let Ok(count) = from.read(&mut octets) {
        if count == 0 || step(&octets[..count]) == Step::Cut || to.write_all(&octets[..count]).is_err() {
            break;
        }
    }
    let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
}
