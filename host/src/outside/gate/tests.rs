use super::*;

fn gate(concurrent: u32, failures: u32) -> Arc<Gate> {
    let terms = GateTerms {
        time: Duration::from_secs(1),
        concurrent,
        rate: None,
        breaker: BreakerTerms {
            failures,
            first: Duration::from_secs(5),
            longest: Duration::from_secs(60),
        },
    };
    Gates::default().gate(Kind::Scanner, "s", terms)
}

async fn fails() -> Result<(), Trouble> {
    Err(Trouble::Failed("no".into()))
}

async fn never() -> Result<(), Trouble> {
    std::future::pending().await
}

#[tokio::test(start_paused = true)]
async fn who_keeps_failing_is_not_asked_for_a_while_and_then_asked_once() {
    let gate = gate(4, 2);
    for _ in 0..2 {
        let fault = gate.ask(fails()).await.unwrap_err();
        assert!(fault.text().contains("scanner \"s\": no"), "{fault:?}");
    }
    let fault = gate.ask(async { Ok(()) }).await.unwrap_err();
    assert!(fault.text().contains("left alone"), "{fault:?}");
    tokio::time::advance(Duration::from_secs(5)).await;
    assert_eq!(gate.ask(async { Ok(1) }).await, Ok(1));
    assert_eq!(gate.ask(async { Ok(2) }).await, Ok(2));
    assert_eq!(gate.read().ends, [2, 0, 2, 0, 1]);
}

#[tokio::test(start_paused = true)]
async fn a_call_has_its_time_and_one_that_is_given_up_after_a_while_counts_against_whom_it_asked() {
    let gate = gate(4, 2);
    let fault = gate.ask(never()).await.unwrap_err();
    assert!(fault.text().contains("no answer within 1s"), "{fault:?}");
    // Given up at once: says nothing.
    let _ = tokio::time::timeout(Duration::from_millis(1), gate.ask(never())).await;
    assert_eq!(gate.read().standing, GateState::Closed);
    let _ = tokio::time::timeout(Duration::from_millis(200), gate.ask(never())).await;
    assert_eq!(gate.read().standing, GateState::Open);
    assert_eq!(gate.read().ends, [0, 0, 1, 2, 0]);
}

#[tokio::test(start_paused = true)]
async fn as_many_wait_as_are_asked_and_everybody_else_is_told_at_once() {
    let gate = gate(1, 20);
    let ask = || {
        let gate = Arc::clone(&gate);
        tokio::spawn(async move { gate.ask(never()).await })
    };
    let (asked, waits) = (ask(), ask());
    tokio::task::yield_now().await;
    let fault = gate.ask(never()).await.unwrap_err();
    assert!(fault.text().contains("1 calls at once"), "{fault:?}");
    assert!(!asked.is_finished() && !waits.is_finished());
    asked.abort();
    let _ = asked.await;
    tokio::task::yield_now().await;
    assert_eq!(gate.read().running, 1, "the one that waited has the place");
    waits.abort();
}

#[tokio::test]
async fn what_is_too_large_says_nothing_of_whom_it_was_for() {
    let gate = gate(1, 1);
    for _ in 0..3 {
        let too_large = async { Err::<(), _>(Trouble::TooLarge("more than 1 octet".into())) };
        assert!(matches!(gate.ask(too_large).await, Err(Fault::Limit(_))));
    }
    assert_eq!(gate.read().standing, GateState::Closed);
}

#[test]
fn a_pace_is_so_many_in_a_second() {
    let (mut pace, now) = (Pace::default(), Instant::now());
    assert_eq!((0..5).filter(|_| pace.allows(3, now)).count(), 3);
    let later = now + Duration::from_millis(400);
    assert_eq!((0..5).filter(|_| pace.allows(3, later)).count(), 1);
    let much_later = now + Duration::from_secs(60);
    assert_eq!((0..5).filter(|_| pace.allows(3, much_later)).count(), 3);
}

#[test]
fn a_gate_stays_for_as_long_as_its_terms_do() {
    let gates = Gates::default();
    let terms = gate(1, 1).terms.clone();
    let first = gates.gate(Kind::Scanner, "s", terms.clone());
    assert!(Arc::ptr_eq(&first, &gates.gate(Kind::Scanner, "s", terms.clone())));
    let other = GateTerms { concurrent: 2, ..terms };
    assert!(!Arc::ptr_eq(&first, &gates.gate(Kind::Scanner, "s", other)));
    drop(first);
    assert!(gates.all().is_empty(), "nobody holds one any more");
}
