use mm4relay_engine::HeaderField;

use super::super::{BreakerTerms, GateTerms, Gates, Kind};
use super::*;

fn service(name: &str, origin: &str, methods: &[&str], paths: &[&str]) -> Service {
    let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    let terms = GateTerms {
        time: Duration::from_secs(1),
        concurrent: 1,
        rate: None,
        breaker: BreakerTerms {
            failures: 5,
            first: Duration::from_secs(1),
            longest: Duration::from_secs(1),
        },
    };
    let gate = Gates::default().gate(Kind::Service, name, terms);
    Service::new(
        name,
        gate,
        ServiceTerms {
            origin: WebOrigin::of(&origin.parse().unwrap()).unwrap(),
            methods: owned(methods),
            paths: owned(paths),
            networks: Vec::new(),
            tls: None,
            headers: vec![(header::AUTHORIZATION, HeaderValue::from_static("Bearer secret"))],
            request_size: 4,
            response_size: 100,
            calls_per_message: 2,
            time_per_message: Duration::from_secs(2),
        },
    )
}

fn request(method: &str, url: &str, headers: &[(&str, &str)]) -> HttpRequest {
    let field = |(name, value): &(&str, &str)| HeaderField {
        name: (*name).to_owned(),
        value: (*value).to_owned(),
    };
    HttpRequest {
        method: method.to_owned(),
        url: url.to_owned(),
        headers: headers.iter().map(field).collect(),
        body: Bytes::new(),
    }
}

#[test]
fn a_question_goes_to_the_first_service_that_allows_it_and_else_to_nobody() {
    let services = [
        service("look", "https://n.example", &["GET"], &["/v1/numbers/*"]),
        service("tell", "https://n.example", &["POST"], &["/v1/**"]),
    ];
    let of = |method: &str, url: &str| {
        let found = service_for(&services, "p", &request(method, url, &[]));
        found
            .map(|service| service.name.as_str())
            .map_err(|fault| fault.text().to_owned())
    };
    assert_eq!(of("GET", "https://n.example/v1/numbers/+15555550100?x=1"), Ok("look"));
    assert_eq!(of("POST", "https://n.example/v1/numbers/1/2"), Ok("tell"));
    let said = of("DELETE", "https://n.example/v1/numbers/1").unwrap_err();
    assert!(
        said.contains("does not allow DELETE") && said.contains("/v1/numbers/*"),
        "{said}"
    );
    let said = of("GET", "http://n.example/v1/numbers/1").unwrap_err();
    assert!(
        said.contains("add [[plugin.service]]") && said.contains("\"http://n.example\""),
        "{said}"
    );
    assert!(of("GET", "https://n.example.evil.example/v1/numbers/1").is_err());
    assert!(of("GET", "https://n.example/v1/numbers/../../admin").is_err());
}

#[test]
fn secrets_are_added_in_place_of_what_the_plug_in_wrote_and_the_connection_is_the_relays() {
    let service = service("s", "http://n.example:8080", &["GET"], &["/**"]);
    let made = service.request(request(
        "GET",
        "http://n.example:8080/a?b",
        &[("authorization", "mine"), ("X-A", "1")],
    ));
    let made = made.unwrap();
    assert_eq!(made.uri(), "/a?b");
    assert_eq!(made.headers()["authorization"], "Bearer secret");
    assert_eq!(made.headers()["host"], "n.example:8080");
    assert_eq!(made.headers()["x-a"], "1");
    for (name, value) in [
        ("Host", "evil.example"),
        ("Transfer-Encoding", "chunked"),
        ("X-A", "1\r\nX-B: 2"),
        ("X A", ""),
    ] {
        let refused = service.request(request("GET", "http://n.example:8080/", &[(name, value)]));
        assert!(matches!(refused, Err(Fault::Invalid(_))), "{name}");
    }
}

#[tokio::test]
async fn one_message_has_so_many_questions_so_much_time_and_so_many_octets() {
    let service = service("s", "http://127.0.0.1:1", &["GET"], &["/**"]);
    let ask = |calls, time, body: &'static [u8]| {
        let request = HttpRequest {
            body: Bytes::from_static(body),
            ..request("GET", "http://127.0.0.1:1/", &[])
        };
        let time = Duration::from_secs(time);
        service.fetch(request, AskedOf { calls, time })
    };
    for (fault, key) in [
        (ask(2, 0, b"").await, "calls-per-message"),
        (ask(1, 2, b"").await, "time-per-message"),
        (ask(0, 0, b"12345").await, "request-size"),
    ] {
        let fault = fault.unwrap_err();
        assert!(matches!(&fault, Fault::Limit(text) if text.contains(key)), "{fault:?}");
    }
    assert!(
        matches!(ask(1, 1, b"1234").await, Err(Fault::Unavailable(_))),
        "nobody is there"
    );
}
