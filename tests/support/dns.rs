//! Debian's dnsmasq, with records of ours and nothing else.

use std::process::Command;

use super::{Process, tools};

/// A name server on a loopback port.
pub struct Dns {
    process: Process,
    port: u16,
}

/// The configuration with these name servers in `[relay]`.
pub fn asking(servers: &[&str], config: &str) -> String {
    config.replace("[relay]", &format!("[relay]\nname-servers = {servers:?}"))
}

impl Dns {
    /// Whether it can be run here.
    pub fn is_there() -> bool {
        tools::have_programs(&["dnsmasq"])
    }

    /// One that knows these NAPTR records: the name, and the rest as dnsmasq writes it. It answers that everything else
    /// under `e164.arpa` does not exist.
    pub fn start(records: &[(&str, &str)]) -> Self {
        let record = |(name, record): &(&str, &str)| format!("--naptr-record={name},{record}");
        let mut options: Vec<String> = records.iter().map(record).collect();
        options.push("--local=/e164.arpa/".into());
        Self::on(tools::free_port(), &options)
    }

    /// One that knows what these options of dnsmasq say. It answers that everything else
    /// under `example` does not exist.
    pub fn of_hosts(records: &[String]) -> Self {
        let options = [records, &["--local=/example/".into()]].concat();
        Self::on(tools::free_port(), &options)
    }

    fn on(port: u16, options: &[String]) -> Self {
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
        command.args(["--listen-address=127.0.0.1".to_owned(), format!("--port={port}")]);
        if tools::is_root() {
            command.arg("--user=root");
        }
        command.args(options);
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
