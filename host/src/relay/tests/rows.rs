//! The rows of "who is told what" in `docs/architecture.md`, as cases: what happens to a request, step by step.

use std::time::Duration;

use super::house::Decides::{Discard, Fail, Hold, Pass, Refuse};
use super::house::Plays::{AtArrival, AtDeparture};
use super::house::{Does, Plays};
use super::rows::Then::{Answers, Bounces, ComesAgain, Passes, Releases};
use crate::delivery::tests::by_hand::Says;

/// Subscribers of operators B and C, and one whom no next hop serves.
pub(super) const AT_B: &str = "+15555550199/TYPE=PLMN@mms.b.example";
const ANOTHER_AT_B: &str = "+15555550198/TYPE=PLMN@mms.b.example";
const AT_C: &str = "+15555550188/TYPE=PLMN@mms.c.example";
const NOWHERE: &str = "+17775550100/TYPE=PLMN@mms.hub.example";

const B: &str = "operator-b";
const C: &str = "operator-c";

/// How a peer of the configuration is asked to handle requests of operator A.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Terms {
    Transparent,
    PreAcknowledge,
    /// Transparent, and a request that is refused is answered with a response.
    RefuseWithResponse,
}

/// What happens after the request was heard, one after the other.
#[derive(Clone, Copy)]
pub(super) enum Then {
    Passes(Duration),
    /// This next hop sends its response to the request.
    Answers(&'static str, &'static str),
    /// The mail system of this next hop returns the request.
    Bounces(&'static str),
    ComesAgain,
    /// An operator releases what is held.
    Releases,
}

pub(super) struct Row {
    pub title: &'static str,
    pub terms: Terms,
    pub to: &'static [&'static str],
    pub does: &'static [Does],
    pub plays: &'static [Plays],
    /// A header line of the request.
    pub line: Option<&'static str>,
    pub then: &'static [Then],
    /// Played with the quirks of real peers too: one for each row of the documentation.
    pub crossed: bool,
}

const fn row(title: &'static str, then: &'static [Then]) -> Row {
    Row {
        title,
        terms: Terms::Transparent,
        to: &[AT_B],
        does: &[],
        plays: &[],
        line: None,
        then,
        crossed: false,
    }
}

const fn crossed(title: &'static str, then: &'static [Then]) -> Row {
    Row {
        crossed: true,
        ..row(title, then)
    }
}

const HOUR: Duration = Duration::from_secs(3600);
/// Longer than `give-up`, which is 3 days unless configured.
const FOUR_DAYS: Duration = Duration::from_secs(4 * 86_400);
/// Longer than `response-within` of a next hop.
const NO_ANSWER: Then = Passes(HOUR);

const REFUSED: Says = Says::Reply(550, (7, 1), "not from you");
const UNKNOWN: Says = Says::Reply(550, (1, 1), "no such user");
const NOT_NOW: Says = Says::Reply(451, (3, 0), "not now");
const NO: &str = "Error-content-not-accepted";

pub(super) const ROWS: &[Row] = &[
    crossed("the next hop takes it and answers", &[Answers(B, "Ok")]),
    Row {
        terms: Terms::PreAcknowledge,
        ..row("the same, pre-acknowledged", &[Answers(B, "Ok")])
    },
    Row {
        does: &[Does(B, REFUSED)],
        ..crossed("the next hop refuses it for good", &[])
    },
    Row {
        terms: Terms::PreAcknowledge,
        does: &[Does(B, REFUSED)],
        ..row("the same, pre-acknowledged", &[])
    },
    Row {
        does: &[Does(B, UNKNOWN)],
        ..row("the next hop does not know the address", &[])
    },
    Row {
        does: &[Does(B, Says::NoMail)],
        ..row("the MX record of the next hop says that it takes no mail", &[])
    },
    Row {
        does: &[Does(B, Says::Nothing)],
        ..crossed("the next hop cannot be reached until `give-up`", &[Passes(FOUR_DAYS)])
    },
    Row {
        does: &[Does(B, NOT_NOW)],
        ..row("the next hop does not take it until `give-up`", &[Passes(FOUR_DAYS)])
    },
    Row {
        does: &[Does(B, NOT_NOW)],
        line: Some("X-Mms-Expiry: 60"),
        ..crossed("`X-Mms-Expiry` comes first", &[Passes(HOUR)])
    },
    crossed("the next hop takes it, and its mail system bounces it", &[Bounces(B)]),
    Row {
        to: &[AT_B, NOWHERE],
        ..crossed("one destination among others has no route", &[Answers(B, "Ok")])
    },
    Row {
        to: &[AT_B, AT_C],
        plays: &[AtDeparture(C, Refuse)],
        ..crossed("a plug-in refuses one destination among others", &[Answers(B, "Ok")])
    },
    Row {
        plays: &[AtArrival(Hold), AtArrival(Refuse)],
        ..row("a plug-in refuses the whole message from the spool", &[Releases])
    },
    Row {
        to: &[AT_B, ANOTHER_AT_B],
        does: &[Does(ANOTHER_AT_B, REFUSED)],
        ..crossed("the next hop refuses one recipient of two", &[Answers(B, "Ok")])
    },
    Row {
        to: &[AT_B, ANOTHER_AT_B],
        does: &[Does(ANOTHER_AT_B, REFUSED), Does(AT_B, UNKNOWN)],
        ..row("the next hop refuses two recipients for two reasons", &[])
    },
    Row {
        to: &[AT_B, AT_C],
        does: &[Does(C, REFUSED)],
        ..row("one next hop of two refuses it", &[Answers(B, "Ok")])
    },
    Row {
        plays: &[AtArrival(Hold)],
        ..crossed("a plug-in holds it", &[])
    },
    Row {
        plays: &[AtArrival(Hold)],
        ..row(
            "a plug-in holds it, and an operator releases it",
            &[Releases, Answers(B, "Ok")],
        )
    },
    Row {
        to: &[AT_B, AT_C],
        plays: &[AtDeparture(C, Hold)],
        ..row(
            "a plug-in holds it on its way to one next hop of two",
            &[Answers(B, "Ok")],
        )
    },
    Row {
        plays: &[AtArrival(Discard)],
        ..row("a plug-in discards it", &[])
    },
    crossed("the far end answers with an error", &[Answers(B, NO)]),
    Row {
        to: &[AT_B, AT_C],
        ..row(
            "one far end of two answers with an error",
            &[Answers(B, "Ok"), Answers(C, NO)],
        )
    },
    Row {
        terms: Terms::PreAcknowledge,
        ..crossed("the far end answers with an error, pre-acknowledged", &[Answers(B, NO)])
    },
    row("the far end never answers", &[NO_ANSWER]),
    Row {
        to: &[AT_B, AT_C],
        ..crossed("one far end of two never answers", &[Answers(B, "Ok"), NO_ANSWER])
    },
    Row {
        terms: Terms::PreAcknowledge,
        ..row(
            "the far end never answers, pre-acknowledged",
            &[NO_ANSWER, NO_ANSWER, NO_ANSWER, NO_ANSWER],
        )
    },
    crossed("it comes again before it was answered", &[ComesAgain]),
    row("it comes again after it was answered", &[Answers(B, "Ok"), ComesAgain]),
    Row {
        does: &[Does(B, REFUSED)],
        ..row("it comes again after it failed", &[ComesAgain])
    },
    row("somebody answers who was not asked", &[Answers(C, "Ok")]),
    Row {
        plays: &[AtArrival(Refuse)],
        ..row("a plug-in refuses it while its sender waits", &[])
    },
    Row {
        terms: Terms::RefuseWithResponse,
        plays: &[AtArrival(Refuse)],
        ..row("the same, where a refusal is a response", &[])
    },
    Row {
        plays: &[AtArrival(Pass), AtDeparture(B, Fail)],
        ..row("a plug-in fails, and its failures defer", &[])
    },
    Row {
        to: &[NOWHERE],
        ..row("there is no route for any recipient", &[])
    },
];
