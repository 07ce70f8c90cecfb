//! `mm4relay token`: access to the door over TCP.

use std::time::Duration;

use clap::Subcommand;

use crate::config::parse_duration;
use crate::control::Role;
use crate::control::tokens::{NewToken, RevokeToken, Tokens};

use super::door::SpoolArgs;

#[derive(Debug, Subcommand)]
pub enum Args {
    /// Make a token and print it: it is shown only now
    New {
        #[command(flatten)]
        spool: SpoolArgs,
        /// The name of a person or a program, which the audit shows
        name: String,
        /// viewer looks, with numbers masked; operator acts on messages and peers; administrator on everything
        #[arg(long, default_value = "viewer", value_parser = role)]
        role: Role,
        /// `30 days`, `12 h`; 400 days at the most
        #[arg(long = "for", value_name = "TIME", default_value = "90 days", value_parser = duration)]
        time: Duration,
        /// With the right to see subscribers' numbers and messages unmasked
        #[arg(long)]
        reveals: bool,
    },
    /// List the tokens
    List {
        #[command(flatten)]
        spool: SpoolArgs,
    },
    /// Revoke a token, at once
    Revoke {
        #[command(flatten)]
        spool: SpoolArgs,
        name: String,
    },
}

fn duration(text: &str) -> Result<Duration, String> {
    parse_duration(text).ok_or_else(|| "a whole number and ms, s, min, h or days".to_owned())
}

fn role(text: &str) -> Result<Role, String> {
    let all = [Role::Viewer, Role::Operator, Role::Administrator];
    let found = all.into_iter().find(|role| role.as_str() == text);
    found.ok_or_else(|| "viewer, operator or administrator".to_owned())
}

pub async fn run(args: Args) -> anyhow::Result<()> {
    match args {
        Args::New {
            spool,
            name,
            role,
            time,
            reveals,
        } => {
            let asked = NewToken {
                name,
                role,
                seconds: time.as_secs(),
                reveals,
            };
            let issued = spool.door().await?.ask(asked).await?;
            println!("{}", issued.token);
            let more = if issued.replaced {
                "; the one before is of no use any more"
            } else {
                ""
            };
            eprintln!("good until {}, and not shown again{more}", issued.until);
        }
        Args::List { spool } => {
            let all = spool.door().await?.ask(Tokens {}).await?.tokens;
            if all.is_empty() {
                println!("no tokens");
            }
            for (name, token) in all {
                let over = if token.over { "over since" } else { "until" };
                let reveals = if token.reveals { ", sees numbers whole" } else { "" };
                let (role, until, by) = (token.role.as_str(), token.until, &token.by);
                println!("{name}  {role}{reveals}  {over} {until}  made {} by {by}", token.since);
            }
        }
        Args::Revoke { spool, name } => {
            spool.door().await?.ask(RevokeToken { name: name.clone() }).await?;
            println!("the token of {name} is of no use any more");
        }
    }
    Ok(())
}
