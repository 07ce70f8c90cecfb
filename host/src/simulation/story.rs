//! A story: what happens around the relay, and when. It is made of a seed, or of what is left of one.

use std::time::Duration;

use super::dice::Dice;
use super::net::Away;
use super::plugin::Whim;
use super::wire::Breaks;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Story {
    pub(super) seed: u64,
    pub(super) terms: Terms,
    /// Another relay works on the same store.
    pub(super) beside: bool,
    /// Operators say what they have to say at one time over one connection.
    pub(super) together: bool,
    /// In their order.
    pub(super) acts: Vec<Act>,
}

/// What the relay and the operator that asks have agreed upon.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Terms {
    Transparent,
    PreAcknowledge,
    RefuseWithResponse,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Act {
    /// From the beginning of the story.
    pub(super) at: Duration,
    pub(super) what: What,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum What {
    Sends(Letter),
    /// Says an earlier one again, as if it had heard nothing.
    SaysAgain(u32),
    /// C answers a letter that it was not asked to take.
    Meddles(u32),
    /// The next times that it comes there, the operator does this.
    Behaves {
        operator: char,
        stage: Stage,
        does: Does,
        times: u32,
    },
    /// How it answers the next requests.
    Answers {
        operator: char,
        how: Answers,
        times: u32,
    },
    Slow(bool),
    Choppy(bool),
    /// The next connection with it ends like this.
    Breaks {
        operator: char,
        breaks: Breaks,
    },
    /// Nobody reaches its hosts for so long.
    Away {
        operator: char,
        how: Away,
        lasts: Duration,
    },
    /// Nobody says where its hosts are for so long.
    NoNames {
        lasts: Duration,
    },
    FlushFails(u32),
    /// Of so many commits nobody says whether they were made: some are, and some are not.
    Unsettled(u32),
    Full {
        lasts: Duration,
        brim: bool,
    },
    SlowDisk(bool),
    PlugIn {
        departure: bool,
        whim: Whim,
    },
    Deaf(u32),
    Pauses {
        operator: char,
        lasts: Duration,
    },
    HoldsAll,
    ReleasesAll,
    DropsOne,
    RetriesAll,
    Reloads(Terms),
    /// The relay is killed when it has done so much more, and starts after that time.
    Killed {
        steps: u64,
        away: Duration,
    },
    /// The next time that it is away, its clock is set by so many seconds.
    ClockIsSet(i64),
    /// It is stopped in good order, and starts after that time.
    Restarts {
        away: Duration,
    },
}

/// A request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Letter {
    pub(super) number: u32,
    pub(super) from: char,
    pub(super) to: Vec<(char, u32)>,
    pub(super) asks: Asks,
    /// From the null sender, to whom nothing can be bounced.
    pub(super) null: bool,
    pub(super) lines: u32,
    pub(super) way: Way,
    pub(super) expires: Option<Expires>,
}

/// How it is said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Way {
    /// Command by command, and behind DATA.
    #[default]
    Plain,
    /// MAIL, RCPT and DATA at once.
    Grouped,
    /// In chunks of so many octets.
    Chunks(usize),
}

/// When a letter expires: so many seconds after the story has begun, written in the time of so many hours east of Greenwich.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Expires {
    pub(super) after: u64,
    pub(super) east: i8,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Asks {
    pub(super) response: bool,
    pub(super) report: bool,
    /// That it is reported when it is read.
    pub(super) read: bool,
}

/// Where in a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    Greeting,
    Mail,
    Rcpt,
    Data,
    End,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Does {
    Says(u16),
    HangsUp,
    Stalls,
    /// The answer comes after so many seconds.
    Dawdles(u64),
    /// At the end of data: takes the message, and hangs up.
    TakesAndHangsUp,
    /// At DATA: says 250 at once, before it has the message, and does not take it.
    AnswersEarly,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answers {
    Never,
    Late,
    Twice,
    With(&'static str),
}

impl Story {
    /// The story of a seed.
    pub(super) fn of(seed: u64) -> Self {
        Dice::of(seed).story(seed)
    }

    /// Without a part of the world, by its name: to see what that part is good for.
    pub(super) fn without(mut self, part: &str) -> Self {
        self.beside &= part != "two relays";
        self.together &= part != "several at a time";
        self.acts.retain(|act| match act.what {
            What::Meddles(_) => part != "meddling",
            What::Unsettled(_) => part != "unsettled",
            What::ClockIsSet(_) => part != "clock",
            What::Behaves { does, .. } => does != Does::AnswersEarly || part != "early answers",
            _ => true,
        });
        for act in &mut self.acts {
            if let What::Sends(letter) = &mut act.what {
                letter.asks.read &= part != "read replies";
                letter.expires = letter.expires.filter(|_| part != "expiry");
                letter.way = match letter.way {
                    Way::Chunks(_) if part == "chunks" => Way::Plain,
                    Way::Grouped if part == "groups" => Way::Plain,
                    way => way,
                };
            }
        }
        self
    }

    pub(super) fn is_calm(&self) -> bool {
        self.acts.iter().all(|act| matches!(act.what, What::Sends(_)))
    }

    pub(super) fn letters(&self) -> impl Iterator<Item = &Letter> {
        self.acts.iter().filter_map(|act| match &act.what {
            What::Sends(letter) => Some(letter),
            _ => None,
        })
    }

    /// Stories that are shorter, the shortest first: without a part of its acts.
    pub(super) fn shorter(&self) -> Vec<Self> {
        let mut shorter = Vec::new();
        if self.beside {
            shorter.push(Self {
                beside: false,
                ..self.clone()
            });
        }
        if self.together {
            shorter.push(Self {
                together: false,
                ..self.clone()
            });
        }
        let count = self.acts.len();
        let mut size = count.div_ceil(2);
        while size > 0 {
            for from in (0..count).step_by(size) {
                let mut acts = self.acts.clone();
                acts.drain(from..(from + size).min(count));
                shorter.push(Self { acts, ..self.clone() });
            }
            size /= 2;
        }
        let plainer = self.acts.iter().enumerate().flat_map(|(place, act)| {
            let others = act.plainer().into_iter();
            others.map(move |other| (place, other))
        });
        for (place, other) in plainer {
            let mut acts = self.acts.clone();
            acts[place] = other;
            shorter.push(Self { acts, ..self.clone() });
        }
        shorter
    }
}

impl Act {
    /// The same act, with less in it.
    fn plainer(&self) -> Vec<Self> {
        let with = |what| Self { what, ..self.clone() };
        match &self.what {
            What::Sends(letter) => {
                let mut plainer = Vec::new();
                for place in 0..letter.to.len() {
                    let mut fewer = letter.clone();
                    fewer.to.remove(place);
                    plainer.extend((!fewer.to.is_empty()).then(|| with(What::Sends(fewer))));
                }
                if letter.lines > 0 {
                    plainer.push(with(What::Sends(Letter {
                        lines: 0,
                        ..letter.clone()
                    })));
                }
                if letter.way != Way::Plain || letter.expires.is_some() {
                    plainer.push(with(What::Sends(Letter {
                        way: Way::Plain,
                        ..letter.clone()
                    })));
                    plainer.push(with(What::Sends(Letter {
                        expires: None,
                        ..letter.clone()
                    })));
                    plainer.retain(|act| act != self);
                }
                if letter.asks.read {
                    let asks = Asks {
                        read: false,
                        ..letter.asks
                    };
                    plainer.push(with(What::Sends(Letter { asks, ..letter.clone() })));
                }
                if letter.asks.report {
                    let asks = Asks {
                        report: false,
                        ..letter.asks
                    };
                    plainer.push(with(What::Sends(Letter { asks, ..letter.clone() })));
                }
                plainer
            }
            What::Behaves {
                operator,
                stage,
                does,
                times,
            } if *times > 1 => vec![with(What::Behaves {
                operator: *operator,
                stage: *stage,
                does: *does,
                times: 1,
            })],
            _ => Vec::new(),
        }
    }
}
