//! Stories are played, and the shortest of those that fail is told.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::{Duration, Instant};

use super::play::{Played, play, play_in};
use super::plugin::Whim;
use super::story::{Act, Answers, Asks, Does, Expires, Letter, Stage, Story, Terms, Way, What};
use super::world::held;

/// Of `cargo test`: some seconds of stories.
const FEW: u64 = 64;

/// Stories that are played in search of a shorter one; `MM4RELAY_SHORTER` says otherwise.
const MOST_TRIES: u64 = 400;

/// A story of many minutes takes a fraction of a second.
const ENDLESS: Duration = Duration::from_secs(120);

fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{name} is not a number: {text}")),
    )
}

#[test]
fn every_story_comes_to_its_end_and_the_books_balance() {
    let from = number("MM4RELAY_FIRST_SEED").unwrap_or(0);
    let seeds = match number("MM4RELAY_SEED") {
        Some(seed) => seed..seed + 1,
        None => from..from + number("MM4RELAY_SEEDS").unwrap_or(FEW),
    };
    let (began, count) = (Instant::now(), seeds.end - seeds.start);
    let without = std::env::var("MM4RELAY_WITHOUT").unwrap_or_default();
    watch();
    for seed in seeds {
        AT.store(seed, SeqCst);
        let story = Story::of(seed).without(&without);
        let played = play(&story);
        if !played.complaints.is_empty() {
            panic!("{}", told(seed, story, played));
        }
    }
    AT.store(u64::MAX, SeqCst);
    let seconds = began.elapsed().as_secs_f64();
    println!(
        "{count} stories in {seconds:.1} s, {:.1} a second",
        count as f64 / seconds
    );
}

/// The seed that is played.
static AT: AtomicU64 = AtomicU64::new(u64::MAX);

/// Ends the process when one seed takes for ever: time that stands still cannot be waited for from within.
fn watch() {
    std::thread::spawn(|| {
        let (mut seen, mut since) = (u64::MAX, Instant::now());
        loop {
            std::thread::sleep(Duration::from_secs(1));
            let at = AT.load(SeqCst);
            if at != seen {
                (seen, since) = (at, Instant::now());
            } else if since.elapsed() > ENDLESS && at != u64::MAX {
                println!("\n\nSeed {at} fails:\n\n  the relay goes round without end, and no time passes\n");
                std::process::exit(101);
            }
        }
    });
}

/// The shortest story that fails like this one.
fn told(seed: u64, story: Story, played: Played) -> String {
    AT.store(u64::MAX, SeqCst);
    let (shortest, played) = shrunk(story, played, play);
    let log = match number("MM4RELAY_SEED") {
        Some(_) => format!("\nWhat the relay logged:\n\n{}\n", played.log.join("\n")),
        None => String::new(),
    };
    format!(
        "\n\nSeed {seed} fails:\n\n  {}\n\nThe shortest story that fails:\n\n{shortest}\nWhat happened:\n\n{}{log}\n\
         Replay it, with the relay's log, by\n\n  MM4RELAY_SEED={seed} cargo test --release --lib simulation::tests::every\n",
        played.complaints.join("\n  "),
        played.told,
    )
}

/// Leaves away what it can, as long as the story fails.
fn shrunk(mut story: Story, mut played: Played, play: impl Fn(&Story) -> Played) -> (Story, Played) {
    let (mut tries, most) = (0, number("MM4RELAY_SHORTER").unwrap_or(MOST_TRIES));
    while let Some((shorter, replayed)) = story.shorter().into_iter().find_map(|shorter| {
        tries += 1;
        let replayed = (tries <= most).then(|| play(&shorter))?;
        (!replayed.complaints.is_empty()).then_some((shorter, replayed))
    }) {
        (story, played) = (shorter, replayed);
    }
    (story, played)
}

#[test]
fn a_seed_comes_to_the_same_each_time() {
    for seed in [1, 2, 3, 5, 8, 13, 21, 34] {
        let story = Story::of(seed);
        let (one, other) = (play(&story), play(&story));
        assert!(one.told.lines().count() > 5, "{}", one.told);
        let differ = one
            .told
            .lines()
            .zip(other.told.lines())
            .find(|(one, other)| one != other);
        assert_eq!(differ, None, "seed {seed}");
        assert_eq!(
            (one.told, one.complaints),
            (other.told, other.complaints),
            "seed {seed}"
        );
    }
}

fn letter(number: u32) -> What {
    What::Sends(Letter {
        number,
        from: 'a',
        to: vec![('b', 1)],
        asks: Asks {
            response: true,
            report: false,
            read: false,
        },
        null: false,
        lines: 0,
        way: Way::Plain,
        expires: None,
    })
}

fn story(acts: Vec<(u64, What)>) -> Story {
    let act = |(seconds, what)| Act {
        at: Duration::from_secs(seconds),
        what,
    };
    Story {
        seed: 7,
        terms: Terms::Transparent,
        beside: false,
        together: false,
        acts: acts.into_iter().map(act).collect(),
    }
}

#[test]
fn a_letter_goes_to_its_operator_and_the_response_comes_back() {
    let played = play(&story(vec![(0, letter(0))]));
    assert_eq!(played.complaints, Vec::<String>::new(), "{}", played.told);
    let happened = |what: &str| played.told.matches(what).count();
    assert_eq!(
        happened("B takes MM4_forward.REQ \"m0@mms.a.example\""),
        1,
        "{}",
        played.told
    );
    assert_eq!(
        happened("A takes MM4_forward.RES \"m0@mms.a.example\""),
        1,
        "{}",
        played.told
    );
}

/// Found by a story of a seed: the first one arrived, its repeat expired, and whoever sent it heard that it had not arrived.
#[test]
fn what_the_next_hop_took_is_not_told_as_expired_because_a_repeat_of_it_expires() {
    let late = What::Answers {
        operator: 'c',
        how: Answers::Late,
        times: 1,
    };
    let letter = What::Sends(Letter {
        number: 0,
        from: 'a',
        to: vec![('c', 1)],
        asks: Asks::default(),
        null: false,
        lines: 0,
        way: Way::Plain,
        expires: Some(Expires { after: 20, east: -8 }),
    });
    let story = Story {
        terms: Terms::PreAcknowledge,
        ..story(vec![(0, late), (1, letter)])
    };
    let played = play(&story);
    assert_eq!(played.complaints, Vec::<String>::new(), "{}", played.told);
    let happened = |what: &str| played.told.matches(what).count();
    assert_eq!(happened("C takes MM4_forward.REQ"), 1, "{}", played.told);
    assert_eq!(happened("A takes "), 0, "{}", played.told);
}

/// Found by a story of a seed: the copy went to C, whose answer to it was refused, and what was released went to C once more.
#[test]
fn a_copy_goes_to_nobody_for_whom_the_request_is_held() {
    let hold = What::PlugIn {
        departure: true,
        whim: Whim::Holds,
    };
    let never = What::Answers {
        operator: 'b',
        how: Answers::Never,
        times: 2,
    };
    let letter = What::Sends(Letter {
        number: 0,
        from: 'a',
        to: vec![('c', 1), ('b', 1)],
        asks: Asks {
            response: true,
            ..Asks::default()
        },
        null: false,
        lines: 0,
        way: Way::Plain,
        expires: None,
    });
    let acts = vec![(0, hold), (0, never), (1, letter), (3, What::SaysAgain(0))];
    let played = play(&story(acts));
    assert_eq!(played.complaints, Vec::<String>::new(), "{}", played.told);
    let happened = |what: &str| played.told.matches(what).count();
    assert_eq!(happened("B takes MM4_forward.REQ"), 2, "{}", played.told);
    assert_eq!(happened("C takes MM4_forward.REQ"), 1, "{}", played.told);
}

/// A test of these tests, and of how a failure is told.
#[test]
fn a_disk_that_has_not_what_it_says_it_has_is_found_out_and_the_story_told_is_short() {
    let long = story(vec![
        (0, letter(0)),
        (1, What::Slow(true)),
        (1, What::Choppy(true)),
        (2, letter(1)),
        (
            3,
            What::Restarts {
                away: Duration::from_secs(1),
            },
        ),
        (
            9,
            What::Behaves {
                operator: 'b',
                stage: Stage::End,
                does: Does::Says(451),
                times: 2,
            },
        ),
    ]);
    let lying = |story: &Story| play_in(story, |world| held(&world.disk).lies = true);
    let played = lying(&long);
    let heard = "A heard 250 for Letter(0) before it was in the store";
    assert!(
        played.complaints.iter().any(|why| why == heard),
        "{:?}",
        played.complaints
    );
    let (shortest, _) = shrunk(long, played, lying);
    assert_eq!(shortest.acts.len(), 1, "{shortest}");
    assert!(shortest.to_string().contains(" sends letter "), "{shortest}");
}

/// What is planted has to stand somewhere: the table goes with the code.
#[test]
fn each_fault_that_is_planted_has_its_place_in_the_code() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let table = std::fs::read_to_string(root.join("tests/simulation/planted.toml")).unwrap();
    let table: toml::Table = table.parse().unwrap();
    let faults = table["fault"].as_array().unwrap();
    assert!(faults.len() >= 100);
    for fault in faults {
        let text = |key: &str| fault[key].as_str().unwrap();
        let at = fault.get("at").map_or(text("old"), |at| at.as_str().unwrap());
        let code = std::fs::read_to_string(root.join(text("file"))).unwrap();
        assert_eq!(code.matches(at).count(), 1, "{}", text("name"));
        assert_eq!(at.matches(text("old")).count(), 1, "{}", text("name"));
        assert_ne!(text("old"), text("new"), "{}", text("name"));
    }
}
