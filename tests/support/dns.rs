//! Debian's dnsmasq, with records of ours and nothing else.

use std::process::Command;

use super::{Process, tools};

/// A name server on a loopback port.
pub struct Dns {
    process: Process,
    port: u16,
}

impl Dns {
    /// Whether it can be run here.
    pub fn is_there() -> bool {
        tools::have_programs(&["dnsmasq"])
    }

    /// One that knows these NAPTR records: the name, and the rest as dnsmasq writes it. It answers that everything else
    /// under `e164.arpa` does not exist.
    pub fn start(records: &[(&str, &str)]) -> Self {
        let port = tools::free_port();
        let mut command = Command::new(tools::program("dnsmasq"));
        command.args([
            "--keep-in-foreground",
            "--no-resolv",
            "--no-hosts",
            "--conf-file=/dev/null",
            "--pid-file=",
        ]);
        command.args([
            "--listen-address=127.0.0.1",
            "--bind-interfaces",
            "--log-facility=-",
            "--local=/e164.arpa/",
        ]);
        command.arg(format!("--port={port}"));
        if tools::is_root() {
            command.arg("--user=root");
        }
        for (name, record) in records {
            command.arg(format!("--naptr-record={name},{record}"));
        }
        let process = Process::spawn("dnsmasq", command);
        process.wait_for_log("cleared cache");
        Self { process, port }
    }

    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    pub fn stop(mut self) {
        self.process.signal("KILL");
        self.process.wait();
    }
}
