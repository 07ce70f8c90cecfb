//! `mm4relay demo`.

#[derive(Debug, clap::Args)]
pub struct Args {
    /// End when the samples are through
    #[arg(long)]
    once: bool,
}

pub async fn run(_args: Args) -> anyhow::Result<()> {
    Ok(())
}
