//! A Postfix of the test's own: its own folders, its own port, nobody else's mail.

use std::path::PathBuf;
use std::process::Command;

use super::{eventually, tools};

/// A running Postfix that relays everything to one next hop; stopped when it is dropped.
pub struct Postfix {
    folder: PathBuf,
    address: String,
}

impl Postfix {
    /// Needs root, and Debian's package.
    pub fn relaying_to(next_hop: &str) -> Self {
        let port = tools::free_port();
        // Not in a temporary folder: its daemons change their user, and must be able to reach it.
        let folder = target().join(format!("interop-postfix-{port}"));
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(folder.join("queue")).expect("a writable target folder");
        std::fs::create_dir_all(folder.join("data")).expect("a writable target folder");
        tools::run(Command::new("chown").arg("postfix").arg(folder.join("data")));
        let (host, next_port) = next_hop.rsplit_once(':').expect("HOST:PORT");
        let main = MAIN
            .replace("{dir}", &folder.display().to_string())
            .replace("{next-hop}", &format!("[{host}]:{next_port}"));
        std::fs::write(folder.join("main.cf"), main).expect("a writable folder");
        let master = MASTER.replace("{port}", &port.to_string());
        std::fs::write(folder.join("master.cf"), master).expect("a writable folder");
        let postfix = Self {
            folder,
            address: format!("127.0.0.1:{port}"),
        };
        tools::run(&mut postfix.command("start"));
        eventually("Postfix listens", || {
            std::net::TcpStream::connect(&postfix.address).ok()
        });
        postfix
    }

    pub fn address(&self) -> &str {
        &self.address
    }

    fn command(&self, word: &str) -> Command {
        let mut command = Command::new(tools::program("postfix"));
        command.arg("-c").arg(&self.folder).arg(word);
        command
    }
}

impl Drop for Postfix {
    fn drop(&mut self) {
        let log = std::fs::read_to_string(self.folder.join("postfix.log")).unwrap_or_default();
        println!("--- Postfix's log ---\n{log}---------------------");
        let _ = self.command("stop").output();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn target() -> PathBuf {
    super::root().join("target")
}

/// No address is rewritten, so that what arrives behind it can be compared octet for octet.
const MAIN: &str = "\
compatibility_level = 3.6
queue_directory = {dir}/queue
data_directory = {dir}/data
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
mail_owner = postfix
setgid_group = postdrop
myhostname = postfix.b.example
mydestination =
local_recipient_maps =
local_header_rewrite_clients =
alias_maps =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
relayhost = {next-hop}
smtp_dns_support_level = disabled
maillog_file = {dir}/postfix.log
maillog_file_prefixes = {dir}
";

const MASTER: &str = "\
127.0.0.1:{port} inet n - n - - smtpd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
";
