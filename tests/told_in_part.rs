//! Who is told what, where some recipients or destinations fail and others succeed. See `told` for the rest.

use crate::support::{AT_C, Exchange, Link, Taken, Terms, eventually, sample};
use crate::told::Hears::{Bounce, Nothing, Report, Response};
use crate::told::{ACK, FOR_A_REPORT, FOR_NOTHING, FROM_NOBODY, REFUSED, REPORT, dead_letters, told, word};

#[test]
fn one_recipient_of_two_is_refused() {
    let exchange = Exchange::start();
    told(
        &exchange,
        &[sample::TO, REFUSED],
        &[],
        &[
            (FOR_A_REPORT, Report("Rejected")),
            (FOR_NOTHING, Bounce),
            (FROM_NOBODY, Nothing),
        ],
    );
    // Who asks for a response gets one, when the next hop has answered for the others.
    let taken = exchange.b.taken().len();
    let failures = || exchange.relay.process().log().matches("WARN failed").count();
    let failed = failures();
    exchange.say(
        sample::FROM,
        &[sample::TO, REFUSED],
        &sample::with_body("k1", &[ACK], b"hello\r\n"),
    );
    let before = exchange.a.taken().len();
    let at_b = exchange.b.wait_for(taken + 1)[taken].clone();
    eventually("the other has failed", || (failures() > failed).then_some(()));
    exchange.respond(&at_b, "Ok");
    let heard = exchange.a.wait_for(before + 1)[before].clone();
    assert_ne!(heard.status(), "Ok", "the worst");
    assert!(heard.status().starts_with("Error-"));
}

#[test]
fn a_bounce_names_the_host_that_refused_and_what_it_said() {
    let exchange = Exchange::start();
    exchange.say(sample::FROM, &[REFUSED], &sample::with_body("k1", &[], b"hello\r\n"));
    let bounce = exchange.a.wait_for(1)[0].text();
    for line in [
        "Remote-MTA: dns; [127.0.0.1]",
        "Diagnostic-Code: smtp; 550 5.7.1 told to, at Rcpt",
    ] {
        assert!(bounce.contains(line), "{line} in {bounce}");
    }
}

#[test]
fn one_destination_among_others_has_no_route() {
    let exchange = Exchange::on(&Terms {
        more: "[[route]]\nprefix = \"+1777\"\nplugins = true\n",
        ..Terms::default()
    });
    // Left to plug-ins, of which there are none.
    let nowhere = "+17775550100/TYPE=PLMN@mms.hub.example";
    told(
        &exchange,
        &[sample::TO, nowhere],
        &[],
        &[
            (FOR_A_REPORT, Report("Unreachable")),
            (FOR_NOTHING, Bounce),
            (FROM_NOBODY, Nothing),
        ],
    );
    let (at_a, at_b) = (exchange.a.taken().len(), exchange.b.taken().len());
    let request = sample::with_body("k1", &[ACK, REPORT], b"hello\r\n");
    exchange.say(sample::FROM, &[sample::TO, nowhere], &request);
    exchange.respond(&exchange.b.wait_for(at_b + 1)[at_b].clone(), "Ok");
    let heard = word(&exchange.a.wait_for(at_a + 1)[at_a]);
    assert_eq!(heard, Response("Error-sending-address-unresolved"));
    let traced = exchange.relay.print(&["trace", "k1@mms.a.example", "--json"]);
    let traced: serde_json::Value = serde_json::from_str(traced.trim()).expect("JSON");
    let ordinal_in = |destinations: &serde_json::Value| {
        let all = destinations.as_array().expect("a list");
        let lost = all
            .iter()
            .find(|to| to["peer"] == "no-route")
            .expect("it is among them");
        lost["ordinal"].as_u64()
    };
    assert_eq!(ordinal_in(&traced["destinations"]), Some(1));
    assert_eq!(ordinal_in(&traced["history"][0]["destinations"]), Some(1));
    // The only one: a reply, as to every request that goes nowhere.
    let answer = exchange.offer(
        sample::FROM,
        &[nowhere],
        &sample::with_body("k2", &[REPORT], b"hello\r\n"),
    );
    assert!(answer.starts_with("550 5.1.2 no route to"), "{answer}");
}

#[test]
fn a_plug_in_refuses_one_destination_among_others() {
    let refuses = Link::bundled("content-adapt", "too-large = \"refuse\"").to_string();
    let small = "[[peer]]\nname = \"operator-d\"\ndomains = [\"mms.d.example\"]\nhosts = [\"127.0.0.1:9\"]\n\
                 max-message-size = \"1 KiB\"\n";
    let exchange = Exchange::on(&Terms {
        more: &format!("{small}{refuses}"),
        ..Terms::default()
    });
    let to = [sample::TO, "+15555550177/TYPE=PLMN@mms.d.example"];
    let large = format!("X-Large: {}", "x".repeat(900));
    told(
        &exchange,
        &to,
        &[&large],
        &[(FOR_A_REPORT, Report("Rejected")), (FOR_NOTHING, Nothing)],
    );
    let (at_a, at_b) = (exchange.a.taken().len(), exchange.b.taken().len());
    exchange.say(sample::FROM, &to, &sample::picture("k1", &[ACK, REPORT, &large]));
    exchange.respond(&exchange.b.wait_for(at_b + 1)[at_b].clone(), "Ok");
    let heard = word(&exchange.a.wait_for(at_a + 1)[at_a]);
    assert_eq!(heard, Response("Error-content-not-accepted"));
}

#[test]
fn each_recipient_that_failed_has_a_report_and_each_destination_a_bounce() {
    let exchange = Exchange::start();
    let to = [REFUSED, "refuse-me-too@mms.b.example", "refuse-me@mms.c.example"];
    exchange.say(sample::FROM, &to, &sample::with_body("k1", &[REPORT], b"hello\r\n"));
    let mut reported: Vec<String> = exchange.a.wait_for(3).iter().map(|heard| heard.field("From")).collect();
    reported.sort();
    assert_eq!(
        reported,
        ["refuse-me-too@mms.b.example", REFUSED, "refuse-me@mms.c.example"]
    );
    exchange.say(sample::FROM, &to, &sample::with_body("k2", &[], b"hello\r\n"));
    let bounces = exchange.a.wait_for(5);
    let named = |taken: &Taken| to.map(|to| taken.text().contains(&format!("Final-Recipient: rfc822; {to}\r\n")));
    let mut named = [named(&bounces[3]), named(&bounces[4])];
    named.sort();
    assert_eq!(named, [[false, false, true], [true, true, false]]);
    exchange.wait_for_log("told: a bounce");
    assert_eq!((exchange.a.taken().len(), dead_letters(&exchange)), (5, 0));
}

#[test]
fn one_next_hop_of_two_fails() {
    let exchange = Exchange::start();
    told(
        &exchange,
        &[REFUSED, AT_C],
        &[],
        &[(FOR_A_REPORT, Report("Rejected")), (FOR_NOTHING, Bounce)],
    );
}
