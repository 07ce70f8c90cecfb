//! Debian's dnsmasq, with records of ours and nothing else.

use std::net::Ipv4Addr;
use std::process::Command;

use super::{Process, own_host, tools};

/// A name server on a loopback port.
pub struct Dns {
    process: Process,
    host: Ipv4Addr,
    port: u16,
}

impl Dns {
    /// Whether it can be run here.
    pub fn is_there() -> bool {
        tools::have_programs(&["dnsmasq"])
    }

    /// Whether one of them can stand in for the system's name servers, for a relay alone: that takes root, for port 53,
    /// and a mount namespace, for `/etc/resolv.conf`.
    pub fn can_be_the_systems() -> bool {
        Self::is_there() && tools::am_root() && tools::can_unshare()
    }

    /// One that knows these NAPTR records: the name, and the rest as dnsmasq writes it. It answers that everything else
    /// under `e164.arpa` does not exist.
    pub fn start(records: &[(&str, &str)]) -> Self {
        let record = |(name, record): &(&str, &str)| format!("--naptr-record={name},{record}");
        let mut options: Vec<String> = records.iter().map(record).collect();
        options.push("--local=/e164.arpa/".into());
        Self::on(Ipv4Addr::LOCALHOST, tools::free_port(), &options)
    }

    /// One at the port where systems ask, which knows what these options of dnsmasq say. It answers that everything else
    /// under `example` does not exist.
    pub fn of_the_system(records: &[String]) -> Self {
        let options = [records, &["--local=/example/".into()]].concat();
        Self::on(own_host(), 53, &options)
    }

    fn on(host: Ipv4Addr, port: u16, options: &[String]) -> Self {
        let mut command = Command::new(tools::program("dnsmasq"));
        command.args([
            "--keep-in-foreground",
            "--no-resolv",
            "--no-hosts",
            "--conf-file=/dev/null",
            "--pid-file=",
            "--bind-interfaces",
            "--log-facility=-",
        ]);
        command.args([format!("--listen-address={host}"), format!("--port={port}")]);
        if tools::is_root() {
            command.arg("--user=root");
        }
        command.args(options);
        let process = Process::spawn("dnsmasq", command);
        process.wait_for_log("cleared cache");
        Self { process, host, port }
    }

    pub fn host(&self) -> Ipv4Addr {
        self.host
    }

    pub fn address(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    pub fn stop(mut self) {
        self.process.signal("KILL");
        self.process.wait();
    }
}
