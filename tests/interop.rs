//! The relay among programs that others wrote: clients, next hops, and readers of what it wrote.

use std::path::Path;
use std::process::Command;

use crate::support::{Conversation, Peer, Postfix, Process, Relay, config, eventually, plugin, root, sample, tools};

/// Everything that a program on the way may be tempted to touch: dots at line starts, folding, odd spacing, trailing
/// blanks, empty lines at the end.
fn delicate(id: &str) -> Vec<u8> {
    let odd = [
        "X-Odd-FOLDING:  two  blanks\r\n\t and a tab",
        "x-mms-priority: Normal",
        "X-Mms-Expiry:3600 ",
    ];
    sample::with_body(
        id,
        &odd,
        b".\r\n..\r\n.dot\r\n...three\r\n\r\ntrailing blank \r\n\t.\r\nFrom here\r\n\r\n.\r\n\r\n",
    )
}

fn send(relay: &Relay, message: &[u8]) {
    let mut client = Conversation::open(relay.address()).hello();
    let answer = client.transaction(sample::FROM, &[sample::TO], message);
    assert!(answer.starts_with("250 "), "{answer}");
}

fn port(address: &str) -> &str {
    address.rsplit(':').next().expect("HOST:PORT")
}

#[test]
fn swaks_delivers_through_the_relay() {
    if !tools::have_programs(&["swaks"]) {
        return;
    }
    let peer = Peer::start();
    let relay = Relay::start(&config(&peer, ""));
    let message = delicate("swaks1");
    let file = relay.path("message.eml");
    std::fs::write(&file, &message).expect("a writable folder");
    let said = tools::run(&mut swaks(&relay, sample::TO, &file));
    assert!(said.contains("<-  250 2.0.0 "), "the final dot is answered");
    let taken = &peer.wait_for(1)[0];
    assert_eq!(taken.to, [sample::TO]);
    // swaks ends its data with a line end of its own.
    let arrived = taken.without_trace();
    assert_eq!(text(arrived.strip_suffix(b"\r\n").unwrap_or(arrived)), text(&message));
}

#[test]
fn swaks_is_told_which_recipient_is_refused() {
    if !tools::have_programs(&["swaks"]) {
        return;
    }
    let peer = Peer::start();
    let relay = Relay::start(&config(&peer, ""));
    let file = relay.path("message.eml");
    std::fs::write(&file, delicate("swaks2")).expect("a writable folder");
    let both = format!("a@nowhere.example,{}", sample::TO);
    let output = swaks(&relay, &both, &file).output().expect("swaks runs");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("<** 550 "), "{said}");
    assert_eq!(
        peer.wait_for(1)[0].to,
        [sample::TO],
        "the other recipient gets the message"
    );
}

fn swaks(relay: &Relay, to: &str, file: &Path) -> Command {
    let mut swaks = Command::new(tools::program("swaks"));
    // Without it, a number's plus sign begins an option.
    swaks.env("POSIXLY_CORRECT", "1");
    swaks.args(["--server", "127.0.0.1", "--port", port(relay.address())]);
    swaks.args(["--helo", "swaks.a.example", "--from", sample::FROM, "--to", to]);
    swaks.arg("--data").arg(format!("@{}", file.display()));
    swaks
}

#[test]
fn python_smtplib_delivers_through_the_relay() {
    if !tools::have_python(&["smtplib"]) {
        return;
    }
    let peer = Peer::start();
    let relay = Relay::start(&config(&peer, ""));
    let messages = [delicate("python1"), delicate("python2")];
    for (name, message) in ["1", "2"].iter().zip(&messages) {
        std::fs::write(relay.path(name), message).expect("a writable folder");
    }
    let folder = relay.folder().to_str().expect("UTF-8");
    let said = tools::python(SMTPLIB, &[port(relay.address()), sample::FROM, sample::TO, folder]);
    assert_eq!(
        said,
        "refused {}\nrefused {}\nextensions pipelining size\n8 bits True\n"
    );
    let mut arrived: Vec<_> = peer
        .wait_for(2)
        .iter()
        .map(|taken| text(taken.without_trace()))
        .collect();
    arrived.sort();
    assert_eq!(arrived, messages.map(|message| text(&message)));
}

const SMTPLIB: &str = r#"
import pathlib, smtplib, sys
port, sender, recipient, folder = sys.argv[1:]
with smtplib.SMTP("127.0.0.1", int(port), local_hostname="python.a.example", timeout=20) as client:
    for name in ("1", "2"):
        message = (pathlib.Path(folder) / name).read_bytes()
        print("refused", client.sendmail(sender, [recipient], message))
    print("extensions", *(name for name in ("pipelining", "size") if client.has_extn(name)))
    print("8 bits", client.has_extn("8bitmime"))
"#;

#[test]
fn many_sessions_of_smtp_source_are_all_delivered() {
    if !tools::have_programs(&["smtp-source"]) {
        return;
    }
    let peer = Peer::start();
    let relay = Relay::start(&config(&peer, ""));
    let message = delicate("source");
    let file = relay.path("message.eml");
    // It takes lines with LF, and puts a line end behind the file's last.
    let lines = text(&message).replace("\r\n", "\n");
    std::fs::write(&file, lines.strip_suffix('\n').unwrap_or(&lines)).expect("a writable folder");
    let mut source = Command::new(tools::program("smtp-source"));
    source.args([
        "-s",
        "20",
        "-m",
        "500",
        // A number before each recipient: the same message to the same recipient again would be a repeat.
        "-N",
        "-M",
        "source.a.example",
        "-f",
        sample::FROM,
        "-t",
        sample::TO,
    ]);
    source.arg("-F").arg(&file).arg(format!("inet:{}", relay.address()));
    tools::run(&mut source);
    let arrived = peer.wait_for(500);
    assert_eq!(arrived.len(), 500);
    for taken in arrived {
        assert_eq!(text(taken.without_trace()), text(&message));
    }
}

#[test]
fn smtp_sink_takes_what_the_relay_delivers() {
    if !tools::have_programs(&["smtp-sink"]) {
        return;
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let dumps = folder.path().join("dumps");
    std::fs::create_dir(&dumps).expect("a writable folder");
    let address = format!("127.0.0.1:{}", tools::free_port());
    let _sink = sink(&address, &dumps, folder.path());
    eventually("smtp-sink listens", || std::net::TcpStream::connect(&address).ok());
    let relay = Relay::start(&config_to(&address));
    let messages: Vec<Vec<u8>> = (0..20).map(|number| delicate(&format!("sink{number:02}"))).collect();
    for message in &messages {
        send(&relay, message);
    }
    eventually("everything is delivered", || {
        relay.print(&["queue", "list"]).starts_with("nothing").then_some(())
    });
    let files = std::fs::read_dir(&dumps).expect("the dumps").flatten();
    let mut arrived: Vec<String> = files
        .map(|file| std::fs::read_to_string(file.path()).expect("a dump"))
        .map(|dump| behind_sinks_header(&dump).to_owned())
        .collect();
    arrived.sort();
    // It writes lines with LF, and an empty one behind each message.
    let dumped = |message: &Vec<u8>| text(message).replace("\r\n", "\n") + "\n";
    let expected: Vec<String> = messages.iter().map(dumped).collect();
    assert_eq!(arrived, expected);
}

/// smtp-sink, which does not run as root.
fn sink(address: &str, dumps: &Path, folder: &Path) -> Process {
    let mut command = Command::new(tools::program("smtp-sink"));
    if tools::is_root() {
        tools::run(Command::new("chmod").arg("755").arg(folder));
        tools::run(Command::new("chown").arg("nobody").arg(dumps));
        command.args(["-u", "nobody"]);
    }
    command.arg("-d").arg(dumps.join("%s.")).args([address, "100"]);
    Process::spawn("smtp-sink", command)
}

/// What follows smtp-sink's own fields and our `Received`.
fn behind_sinks_header(dump: &str) -> &str {
    let ours = dump.find("by mm4.hub.example").expect("our Received");
    let mut rest = &dump[ours..];
    loop {
        let end = rest.find('\n').expect("lines end") + 1;
        rest = &rest[end..];
        if !rest.starts_with([' ', '\t']) {
            return rest;
        }
    }
}

#[test]
fn a_whole_postfix_relays_on_what_the_relay_delivers() {
    if !tools::have_programs(&["postfix"]) || !tools::am_root() {
        return;
    }
    let peer = Peer::start();
    let postfix = Postfix::relaying_to(peer.address());
    let relay = Relay::start(&config_to(postfix.address()));
    let mut messages: Vec<Vec<u8>> = (0..20).map(|number| delicate(&format!("postfix{number:02}"))).collect();
    // One that comes in many packets.
    let line = b".A line of a picture that is long enough to be worth sending, with a dot in front.\r\n";
    messages.push(sample::with_body("postfix20", &[], &line.repeat(10_000)));
    for message in &messages {
        send(&relay, message);
    }
    let mut arrived: Vec<String> = peer
        .wait_for(messages.len())
        .iter()
        .map(|taken| text(behind_every_trace(taken.without_trace())))
        .collect();
    arrived.sort();
    let expected: Vec<String> = messages.iter().map(|message| text(message)).collect();
    assert!(
        arrived == expected,
        "arrived:\n{}",
        arrived.first().map_or("nothing", String::as_str)
    );
}

/// The message without the `Received` fields at its top.
fn behind_every_trace(mut message: &[u8]) -> &[u8] {
    while message.starts_with(b"Received:") {
        loop {
            let end = message.windows(2).position(|pair| pair == b"\r\n").expect("lines end");
            message = &message[end + 2..];
            if !message.starts_with(b" ") && !message.starts_with(b"\t") {
                break;
            }
        }
    }
    message
}

#[test]
fn python_and_pillow_open_what_content_adapt_made() {
    if !tools::have_python(&["email", "PIL"]) {
        return;
    }
    // The sample, what the destination takes, and what that means for a picture.
    let cases = [
        (
            "photo-over-pixel-limit",
            "max-image-width = 80\nmax-image-height = 60",
            "JPEG",
        ),
        ("png-becomes-jpeg", "max-image-size = \"3000 B\"", "JPEG"),
        (
            "animation-over-limit",
            "max-image-width = 32\nmax-image-height = 24",
            "JPEG",
        ),
        (
            "transparent-png-stays-png",
            "max-image-width = 48\nmax-image-height = 48\nmax-image-size = \"3000 B\"",
            "PNG",
        ),
    ];
    for (name, limits, format) in cases {
        let peer = Peer::start();
        let relay = Relay::start(&config(&peer, &adapting(limits)));
        let sample = root()
            .join("plugins/content-adapt/samples")
            .join(name)
            .join("message.eml");
        send(&relay, &std::fs::read(sample).expect("the sample"));
        let file = relay.path("arrived.eml");
        std::fs::write(&file, &peer.wait_for(1)[0].bytes).expect("a writable folder");
        let judged = tools::python(PILLOW, &[file.to_str().expect("UTF-8")]);
        let judged: serde_json::Value = serde_json::from_str(&judged).expect("JSON");
        assert_eq!(
            judged["defects"],
            serde_json::json!([]),
            "{name}: Python finds fault with the message"
        );
        assert_eq!(
            judged["dangling"],
            serde_json::json!([]),
            "{name}: the presentation names what is not there"
        );
        let pictures = judged["pictures"].as_array().expect("a list");
        assert_eq!(pictures.len(), 1, "{name}: {judged}");
        let picture = &pictures[0];
        let number = |key: &str| picture[key].as_u64().expect("a number");
        let limit = |key: &str| {
            let line = limits
                .lines()
                .find_map(|line| line.strip_prefix(key)?.strip_prefix(" = "));
            let digits = line.map(|value| value.trim_matches(['"', 'B', ' ']).parse::<u64>());
            digits.map_or(u64::MAX, |number| number.expect("a number"))
        };
        assert_eq!(picture["format"], format, "{name}");
        assert_eq!(
            picture["declared"],
            format!("image/{}", format.to_lowercase()),
            "{name}"
        );
        assert!(number("width") <= limit("max-image-width"), "{name}: {picture}");
        assert!(number("height") <= limit("max-image-height"), "{name}: {picture}");
        assert!(number("octets") <= limit("max-image-size"), "{name}: {picture}");
        assert!(
            number("width") * number("height") >= 16,
            "{name}: something is left to see: {picture}"
        );
    }
}

/// Reads a message strictly, decodes every picture to its last pixel, and follows the presentation's references.
const PILLOW: &str = r#"
import email, email.policy, io, json, re, sys
from PIL import Image
message = email.message_from_binary_file(open(sys.argv[1], "rb"), policy=email.policy.SMTP)
defects, pictures, names, references = [], [], set(), []
for part in message.walk():
    defects += [repr(defect) for defect in part.defects]
    names |= {(part["Content-ID"] or "").strip(" <>"), part["Content-Location"] or ""}
    if part.get_content_type() == "application/smil":
        references += re.findall(r'src="([^"]*)"', part.get_payload(decode=True).decode())
    if part.get_content_maintype() == "image":
        octets = part.get_payload(decode=True)
        picture = Image.open(io.BytesIO(octets))
        picture.load()
        pictures.append({"declared": part.get_content_type(), "format": picture.format, "width": picture.width,
                         "height": picture.height, "octets": len(octets)})
dangling = [name for name in references if name.removeprefix("cid:") not in names]
print(json.dumps({"defects": defects, "pictures": pictures, "dangling": dangling}))
"#;

fn adapting(limits: &str) -> String {
    format!(
        "{limits}\n\n[[plugin]]\nname = \"content-adapt\"\nfile = {:?}\ngrants = [\"log\"]\n",
        plugin("content-adapt")
    )
}

fn config_to(next_hop: &str) -> String {
    // The peer is only there for its address, which is replaced.
    let peer = Peer::start();
    config(&peer, "").replace(peer.address(), next_hop)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
