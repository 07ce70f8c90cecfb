//! Who is told what, where time decides: messages that are given up or never answered. See `told` for the rest.

use std::time::Duration;

use crate::support::{AT_C, Exchange, Relay, Terms, eventually, own_address, sample};
use crate::told::{ACK, FOR_A_REPORT, FOR_A_RESPONSE, FOR_ALL, FOR_NOTHING, FROM_NOBODY, Hears, NEVER, REPORT};
use crate::told::{dead_letters, hears, word};

/// Shifts everything in the spool of a stopped relay into the past by so much.
fn time_passes(relay: &Relay, time: Duration) {
    let spool = rusqlite::Connection::open(relay.path("spool/spool.db")).expect("the spool");
    let millis = i64::try_from(time.as_millis()).expect("not for ever");
    let aged = spool.execute("UPDATE message SET since = since - ?1", [millis]);
    assert!(aged.expect("messages have an age") > 0);
}

#[test]
fn a_next_hop_that_is_away_or_never_takes_it_until_give_up() {
    let nobody = own_address();
    let mut exchange = Exchange::on(&Terms {
        more: &format!(
            "[[peer]]\nname = \"operator-d\"\ndomains = [\"mms.d.example\"]\nhosts = [\"{nobody}\"]\n\
             retry = {{ first = \"50 ms\", longest = \"200 ms\" }}\n"
        ),
        ..Terms::default()
    });
    let cells = [
        (FOR_ALL, Some(Hears::Response("Error-network-problem"))),
        (FOR_A_RESPONSE, Some(Hears::Response("Error-network-problem"))),
        (FOR_A_REPORT, Some(Hears::Report("Unreachable"))),
        (FOR_NOTHING, Some(Hears::Bounce)),
        (FROM_NOBODY, None),
    ];
    let next_hops = [("never", NEVER), ("away", "+15555550177/TYPE=PLMN@mms.d.example")];
    for (kind, to) in next_hops {
        for (number, ((asks, sender), _)) in cells.iter().enumerate() {
            exchange.say(sender, &[to], &sample::picture(&format!("{kind}{number}"), asks));
        }
    }
    exchange.relay.wait_for_queue("450");
    exchange.relay.wait_for_queue("operator-d");
    assert_eq!(exchange.a.taken().len(), 0);

    // `give-up` is 3 days unless configured.
    exchange.relay.stop();
    time_passes(&exchange.relay, Duration::from_secs(4 * 86_400));
    exchange.relay.start_again();
    let heard = exchange.a.wait_for(8);
    eventually("the two dead letters", || (dead_letters(&exchange) == 2).then_some(()));
    for (kind, _) in next_hops {
        for (number, (_, expected)) in cells.iter().enumerate() {
            let id = format!("{kind}{number}@mms.a.example");
            let about = heard.iter().filter(|taken| taken.text().contains(&id));
            let words: Vec<Hears> = about.map(word).collect();
            assert_eq!(
                words.iter().collect::<Vec<_>>(),
                expected.iter().collect::<Vec<_>>(),
                "{id}"
            );
        }
    }
    let failed = exchange.relay.print(&["queue", "list", "--state", "failed"]);
    assert_eq!(failed.matches("given up after").count(), 10, "{failed}");
}

/// Sends to subscribers of both B and C, who never answer, and waits for the answer that the relay makes of that.
fn wait_for_a_time_out(exchange: &Exchange, id: &str) {
    exchange.say(
        sample::FROM,
        &[sample::TO, AT_C],
        &sample::with_body(id, &[ACK], b"hello\r\n"),
    );
    eventually("a time-out is told", || {
        let told = exchange.a.taken();
        told.iter()
            .find(|taken| taken.field("X-Mms-Message-ID").contains(id))
            .cloned()
    });
}

#[test]
fn a_lone_next_hop_that_never_answers_tells_nobody_in_transparent_mode() {
    let exchange = Exchange::on(&Terms {
        b: "response-within = \"1 s\"",
        ..Terms::default()
    });
    for (number, asks) in [&[ACK, REPORT][..], &[REPORT], &[]].iter().enumerate() {
        exchange.asked(&format!("silent{number}"), asks);
    }
    exchange.relay.wait_until_empty();
    // What was asked later has its time-out later; it is told of, because it went two ways.
    wait_for_a_time_out(&exchange, "marker");
    exchange.relay.wait_until_empty();
    assert_eq!((exchange.a.taken().len(), dead_letters(&exchange)), (1, 0));
    let traced = exchange.relay.print(&["trace", "silent0@mms.a.example"]);
    assert!(traced.contains("operator-a was not answered\n"), "{traced}");
}

#[test]
fn a_next_hop_that_never_answers_what_the_relay_took_over() {
    let exchange = Exchange::on(&Terms {
        a: "mode = \"pre-acknowledge\"",
        b: "response-within = \"1 s\"\nrepeats = 0",
        ..Terms::default()
    });
    let mut heard = Vec::new();
    for (id, asks) in [("k1", &[REPORT][..]), ("k2", &[])] {
        let before = (exchange.a.taken().len(), dead_letters(&exchange));
        exchange.asked(id, asks);
        heard.push(hears(&exchange, before, asks.is_empty()));
    }
    assert_eq!(heard, [Hears::Report("Indeterminate"), Hears::Nothing]);
}
