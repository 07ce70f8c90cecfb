//! How a story is made of a seed.

use std::time::Duration;

use super::net::Away;
use super::plugin::Whim;
use super::story::{Act, Answers, Asks, Does, Expires, Letter, Stage, Story, Terms, Way, What};
use super::wire::Breaks;

/// A seed's.
pub(super) struct Dice(fastrand::Rng);

impl Dice {
    pub(super) fn of(seed: u64) -> Self {
        Self(fastrand::Rng::with_seed(seed ^ 0x5eed))
    }

    /// One in eight is calm: nothing goes wrong in it, and everything has to be prompt.
    pub(super) fn story(mut self, seed: u64) -> Story {
        let terms = [Terms::Transparent, Terms::PreAcknowledge, Terms::RefuseWithResponse];
        let terms = terms[[0, 0, 0, 1, 1, 2][self.below(6)]];
        let mut acts = Vec::new();
        let letters = 1 + self.below(5) as u32;
        for number in 0..letters {
            let letter = self.letter(number);
            acts.push(self.act(What::Sends(letter)));
        }
        if !seed.is_multiple_of(8) {
            for _ in 0..1 + self.below(6) {
                let what = self.mishap(letters);
                let act = self.act(what);
                if matches!(act.what, What::Killed { .. } | What::Restarts { .. }) && self.0.u8(..4) == 0 {
                    let by = self.one(&[-300, -20, 20, 600, 3_600]);
                    let what = What::ClockIsSet(by);
                    acts.push(Act { what, ..act.clone() });
                }
                if matches!(act.what, What::PlugIn { .. }) && self.0.bool() {
                    let what = self.whim();
                    acts.push(Act { what, ..act.clone() });
                }
                acts.push(act);
            }
        }
        acts.sort_by_key(|act| act.at);
        let beside = self.0.u8(..5) == 0;
        if beside {
            // The clock of a machine beside is not set with it.
            acts.retain(|act| !matches!(act.what, What::ClockIsSet(_)));
        }
        Story {
            seed,
            terms,
            beside,
            together: self.0.u8(..3) == 0,
            acts,
        }
    }

    fn below(&mut self, end: usize) -> usize {
        self.0.usize(..end)
    }

    fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.0.usize(..of.len())]
    }

    /// Some time in the first minute and a half; often together with others.
    fn act(&mut self, what: What) -> Act {
        let at = match self.0.bool() {
            true => Duration::from_millis(self.0.u64(0..1_000)),
            false => Duration::from_millis(self.0.u64(0..90_000)),
        };
        Act { at, what }
    }

    fn letter(&mut self, number: u32) -> Letter {
        let mut to = vec![(self.one(&['b', 'b', 'c']), 1 + self.0.u32(..3))];
        while self.0.bool() {
            let another = (self.one(&['b', 'c']), 1 + self.0.u32(..5));
            if !to.contains(&another) {
                to.push(another);
            }
        }
        Letter {
            number,
            from: 'a',
            to,
            asks: Asks {
                response: self.0.u8(..3) > 0,
                report: self.0.bool(),
                read: self.0.u8(..3) == 0,
            },
            null: self.0.u8(..8) == 0,
            lines: self.one(&[0, 0, 3, 400]),
            way: self.one(&[
                Way::Plain,
                Way::Plain,
                Way::Grouped,
                Way::Chunks(100),
                Way::Chunks(700),
                Way::Chunks(100_000),
            ]),
            expires: (self.0.u8(..4) == 0).then(|| Expires {
                after: self.0.u64(5..40),
                east: self.one(&[-8, 5]),
            }),
        }
    }

    fn seconds(&mut self, most: u64) -> Duration {
        Duration::from_secs(self.0.u64(1..most))
    }

    fn mishap(&mut self, letters: u32) -> What {
        let operator = self.one(&['a', 'b', 'b', 'b', 'c', 'c']);
        let (times, lasts) = (self.0.u32(1..4), self.seconds(120));
        match self.below(29) {
            0 => What::SaysAgain(self.0.u32(..letters)),
            1..=4 => self.behaviour(operator, times),
            5 | 6 => What::Answers {
                operator: self.one(&['b', 'c']),
                how: self.one(&[
                    Answers::Never,
                    Answers::Late,
                    Answers::Twice,
                    Answers::With("Error-service-denied"),
                ]),
                times,
            },
            7 => What::Slow(true),
            8 => What::Choppy(true),
            9..=11 => What::Breaks {
                operator,
                breaks: Breaks {
                    after: self.0.u64(0..1_500),
                    onward: self.0.bool(),
                    unheard: self.0.u8(..3) == 0,
                },
            },
            12 => What::Away {
                operator,
                how: self.one(&[Away::Refuses, Away::Silent]),
                lasts: self.seconds(400),
            },
            13 => What::NoNames { lasts },
            14 => What::FlushFails(times),
            15 => What::Full {
                lasts,
                brim: self.0.bool(),
            },
            16 => What::SlowDisk(true),
            17 | 25..=27 => self.whim(),
            18 => What::Deaf(self.0.u32(1..14)),
            19 => self.deed(operator, lasts),
            20 => What::Reloads(self.one(&[Terms::Transparent, Terms::PreAcknowledge])),
            21 | 22 => What::Killed {
                steps: self.0.u64(0..120),
                away: self.seconds(30),
            },
            23 => What::Meddles(self.0.u32(..letters)),
            24 => What::Unsettled(times),
            _ => What::Restarts { away: self.seconds(30) },
        }
    }

    fn whim(&mut self) -> What {
        What::PlugIn {
            departure: self.0.u8(..3) > 0,
            whim: self.one(&[Whim::Refuses, Whim::Holds, Whim::Discards, Whim::Fails, Whim::Dawdles]),
        }
    }

    fn behaviour(&mut self, operator: char, times: u32) -> What {
        let stage = self.one(&[
            Stage::Greeting,
            Stage::Mail,
            Stage::Rcpt,
            Stage::Data,
            Stage::End,
            Stage::End,
        ]);
        let does = match stage {
            Stage::End => self.one(&[
                Does::Says(451),
                Does::Says(554),
                Does::HangsUp,
                Does::Stalls,
                Does::Dawdles(30),
                Does::TakesAndHangsUp,
            ]),
            Stage::Data => self.one(&[
                Does::Says(421),
                Does::Says(450),
                Does::Says(550),
                Does::HangsUp,
                Does::Stalls,
                Does::AnswersEarly,
            ]),
            _ => self.one(&[
                Does::Says(421),
                Does::Says(450),
                Does::Says(550),
                Does::HangsUp,
                Does::Stalls,
                Does::Dawdles(8),
            ]),
        };
        What::Behaves {
            operator,
            stage,
            does,
            times,
        }
    }

    fn deed(&mut self, operator: char, lasts: Duration) -> What {
        match self.below(5) {
            0 => What::Pauses { operator, lasts },
            1 => What::HoldsAll,
            2 => What::ReleasesAll,
            3 => What::DropsOne,
            _ => What::RetriesAll,
        }
    }
}
