//! Spans of messages, as a collector is sent them.

use std::time::Duration;

use serde_json::Value;

use crate::support::{Exchange, Link, Peer, Relay, Terms, Web, config, eventually, sample};

/// A collector that takes everything; the spans that it was sent so far.
fn spans(collector: &Web) -> Vec<Value> {
    let bodies = collector.asked().into_iter().map(|asked| {
        let (head, body) = asked.split_once("\r\n\r\n").expect("a header");
        assert!(head.starts_with("POST /v1/traces HTTP/1.1\r\n"), "{head}");
        serde_json::from_str::<Value>(body).expect("JSON")
    });
    let spans = bodies.map(|body| body["resourceSpans"][0]["scopeSpans"][0]["spans"].as_array().cloned());
    spans.flatten().flatten().collect()
}

fn named<'a>(spans: &'a [Value], name: &str) -> Option<&'a Value> {
    spans.iter().find(|span| span["name"] == name)
}

fn attribute<'a>(span: &'a Value, name: &str) -> &'a str {
    let all = span["attributes"].as_array().expect("a list");
    let found = all
        .iter()
        .find(|attribute| attribute["key"] == name)
        .expect("it is told");
    let value = &found["value"];
    value["stringValue"]
        .as_str()
        .or(value["intValue"].as_str())
        .expect("a value")
}

#[test]
fn a_message_is_one_tree_of_spans_that_names_no_subscriber() {
    let (peer, collector) = (Peer::start(), Web::start(|_, _| Web::answer(200, "{}")));
    let chain = Link::bundled("address-rewrite", "country-code = \"1\"");
    let more = format!("{chain}\n[tracing]\notlp = \"http://{}\"\n", collector.address());
    let relay = Relay::start(&config(&peer, &more));
    assert!(relay.offer(&sample::forward_request("s1")).starts_with("250"));
    assert_eq!(peer.wait_for(1).len(), 1);
    let told = eventually("all spans have come", || {
        let told = spans(&collector);
        named(&told, "delivery 1").is_some().then_some(told)
    });
    let root = named(&told, "message").expect("a root");
    assert_eq!((&root["parentSpanId"], &root["kind"]), (&"".into(), &2.into()));
    assert_eq!(attribute(root, "mm4relay.type"), "MM4_forward.REQ");
    assert_eq!(attribute(root, "mm4relay.source"), "operator-a");
    for name in ["plug-in address-rewrite", "commit", "delivery 1"] {
        let span = named(&told, name).unwrap_or_else(|| panic!("{name}"));
        assert_eq!(
            (&span["traceId"], &span["parentSpanId"]),
            (&root["traceId"], &root["spanId"]),
            "{name}"
        );
        let time = |of: &str| {
            span[of]
                .as_str()
                .and_then(|time| time.parse::<u64>().ok())
                .expect("nanoseconds")
        };
        assert!(time("startTimeUnixNano") <= time("endTimeUnixNano"), "{span}");
    }
    assert_eq!(
        attribute(named(&told, "delivery 1").expect("told"), "mm4relay.became"),
        "delivered"
    );
    let text = Value::from(told).to_string();
    assert!(!text.contains("5550199") && !text.contains("5550100"), "{text}");
}

#[test]
fn a_response_and_its_request_are_linked_both_ways() {
    let collector = Web::start(|_, _| Web::answer(200, "{}"));
    let exchange = Exchange::on(&Terms {
        more: &format!("\n[tracing]\notlp = \"http://{}\"\n", collector.address()),
        ..Terms::default()
    });
    let request = exchange.asked("l1", &["X-Mms-Ack-Request: Yes"]);
    exchange.respond(&request, "Ok");
    let told = eventually("the response is told of", || {
        let told = spans(&collector);
        let heard = named(&told, "MM4_forward.RES").is_some();
        (heard && told.iter().filter(|span| span["name"] == "message").count() >= 2).then_some(told)
    });
    let of_type = |wanted: &str| {
        let mut roots = told.iter().filter(|span| span["name"] == "message");
        roots
            .find(|root| attribute(root, "mm4relay.type") == wanted)
            .expect("it is told")
    };
    let (request, response) = (of_type("MM4_forward.REQ"), of_type("MM4_forward.RES"));
    let heard = named(&told, "MM4_forward.RES").expect("told");
    assert_eq!(heard["traceId"], request["traceId"]);
    assert_eq!(heard["links"][0]["traceId"], response["traceId"]);
    assert_eq!(response["links"][0]["traceId"], request["traceId"]);
    assert_eq!(response["links"][0]["spanId"], request["spanId"]);
}

#[test]
fn a_collector_that_says_nothing_holds_up_no_message_and_what_is_dropped_is_counted() {
    let (peer, collector) = (Peer::start(), Web::start(|_, _| Web::answer(503, "no")));
    let more = format!(
        "\n[monitoring]\nlisten = \"127.0.0.1:0\"\n[tracing]\notlp = \"http://{}\"\n",
        collector.address()
    );
    let relay = Relay::start(&config(&peer, &more));
    let begun = std::time::Instant::now();
    for number in 0..20 {
        assert!(
            relay
                .offer(&sample::forward_request(&format!("d{number}")))
                .starts_with("250")
        );
    }
    assert_eq!(peer.wait_for(20).len(), 20);
    assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
    relay.process().wait_for_log("event=spans-not-sent");
    eventually("they are counted", || {
        let page = relay.page("/metrics");
        let line = page
            .lines()
            .find(|line| line.starts_with("mm4relay_spans_dropped_total "))?;
        let dropped: u64 = line.rsplit(' ').next()?.parse().ok()?;
        (dropped >= 60).then_some(())
    });
}
