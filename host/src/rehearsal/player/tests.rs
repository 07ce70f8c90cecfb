use mm4relay_engine::NoOutside;

use super::*;
use crate::pipeline::tape::{ANSWERS_MAX, Tape};

struct World;

impl Services for World {
    fn now_ms(&self) -> u64 {
        7
    }
    fn table(&self, name: &str) -> Option<Arc<dyn Table>> {
        (name == "known").then(|| Arc::new(Row) as Arc<dyn Table>)
    }
    fn kv_get<'a>(&'a self, _plugin: &'a str, key: &'a str) -> BoxFuture<'a, Result<Option<Vec<u8>>, String>> {
        Box::pin(async move { Ok((key == "k").then(|| b"v".to_vec())) })
    }
    fn random_seed(&self) -> [u8; 32] {
        [9; 32]
    }
    fn network<'a>(&'a self, _number: &'a str) -> BoxFuture<'a, Result<Option<Network>, String>> {
        Box::pin(async { Ok(Some(Network::default())) })
    }
    fn outside(&self) -> &dyn Outside {
        &NoOutside
    }

    fn log(&self, _plugin: &str, _message: &str, _level: Level, _text: &str) {}
}

struct Row;

impl Table for Row {
    fn lookup(&self, key: &str) -> Option<&str> {
        (key == "a").then_some("1")
    }
    fn lookup_prefix(&self, text: &str) -> Option<(&str, &str)> {
        text.starts_with('a').then_some(("a", "1"))
    }
}

/// Asks everything once.
async fn ask(services: &dyn Services) -> String {
    let table = services.table("known");
    let found = table
        .as_ref()
        .map(|table| (table.lookup("a"), table.lookup("b"), table.lookup_prefix("ab")));
    let value = services.kv_get("p", "k").await;
    let network = services.network("+15555550100").await;
    format!(
        "{} {found:?} {} {value:?} {network:?} {:?}",
        services.now_ms(),
        services.table("none").is_none(),
        services.random_seed(),
    )
}

#[tokio::test]
async fn what_was_told_is_told_again() {
    let tape = Tape::over(Arc::new(World));
    let told = ask(&tape).await;
    let player = Player::of(&tape.close(), None);
    assert_eq!(ask(&player).await, told);
    assert_eq!(player.unanswered(), Vec::<String>::new());
}

#[tokio::test]
async fn what_was_not_asked_before_has_no_answer() {
    let tape = Tape::over(Arc::new(World));
    ask(&tape).await;
    let player = Player::of(&tape.close(), None);
    let table = player.table("known").unwrap();
    assert_eq!((table.lookup("c"), table.lookup_prefix("x")), (None, None));
    assert!(player.kv_get("p", "other").await.is_err());
    player.now_ms();
    player.now_ms();
    player.table("unheard-of");
    assert!(player.network("+999").await.is_err());
    assert_eq!(
        player.unanswered(),
        [
            "tables.lookup(\"known\", \"c\")",
            "tables.lookup-prefix(\"known\", \"x\")",
            "kv.get(\"other\")",
            "clock.now",
            "tables: \"unheard-of\"",
            "numbering.lookup(\"+999\")",
        ]
    );
}

#[tokio::test]
async fn with_live_services_behind_it_nothing_is_unanswered() {
    let player = Player::of(&Asked::default(), Some(Arc::new(World)));
    let told = ask(&World).await;
    assert_eq!(ask(&player).await, told);
    assert!(player.unanswered().is_empty());
}

#[test]
fn a_call_that_asks_without_end_is_cut_and_says_so() {
    let tape = Tape::over(Arc::new(World));
    for _ in 0..=ANSWERS_MAX {
        tape.now_ms();
    }
    let asked = tape.close();
    assert_eq!((asked.answers.len(), asked.cut), (ANSWERS_MAX, true));
    tape.now_ms();
    assert!(tape.close().answers.is_empty(), "a closed tape is not written on");
}
