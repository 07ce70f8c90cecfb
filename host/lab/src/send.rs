//! `mm4relay send`: a test client that shows the conversation, and a load generator.

mod load;
mod request;

use std::path::PathBuf;

use anyhow::{Context, bail};
use bytes::Bytes;

use super::mailer::Mailer;
use super::peer::Received;
use mm4relay::cli::counted;
use mm4relay::message::MmsAddress;
use mm4relay::rehearsal::library::sample;

/// Sends message files, or generated messages as a load.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Message files. Lines that end in a bare LF, as editors leave them, are sent with CRLF.
    #[arg(required_unless_present_any = ["load", "sample"], value_name = "FILE")]
    files: Vec<PathBuf>,
    /// A message of the library, by the name that `mm4relay sample list` gives it.
    #[arg(long, value_name = "NAME")]
    sample: Vec<String>,
    /// The server.
    #[arg(long, value_name = "HOST:PORT")]
    to: String,
    /// The sender; for files, the address in From when not given.
    #[arg(long, value_name = "ADDRESS")]
    from: Option<String>,
    /// A recipient; for files, the addresses in To when not given.
    #[arg(long, value_name = "ADDRESS")]
    rcpt: Vec<String>,
    /// What we call ourselves.
    #[arg(long, default_value = "mms.sender.example")]
    helo: String,
    /// Show the conversation.
    #[arg(long, short)]
    verbose: bool,
    #[command(flatten)]
    load: load::Args,
}

const SENDER: &str = "+15555550100/TYPE=PLMN@mms.a.example";
const RECIPIENT: &str = "+15555550199/TYPE=PLMN@mms.b.example";

/// Sends, and prints the results. Fails when a recipient of a file was not accepted.
pub async fn run(args: Args) -> anyhow::Result<()> {
    if args.load.load {
        let from = address(args.from.as_deref().unwrap_or(SENDER))?;
        let recipients = match args.rcpt.as_slice() {
            [] => vec![address(RECIPIENT)?],
            given => addresses(given)?,
        };
        let report = load::run(&args.load, args.to, args.helo, from, recipients).await?;
        println!("{report}");
        return Ok(());
    }
    let mut mailer = Mailer::connect(&args.to, &args.helo, args.verbose).await?;
    let mut refused = 0;
    for file in &args.files {
        let name = file.display().to_string();
        let raw = std::fs::read(file).with_context(|| format!("cannot read {name}"))?;
        refused += send_one(&mut mailer, &name, &raw, &args).await?;
    }
    for name in &args.sample {
        let sample = sample(name).map_err(anyhow::Error::msg)?;
        refused += send_one(&mut mailer, name, sample.octets, &args).await?;
    }
    mailer.quit().await?;
    match refused {
        0 => Ok(()),
        refused => bail!("not taken: {}", counted(refused as u64, "recipient")),
    }
}

/// Sends one message. Returns how many recipients were not accepted.
async fn send_one(mailer: &mut Mailer, name: &str, raw: &[u8], args: &Args) -> anyhow::Result<usize> {
    let message = with_crlf(raw);
    let in_header = |field: &str| header_addresses(&message, field);
    let from = match &args.from {
        Some(given) => Some(given.clone()),
        None => in_header("From").into_iter().next(),
    };
    let to = if args.rcpt.is_empty() {
        in_header("To")
    } else {
        args.rcpt.clone()
    };
    if to.is_empty() {
        bail!("{name} has no To: say --rcpt ADDRESS");
    }
    let from = from.as_deref().map(address).transpose()?;
    let to = addresses(&to)?;
    let sent = mailer.send(from.as_ref(), &to, message).await?;
    for (recipient, reply) in &sent.refused {
        println!("{name}: {recipient}: {reply}");
    }
    let taken = sent.answer.as_ref().is_some_and(|answer| answer.is_positive());
    if let Some(answer) = &sent.answer {
        println!("{name}: {answer}");
    }
    Ok(if taken { sent.refused.len() } else { to.len() })
}

fn address(text: &str) -> anyhow::Result<MmsAddress> {
    MmsAddress::new(text).with_context(|| format!("\"{text}\" is not an address"))
}

fn addresses(texts: &[String]) -> anyhow::Result<Vec<MmsAddress>> {
    texts.iter().map(|text| address(text)).collect()
}

/// The addresses in the first field of that name, in angle brackets or bare.
fn header_addresses(message: &Bytes, field: &str) -> Vec<String> {
    let received = Received {
        number: 0,
        from: String::new(),
        encrypted: false,
        to: Vec::new(),
        octets: message.len() as u64,
        data: message.clone(),
    };
    let value = received.header().value(field).map(|value| value.into_owned());
    let bare = |text: &str| {
        let inner = text.split_once('<').and_then(|(_, rest)| rest.split_once('>'));
        inner.map_or(text, |(inner, _)| inner).trim().to_owned()
    };
    let found = value.iter().flat_map(|value| value.split(',')).map(bare);
    found.filter(|address| !address.is_empty()).collect()
}

fn with_crlf(raw: &[u8]) -> Bytes {
    let mut out = Vec::with_capacity(raw.len() + raw.len() / 32);
    for line in raw.split_inclusive(|b| *b == b'\n') {
        match line.strip_suffix(b"\n") {
            Some(text) => {
                out.extend_from_slice(text.strip_suffix(b"\r").unwrap_or(text));
                out.extend_from_slice(b"\r\n");
            }
            None => out.extend_from_slice(line),
        }
    }
    out.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_from_an_editor_get_crlf_and_others_stay_as_they_are() {
        assert_eq!(with_crlf(b"a: b\n\nc"), &b"a: b\r\n\r\nc"[..]);
        assert_eq!(with_crlf(b"a: b\r\n\r\nc\r\n"), &b"a: b\r\n\r\nc\r\n"[..]);
    }

    #[test]
    fn recipients_come_from_the_header_however_they_are_written() {
        let message =
            Bytes::from_static(b"To: +15555550199/TYPE=PLMN@b.example,\r\n Ann <ann@mail.example>\r\n\r\nTo: x\r\n");
        assert_eq!(
            header_addresses(&message, "to"),
            ["+15555550199/TYPE=PLMN@b.example", "ann@mail.example"]
        );
        assert!(header_addresses(&message, "Cc").is_empty());
    }
}
