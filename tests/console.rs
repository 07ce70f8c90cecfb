//! What a running relay tells those who look after it.

use crate::support::{Link, Peer, Relay, config, config_at, eventually, guest, own_address, sample};

const CONSOLE: &str = "\n[console]\nlisten = \"127.0.0.1:0\"\n";

/// The value of a series, as it stands in the text.
fn value<'a>(page: &'a str, series: &str) -> Option<&'a str> {
    page.lines()
        .find_map(|line| line.strip_prefix(series)?.strip_prefix(' '))
}

/// Waits until a series has this value; the whole page.
fn wait_for(relay: &Relay, series: &str, expected: &str) -> String {
    eventually(&format!("{series} is {expected}"), || {
        let page = relay.page("/metrics");
        (value(&page, series) == Some(expected)).then_some(page)
    })
}

#[test]
fn metrics_tell_what_became_of_messages_and_name_no_subscriber() {
    let hostile = Link::hostile("do = \"ask\"").on_failure("refuse");
    let peer = Peer::start();
    let relay = Relay::start(&config(&peer, &format!("{hostile}{CONSOLE}")));
    assert!(relay.offer(&sample::forward_request("text")).starts_with("250"));
    for habit in ["trap", "fault", "set-header-crlf"] {
        let answer = relay.offer(&sample::picture(habit, &[&format!("X-Do: {habit}")]));
        assert!(answer.starts_with("554"), "{answer}");
    }
    // Three pictures on arrival, and the outcome of the text.
    let page = wait_for(&relay, "mm4relay_deliveries_total{peer=\"operator-b\"}", "1");
    let plugin = "plugin=\"hostile\",version=\"6.6.6\"";
    for (series, expected) in [
        ("mm4relay_messages_accepted_total".to_owned(), "1"),
        ("mm4relay_messages_refused_total{blame=\"plugin\"}".to_owned(), "3"),
        ("mm4relay_messages_refused_total{blame=\"peer\"}".to_owned(), "0"),
        (
            format!("mm4relay_plugin_failures_total{{{plugin},class=\"trap\"}}"),
            "1",
        ),
        (
            format!("mm4relay_plugin_failures_total{{{plugin},class=\"fault\"}}"),
            "1",
        ),
        (
            format!("mm4relay_plugin_failures_total{{{plugin},class=\"contract\"}}"),
            "1",
        ),
        (format!("mm4relay_plugin_call_seconds_count{{{plugin}}}"), "4"),
        (format!("mm4relay_plugin_instances{{{plugin}}}"), "0"),
        (format!("mm4relay_plugin_breaker_open{{{plugin}}}"), "0"),
        ("mm4relay_held_messages".to_owned(), "0"),
    ] {
        assert_eq!(value(&page, &series), Some(expected), "{series} in:\n{page}");
    }
    assert!(page.ends_with("# EOF\n"));
    assert!(!page.contains("1555"), "a subscriber's number in:\n{page}");
}

#[test]
fn what_a_plug_in_counts_is_among_the_metrics_and_what_a_failed_call_counted_is_not() {
    let peer = Peer::start();
    let measuring = Link::hostile("do = \"measure\"");
    let trapping = Link::hostile("do = \"measure\"\nthen = \"trap\"")
        .on_failure("skip")
        .named("trapping");
    let relay = Relay::start(&config(&peer, &format!("{trapping}{measuring}{CONSOLE}")));
    assert!(relay.offer(&sample::picture("p", &[])).starts_with("250"));
    let page = wait_for(&relay, "mm4relay_held_messages", "1");
    let series = |family: &str, plugin: &str, name: &str| {
        let series = format!("mm4relay_plugin_own_{family}{{plugin=\"{plugin}\",version=\"6.6.6\",name=\"{name}\"}}");
        value(&page, &series).map(str::to_owned)
    };
    assert_eq!(series("count_total", "hostile", "seen").as_deref(), Some("5"));
    assert_eq!(series("value_count", "hostile", "width").as_deref(), Some("2"));
    assert_eq!(series("value_sum", "hostile", "width").as_deref(), Some("640.5"));
    assert_eq!(series("count_total", "trapping", "seen"), None);
}

#[test]
fn messages_that_wait_and_that_were_given_up_are_counted_by_next_hop() {
    let relay = Relay::start(&config_at(&own_address(), CONSOLE));
    assert!(relay.offer(&sample::forward_request("waits")).starts_with("250"));
    wait_for(&relay, "mm4relay_queue_messages{peer=\"operator-b\"}", "1");
}

#[test]
fn a_relay_that_takes_messages_is_well() {
    let peer = Peer::start();
    let relay = Relay::start(&config(&peer, CONSOLE));
    assert_eq!(relay.page("/health"), "well\n");
}

#[test]
fn what_when_excludes_costs_no_call() {
    let peer = Peer::start();
    // The plug-in that wants everything and does nothing, once for each condition.
    let links: String = [
        ("everything", ""),
        ("others", "from = [\"operator-b\"]"),
        ("elsewhere", "to = [\"operator-a\"]"),
        ("reports", "message-types = [\"delivery-report-request\"]"),
        ("inside", "direction = [\"outbound\", \"internal\"]"),
    ]
    .iter()
    .map(|(name, when)| Link::new(name, guest("noop"), &[], "").when(when).to_string())
    .collect();
    let relay = Relay::start(&config(&peer, &format!("{links}{CONSOLE}")));
    assert!(relay.offer(&sample::forward_request("m")).starts_with("250"));
    let calls = |name: &str| format!("mm4relay_plugin_call_seconds_count{{plugin=\"{name}\",version=\"1\"}}");
    // Arrival, departure, outcome.
    let page = wait_for(&relay, &calls("everything"), "3");
    assert_eq!(value(&page, &calls("others")), Some("0"));
    assert_eq!(
        value(&page, &calls("elsewhere")),
        Some("1"),
        "on arrival nobody knows where it goes"
    );
    assert_eq!(value(&page, &calls("reports")), Some("0"));
    assert_eq!(value(&page, &calls("inside")), Some("0"));
}
