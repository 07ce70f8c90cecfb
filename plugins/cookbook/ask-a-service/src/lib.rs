//! Asks a service where each recipient's number was ported to, and gives the recipient that domain. The relay's configuration
//! names the service:
//!
//! ```toml
//! [[plugin.service]]
//! name = "numbers"
//! url = "https://numbers.example"
//! paths = ["/v1/numbers/*"]
//! ```

use mm4_filter::http::{Request, fetch};
use mm4_filter::{AddressKind, Fault, Plugin, Verdict, edit, message};

pub struct AskAService;

impl Plugin for AskAService {
    const NAME: &'static str = "ask-a-service";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    type State = ();

    fn configure() -> Result<(), String> {
        Ok(())
    }

    fn arrival(_: &()) -> Result<Verdict, Fault> {
        let mut edits = Vec::new();
        for recipient in message::recipients() {
            let number = &recipient.address.user;
            if recipient.address.kind == AddressKind::Number
                && let Some(domain) = ported_to(number)?
            {
                edits.push(edit::set_recipient(
                    recipient.id,
                    format!("{number}/TYPE=PLMN@{domain}"),
                ));
            }
        }
        Ok(edit::verdict(edits))
    }
}

/// The domain of the number's network; `None` when it was not ported.
fn ported_to(number: &str) -> Result<Option<String>, Fault> {
    let answer = fetch(&Request {
        method: "GET".into(),
        url: format!("https://numbers.example/v1/numbers/{number}"),
        headers: vec![],
        body: vec![],
    })?;
    match answer.status {
        200 => Ok(String::from_utf8(answer.body)
            .ok()
            .map(|domain| domain.trim().to_owned())),
        404 => Ok(None),
        // The plug-in's on-failure decides.
        status => Err(Fault::Unavailable(format!("the service answers with status {status}"))),
    }
}

mm4_filter::export_plugin!(AskAService);
