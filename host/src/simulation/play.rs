//! A story from its beginning to its end, through as many lives of the relay as it takes.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Builder;
use tokio::time::sleep;

use super::Which;
use super::check::Ending;
use super::house::{Ground, Program};
use super::log::Log;
use super::net::Net;
use super::operators::{LETTERS, Operators, hosts};
use super::story::{Story, Terms, What};
use super::world::{BEGIN, World, WorldClock, held};
use crate::message::{PeerName, Timestamp};
use crate::spool::memory::{Memory, MemorySpool};
use crate::spool::{By, Filter, Operator as _, QueueState, Requests as _, Selection};

/// What a story came to.
pub(super) struct Played {
    pub(super) complaints: Vec<String>,
    /// What happened, line by line.
    pub(super) told: String,
    pub(super) log: Vec<String>,
}

/// How one life of the relay ended.
enum Ended {
    Over,
    Killed,
    Stopped(Duration),
}

struct Stage<'a> {
    story: &'a Story,
    world: Arc<World>,
    operators: Arc<Operators>,
    memory: Arc<Memory>,
    /// Acts that have been done.
    done: usize,
    terms: Terms,
    /// How long the relay is away if it is killed.
    away: Duration,
    complaints: Vec<String>,
}

/// After the last act everything is well again, and has to come to its end within this time.
const CALM: Duration = Duration::from_secs(1_500);

/// Longer than an attempt at a message takes.
const LAST_ATTEMPT: Duration = Duration::from_secs(240);

/// Plays a story. The same story comes to the same every time.
pub(super) fn play(story: &Story) -> Played {
    play_in(story, |_| {})
}

/// In a world that is prepared like this.
pub(super) fn play_in(story: &Story, prepare: impl FnOnce(&World)) -> Played {
    for terms in [Terms::Transparent, Terms::PreAcknowledge, Terms::RefuseWithResponse] {
        Ground::of(terms);
    }
    fastrand::seed(story.seed);
    let (world, log) = (World::new(story.seed), Log::default());
    prepare(&world);
    let told = Arc::clone(&world);
    let stage = Stage {
        story,
        operators: Operators::new(&world, story.together),
        memory: Memory::new(Arc::new(WorldClock(Arc::clone(&world)))),
        world,
        done: 0,
        terms: story.terms,
        away: Duration::ZERO,
        complaints: Vec::new(),
    };
    let playing = AssertUnwindSafe(|| tracing::subscriber::with_default(log.clone(), || stage.lives(&log)));
    catch_unwind(playing).unwrap_or_else(|_| Played {
        complaints: vec!["the story ends in a panic".into()],
        told: told.told(),
        log: log.lines(),
    })
}

impl Stage<'_> {
    fn lives(mut self, log: &Log) -> Played {
        let mut after = Duration::ZERO;
        loop {
            // Without sockets: whatever is not simulated fails.
            let runtime = Builder::new_current_thread()
                .enable_time()
                .start_paused(true)
                .build()
                .unwrap();
            let (ended, store) = runtime.block_on(self.life(after));
            drop(runtime);
            match ended {
                Ended::Over => return self.over(&store, log),
                Ended::Killed => {
                    held(&self.world.books).disturbed.push(self.world.now());
                    after = self.away;
                }
                Ended::Stopped(away) => after = away,
            }
            // What was leased was leased to the program, and is free.
            let runtime = Builder::new_current_thread().build().unwrap();
            runtime.block_on(crate::spool::Spool::close(&*store));
        }
    }

    fn over(self, store: &Arc<MemorySpool>, log: &Log) -> Played {
        let lines = log.lines();
        let ending = Ending {
            story: self.story,
            world: &self.world,
            operators: &self.operators,
            store,
            log: &lines,
            messages: self.memory.messages(),
        };
        let mut complaints = self.complaints;
        complaints.extend(ending.complaints());
        Played {
            complaints,
            told: self.world.told(),
            log: lines,
        }
    }

    /// From a start of the relay to its end; or, where another one works beside it, to the end of the story.
    async fn life(&mut self, after: Duration) -> (Ended, Arc<MemorySpool>) {
        self.world.program_begins(after);
        let (world, net) = (Arc::clone(&self.world), Net::new(&self.world, self.story.beside));
        self.operators.go_on(&net);
        let beside = match self.story.beside {
            true => Some(self.start(&net, Which::Second).await),
            false => None,
        };
        loop {
            world.happens("the relay starts");
            held(&world.books).started.push(world.now());
            let program = self.start(&net, Which::First).await;
            let store = Arc::clone(&program.memory);
            let ended = tokio::select! {
                biased;
                () = world.died.notified() => Ended::Killed,
                ended = self.act(program) => ended,
            };
            let away = match ended {
                Ended::Stopped(away) if beside.is_some() => away,
                Ended::Killed if beside.is_some() => self.away,
                ended => {
                    if let Some(beside) = beside {
                        self.complaints.extend(beside.troubles());
                        self.drain(beside).await;
                    }
                    world.program_ends();
                    return (ended, store);
                }
            };
            world.is_over(Which::First);
            held(&world.books).disturbed.push(world.now());
            net.forget(Which::First.address());
            sleep(away).await;
            // Its new life ends the old one.
            crate::spool::Spool::close(&*store).await;
        }
    }

    async fn start(&self, net: &Arc<Net>, which: Which) -> Program {
        Program::start((&self.world, net), &self.memory, Ground::of(self.terms), which).await
    }

    async fn act(&mut self, program: Program) -> Ended {
        while let Some(act) = self.story.acts.get(self.done) {
            self.wait_until(BEGIN.plus(act.at)).await;
            self.done += 1;
            match &act.what {
                What::Killed { steps, away } => {
                    self.away = *away;
                    self.world.dies_after(*steps);
                }
                What::Restarts { away } => {
                    self.world.happens("the relay is stopped");
                    self.drain(program).await;
                    return Ended::Stopped(*away);
                }
                what => self.does(what, &program),
            }
        }
        // Whoever is to be killed still has to do something first.
        sleep(Duration::from_secs(5)).await;
        self.heal(&program);
        self.come_to_an_end(&program).await;
        self.drain(program).await;
        Ended::Over
    }

    async fn wait_until(&self, time: Timestamp) {
        let left = time.since(self.world.now());
        if !left.is_zero() {
            sleep(left).await;
        }
    }

    async fn drain(&mut self, program: Program) {
        if !program.drain().await {
            self.complaints
                .push("the relay does not come to its end when it is stopped".into());
        }
    }

    fn does(&mut self, what: &What, program: &Program) {
        let now = self.world.now();
        self.world.happens(what.to_string());
        match what {
            What::Sends(letter) => self.operators.sends(letter),
            What::SaysAgain(number) => self.operators.says_again(*number),
            What::Meddles(number) => self.meddles(*number),
            What::Unsettled(times) => held(&self.world.disk).unsettled += times,
            What::ClockIsSet(by) => self.world.clock_will_be_set(*by),
            What::Behaves {
                operator,
                stage,
                does,
                times,
            } => self.operators.behaves(*operator, (*stage, *does, *times)),
            What::Answers { operator, how, times } => self.operators.answers(*operator, *how, *times),
            What::Slow(slow) => held(&self.world.weather).slow = *slow,
            What::Choppy(choppy) => held(&self.world.weather).choppy = *choppy,
            What::Breaks { operator, breaks } => {
                held(&self.world.weather).ends.push_back((hosts(*operator)[0], *breaks));
            }
            What::Away { operator, how, lasts } => {
                let until = now.plus(*lasts);
                let away = hosts(*operator).into_iter().map(|host| (host, *how, until));
                held(&self.world.weather).away.extend(away);
            }
            What::NoNames { lasts } => held(&self.world.weather).no_names_until = Some(now.plus(*lasts)),
            What::FlushFails(times) => held(&self.world.disk).fails += times,
            What::Full { lasts, brim } => {
                let mut disk = held(&self.world.disk);
                (disk.full_until, disk.brim) = (Some(now.plus(*lasts)), *brim);
            }
            What::SlowDisk(slow) => held(&self.world.disk).slow = *slow,
            What::PlugIn { departure: false, whim } => held(&self.world.whims).at_arrival.push_back(*whim),
            What::PlugIn { departure: true, whim } => held(&self.world.whims).at_departure.push_back(*whim),
            What::Deaf(times) => held(&self.world.whims).deaf += times,
            What::Reloads(terms) => {
                self.terms = *terms;
                program.reload(Ground::of(*terms));
            }
            What::Pauses { operator, lasts } => program.pause(*operator, self.world.relay_now().plus(*lasts)),
            What::HoldsAll | What::ReleasesAll | What::DropsOne | What::RetriesAll => self.operates(what, program),
            What::Killed { .. } | What::Restarts { .. } => {}
        }
    }

    fn meddles(&self, number: u32) {
        let mut letters = self.story.letters();
        let letter = letters.find(|letter| letter.number == number);
        if letter.is_some_and(|letter| letter.to.iter().all(|(to, _)| *to != 'c')) {
            self.operators.meddles(number);
        }
    }

    /// What an operator does at a desk beside the running relay.
    fn operates(&self, what: &What, program: &Program) {
        let (store, by) = (&program.memory, self.by());
        let waiting = |state| {
            let filter = Filter {
                state: Some(state),
                ..Filter::default()
            };
            let entries = store.list(&filter).unwrap();
            entries.iter().map(|entry| entry.id).collect::<Vec<_>>()
        };
        match what {
            What::HoldsAll => drop(store.hold(&waiting(QueueState::Waiting), "to be looked at", &by)),
            What::ReleasesAll => drop(store.release(&waiting(QueueState::Held), &[], &by)),
            What::DropsOne => {
                let first = store.list(&Filter::default()).unwrap().first().map(|entry| entry.id);
                if let Some(first) = first
                    && store.remove(&[first], &by).is_ok()
                {
                    held(&self.world.books).dropped.insert(first);
                }
            }
            _ => {
                for letter in LETTERS {
                    let peer = PeerName::new(&format!("operator-{letter}")).unwrap();
                    let _ = store.retry(Selection::WaitingFor(&peer), &by);
                }
            }
        }
    }

    fn by(&self) -> By {
        By {
            who: "operator".into(),
            at: self.world.relay_now(),
            noting: None,
        }
    }

    fn heal(&self, program: &Program) {
        self.world.dies_after(u64::MAX >> 1);
        *held(&self.world.weather) = Default::default();
        *held(&self.world.disk) = Default::default();
        *held(&self.world.whims) = Default::default();
        held(&self.world.books).healed = Some(self.world.now());
        self.operators.reform();
        program.resume_all();
        self.world.happens("from now on nothing goes wrong");
    }

    /// Waits until nothing is to be done any more.
    async fn come_to_an_end(&mut self, program: &Program) {
        let until = self.world.now().plus(CALM);
        loop {
            sleep(Duration::from_secs(1)).await;
            let kept = program.memory.held(None, &[]).unwrap();
            if !kept.is_empty() {
                let _ = program.memory.release(&kept, &[], &self.by());
            }
            match self.left_to_do(program).await {
                None => break,
                Some(left) if self.world.now() > until => {
                    self.complaints.push(format!("it does not come to an end: {left}"));
                    break;
                }
                Some(_) => {}
            }
        }
        // Leases are given back behind the last commits, and those of an attempt at what an operator has dropped at its end.
        let mut leases = self.memory.leased();
        for _ in 0..LAST_ATTEMPT.as_secs() {
            if leases == 0 {
                break;
            }
            sleep(Duration::from_secs(1)).await;
            leases = self.memory.leased();
        }
        if leases > 0 {
            self.complaints
                .push(format!("{leases} leases are held, and nobody works on anything"));
        }
        self.complaints.extend(program.troubles());
    }

    async fn left_to_do(&self, program: &Program) -> Option<String> {
        let depths = program.memory.depths().unwrap();
        let waiting: i64 = depths.waiting.iter().map(|(_, number)| number).sum();
        if waiting + depths.unfinished + depths.untold + depths.held > 0 {
            return Some(format!(
                "{waiting} wait, {} are unfinished, {} are held, {} outcomes are untold",
                depths.unfinished, depths.held, depths.untold
            ));
        }
        if !self.operators.are_quiet() {
            return Some("an operator cannot say what it has to say".into());
        }
        let due = program.memory.next_transaction_due().await.unwrap();
        due.map(|due| {
            format!(
                "a request has something to be done in {:?}",
                due.since(self.world.relay_now())
            )
        })
    }
}
