//! The answers of services outside the relay in `case.toml`: the services themselves are never asked for a sample.

use std::collections::BTreeMap;

use mm4relay_engine::{AskedOf, BoxFuture, Fault, HeaderField, HttpRequest, HttpResponse, Outside, Subject};
use serde::{Deserialize, Serialize};

use crate::pipeline::host_of;

/// The parts that a scanner was given, by their numbers; `*` is every other one.
pub type Scanners = BTreeMap<String, BTreeMap<String, Scanned>>;

/// The answer of a scanner for a part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Scanned {
    /// `clean`, or the name of what it finds.
    Says(String),
    Fails(Failing),
}

/// Why a scanner gives no answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Failing {
    Unavailable(String),
    TooLarge(String),
}

const CLEAN: &str = "clean";

/// The answer of the case for that part. When the case has none, the error says how to add it.
pub fn scan(scanners: &Scanners, scanner: &str, part: u32) -> Result<Option<String>, Fault> {
    let parts = scanners.get(scanner);
    let said = parts.and_then(|parts| parts.get(&part.to_string()).or_else(|| parts.get("*")));
    match said {
        Some(Scanned::Says(said)) if said == CLEAN => Ok(None),
        Some(Scanned::Says(name)) => Ok(Some(name.clone())),
        Some(Scanned::Fails(Failing::Unavailable(why))) => Err(Fault::Unavailable(why.clone())),
        Some(Scanned::Fails(Failing::TooLarge(why))) => Err(Fault::Limit(why.clone())),
        None => Err(Fault::Unavailable(format!(
            "no scanner is asked for a sample, and case.toml does not say what {scanner:?} finds in part {part}: add \
             [scanners.{scanner}] with {part} = \"{CLEAN}\", or with the name of what it finds"
        ))),
    }
}

/// The answer of a service outside to one request.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct CannedAnswer {
    /// Default: any.
    method: Option<String>,
    /// The whole URL; with `*` at its end, every URL that begins so.
    url: String,
    /// Default: 200.
    status: Option<u16>,
    headers: BTreeMap<String, String>,
    body: String,
    /// The reason why there is no answer.
    unavailable: Option<String>,
}

impl CannedAnswer {
    fn is_to(&self, request: &HttpRequest) -> bool {
        let fits = match self.url.strip_suffix('*') {
            Some(beginning) => request.url.starts_with(beginning),
            None => request.url == self.url,
        };
        fits && self.method.as_ref().is_none_or(|method| *method == request.method)
    }
}

/// The answer of the case to that request. When the case has none, the error says how to add it.
pub fn fetch(all: &[CannedAnswer], request: &HttpRequest) -> Result<HttpResponse, Fault> {
    let Some(answer) = all.iter().find(|answer| answer.is_to(request)) else {
        let (method, url) = (&request.method, &request.url);
        return Err(Fault::Unavailable(format!(
            "no service is asked for a sample, and case.toml does not say what {method} {url} answers: add [[http]] with method \
             = {method:?}, url = {url:?}, status = 200 and body = \"...\""
        )));
    };
    if let Some(why) = &answer.unavailable {
        return Err(Fault::Unavailable(why.clone()));
    }
    let header = |(name, value): (&String, &String)| HeaderField {
        name: name.to_ascii_lowercase(),
        value: value.clone(),
    };
    Ok(HttpResponse {
        status: answer.status.unwrap_or(200),
        headers: answer.headers.iter().map(header).collect(),
        body: answer.body.clone().into(),
    })
}

/// The services outside, with the answers of the case.
pub struct FromCase {
    pub scanners: Scanners,
    pub http: Vec<CannedAnswer>,
}

impl Outside for FromCase {
    /// The answers come from a file, so their time says nothing.
    fn tells_time(&self) -> bool {
        false
    }

    fn scan<'a>(
        &'a self,
        scanner: &'a str,
        _subject: &'a dyn Subject,
        part: u32,
    ) -> BoxFuture<'a, Result<Option<String>, Fault>> {
        Box::pin(async move { scan(&self.scanners, scanner, part) })
    }

    fn service(&self, _plugin: &str, request: &HttpRequest) -> Result<String, Fault> {
        Ok(host_of(&request.url).to_owned())
    }

    fn fetch<'a>(
        &'a self,
        _plugin: &'a str,
        _service: &'a str,
        request: HttpRequest,
        _before: AskedOf,
    ) -> BoxFuture<'a, Result<HttpResponse, Fault>> {
        Box::pin(async move { fetch(&self.http, &request) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_case_says_what_a_scanner_finds_and_one_that_does_not_is_told_how() {
        let text = "[clamd]\n2 = \"Test.Signature\"\n3 = { unavailable = \"no answer\" }\n4 = { too-large = \"so large\" }\n\
                    5 = \"clean\"\n[other]\n\"*\" = \"clean\"\n";
        let scanners: Scanners = toml::from_str(text).unwrap();
        assert_eq!(scan(&scanners, "clamd", 2), Ok(Some("Test.Signature".into())));
        assert_eq!(scan(&scanners, "clamd", 3), Err(Fault::Unavailable("no answer".into())));
        assert_eq!(scan(&scanners, "clamd", 4), Err(Fault::Limit("so large".into())));
        assert_eq!(scan(&scanners, "clamd", 5), Ok(None));
        assert_eq!(scan(&scanners, "other", 99), Ok(None));
        let said = scan(&scanners, "clamd", 1).unwrap_err();
        assert!(said.text().contains("[scanners.clamd] with 1 = \"clean\""), "{said:?}");
    }

    #[test]
    fn a_case_says_what_a_service_answers_and_one_that_does_not_is_told_how() {
        let text = "[[http]]\nmethod = \"POST\"\nurl = \"https://a.example/x\"\nstatus = 201\nheaders = { Location = \"/y\" }\n\
                    [[http]]\nurl = \"https://a.example/v1/*\"\nbody = \"spam\"\n\
                    [[http]]\nurl = \"https://b.example/*\"\nunavailable = \"no answer\"\n";
        #[derive(Deserialize)]
        struct File {
            http: Vec<CannedAnswer>,
        }
        let file: File = toml::from_str(text).unwrap();
        let ask = |method: &str, url: &str| {
            let request = HttpRequest {
                method: method.into(),
                url: url.into(),
                headers: Vec::new(),
                body: Default::default(),
            };
            fetch(&file.http, &request)
        };
        let created = ask("POST", "https://a.example/x").unwrap();
        assert_eq!((created.status, created.headers[0].name.as_str()), (201, "location"));
        assert_eq!(ask("GET", "https://a.example/v1/n?q").unwrap().body, "spam");
        assert_eq!(
            ask("GET", "https://b.example/"),
            Err(Fault::Unavailable("no answer".into()))
        );
        let said = ask("GET", "https://a.example/x").unwrap_err();
        assert!(
            said.text()
                .contains("add [[http]] with method = \"GET\", url = \"https://a.example/x\""),
            "{said:?}"
        );
    }
}
