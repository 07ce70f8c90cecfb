//! `mm4relay route`: where a recipient would go, and why, step by step.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, bail};

use crate::assembly;
use crate::config::{Config, Peer};
use crate::intake::reply_to;
use crate::message::{MmsAddress, PeerName, SystemTag};
use crate::relay::Directory;
use crate::routing::{Role, Route};

/// Says where a recipient would go, and what each step of `[routing] order` found. DNS is asked; no message is sent.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The recipient: a number, or an address with a domain
    #[arg(value_name = "+NUMBER", allow_hyphen_values = true)]
    recipient: String,
    /// The peer or relay-server that would send to it; without it, nobody's rights are looked at
    #[arg(long, value_name = "PEER")]
    from: Option<String>,
    /// The configuration
    #[arg(long, value_name = "FILE", default_value = "relay.toml")]
    config: PathBuf,
}

/// Prints the decision, and succeeds when the recipient goes somewhere.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let address = MmsAddress::new(&args.recipient).with_context(|| format!("{:?} is no recipient", args.recipient))?;
    let config = Config::load(&args.config)?;
    let source = args.from.as_deref().map(|name| peer(&config, name)).transpose()?;
    let directory = assembly::directory(config.clone(), &args.config).await?;

    line("recipient", &address);
    match source {
        Some(peer) => line("from", format_args!("{}, {}", peer.name, side(&directory, &peer.name))),
        None => line("from", "nobody in particular: rights are not looked at"),
    }
    let route = directory
        .explain(source.map(|peer| &peer.name), &address, |step, what| line(step, what))
        .await;
    Ok(match route {
        Ok(route) => {
            show(&config, &directory, source, &address, &route);
            ExitCode::SUCCESS
        }
        Err(refusal) => {
            line("refused", reply_to(&refusal));
            ExitCode::FAILURE
        }
    })
}

fn show(config: &Config, directory: &Directory, source: Option<&Peer>, address: &MmsAddress, route: &Route) {
    match route {
        Route::Peer(name) => {
            line("goes to", format_args!("{name}, {}", side(directory, name)));
            if let Ok(next) = peer(config, name.as_str()) {
                match &next.mx {
                    Some(domain) => line("hosts", format_args!("those of the MX records of {domain}")),
                    None => next.hosts.iter().for_each(|host| line("host", host)),
                }
            }
            line("it sees", format_args!("RCPT TO:<{address}>"));
            if let Some(system) = source.and_then(|source| originator_system(config, directory, source, name)) {
                line(
                    "it sees",
                    format_args!("X-Mms-Originator-System: {system}, in requests"),
                );
            }
            line(
                "unknown",
                "which hosts can be reached now: the running relay knows, and this is as if all could",
            );
        }
        Route::PlugIns => line(
            "goes to",
            "plug-ins: one of them has to give it another address, or a peer",
        ),
        Route::System(Some(tag)) => match directory.routing().home(tag) {
            Some(home) => line("goes to", format_args!("{home}, whose request it answers")),
            None => line(
                "goes to",
                format_args!("this relay itself: there is no relay-server {}", tag.relay_server),
            ),
        },
        Route::System(None) => line("goes to", "this relay itself"),
        Route::Postmaster => match &config.relay.postmaster {
            Some(person) => line(
                "goes to",
                format_args!("{person}, who reads what is sent to the postmaster"),
            ),
            None => line(
                "goes to",
                "the queue, held for an operator to read: postmaster of [relay] is not set",
            ),
        },
    }
}

/// What stands in a request that one of our own Relay/Servers sends to somebody else.
fn originator_system(config: &Config, directory: &Directory, source: &Peer, next: &PeerName) -> Option<String> {
    let inside = |peer| directory.routing().role(peer) == Some(Role::Inside);
    if !inside(&source.name) || inside(next) {
        return None;
    }
    let tag = SystemTag {
        node: config.relay.node.clone(),
        relay_server: source.name.clone(),
    };
    config.relay.system_address.as_ref()?.tagged(&tag).ok()
}

fn side(directory: &Directory, peer: &PeerName) -> &'static str {
    match directory.routing().role(peer) {
        Some(Role::Inside) => "one of our own relay-servers",
        Some(Role::Hub) => "outside, a hub",
        Some(Role::Outside) | None => "outside",
    }
}

fn peer<'a>(config: &'a Config, name: &str) -> anyhow::Result<&'a Peer> {
    let found = config.peers.iter().find(|peer| peer.name.as_str() == name);
    let Some(found) = found else {
        let names: Vec<_> = config.peers.iter().map(|peer| peer.name.as_str()).collect();
        bail!("{name} is no peer: there are {}", names.join(", "));
    };
    Ok(found)
}

fn line(left: &str, right: impl std::fmt::Display) {
    println!("{left:<12} {right}");
}
