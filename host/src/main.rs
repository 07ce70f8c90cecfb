use clap::Parser;
use mm4relay::cli;

#[derive(Parser)]
#[command(version, about)]
enum Command {
    Peer(cli::peer::Args),
    Send(cli::send::Args),
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    match Command::parse() {
        Command::Peer(args) => cli::peer::run(args).await,
        Command::Send(args) => cli::send::run(args).await,
    }
}
