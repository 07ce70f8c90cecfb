//! A story in words.

use std::fmt::{self, Write as _};

use super::mail::subscriber;
use super::story::{Letter, Story, Way, What};

impl fmt::Display for Story {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "Operator A and the relay have agreed on: {:?}.", self.terms)?;
        if self.beside {
            writeln!(f, "Another relay works on the same store.")?;
        }
        if self.together {
            writeln!(
                f,
                "Operators say what they have to say at one time over one connection."
            )?;
        }
        for act in &self.acts {
            writeln!(f, "{:>9.3} s  {}", act.at.as_secs_f64(), act.what)?;
        }
        Ok(())
    }
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sends(letter) => write!(f, "{letter}"),
            Self::SaysAgain(number) => write!(f, "A sends letter {number} again"),
            Self::Meddles(number) => write!(f, "C answers letter {number}, which it was not asked to take"),
            Self::Unsettled(times) => write!(f, "of {times} commits nobody will say whether they were made"),
            Self::ClockIsSet(by) => write!(f, "when the relay is away next, its clock is set by {by} s"),
            Self::Behaves {
                operator,
                stage,
                does,
                times,
            } => write!(
                f,
                "{}: {does:?} at {stage:?}, {times} times",
                operator.to_ascii_uppercase()
            ),
            Self::Answers { operator, how, times } => {
                write!(f, "{} answers {times} requests: {how:?}", operator.to_ascii_uppercase())
            }
            Self::Slow(_) => f.write_str("the network becomes slow"),
            Self::Choppy(_) => f.write_str("octets come in pieces of any size"),
            Self::Breaks { operator, breaks } => write!(
                f,
                "the next connection with {} {} behind octet {} {} whoever accepted it",
                operator.to_ascii_uppercase(),
                if breaks.unheard {
                    "goes dead, and nobody hears of it,"
                } else {
                    "breaks"
                },
                breaks.after,
                if breaks.onward { "towards" } else { "from" },
            ),
            Self::Away { operator, how, lasts } => {
                write!(
                    f,
                    "{} is away for {} s: {how:?}",
                    operator.to_ascii_uppercase(),
                    lasts.as_secs()
                )
            }
            Self::NoNames { lasts } => write!(f, "DNS says nothing for {} s", lasts.as_secs()),
            Self::FlushFails(times) => write!(f, "{times} flushes of the disk will fail"),
            Self::Full { lasts, brim } => write!(
                f,
                "the disk is full for {} s{}",
                lasts.as_secs(),
                if *brim { ", and its reserve is gone too" } else { "" }
            ),
            Self::SlowDisk(_) => f.write_str("the disk becomes slow"),
            Self::PlugIn { departure, whim } => {
                let at = if *departure { "departure" } else { "arrival" };
                write!(f, "the next time at {at}, the plug-in {}", whim.words())
            }
            Self::Deaf(times) => write!(f, "the plug-in will not hear {times} outcomes"),
            Self::Pauses { operator, lasts } => write!(
                f,
                "the relay's operator pauses {} for {} s",
                operator.to_ascii_uppercase(),
                lasts.as_secs()
            ),
            Self::HoldsAll => f.write_str("the relay's operator holds all that waits"),
            Self::ReleasesAll => f.write_str("the relay's operator releases all that is held"),
            Self::DropsOne => f.write_str("the relay's operator drops the first in the queue"),
            Self::RetriesAll => f.write_str("the relay's operator wants all that waits to be tried now"),
            Self::Reloads(terms) => write!(f, "the configuration is read again: {terms:?}"),
            Self::Killed { steps, away } => write!(
                f,
                "the relay is killed {steps} steps later, and starts again after {} s",
                away.as_secs()
            ),
            Self::Restarts { away } => {
                write!(f, "the relay is stopped, and starts again after {} s", away.as_secs())
            }
        }
    }
}

impl fmt::Display for Letter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let to: Vec<String> = self
            .to
            .iter()
            .map(|(operator, number)| subscriber(*operator, *number))
            .collect();
        let mut asks = String::new();
        if self.asks.response {
            asks.write_str(", asks for a response")?;
        }
        if self.asks.report {
            asks.write_str(", asks for a report")?;
        }
        if self.asks.read {
            asks.write_str(", asks for a read reply")?;
        }
        let null = if self.null { ", from the null sender" } else { "" };
        if let Some(expires) = self.expires {
            write!(asks, ", expires {} s after the beginning", expires.after)?;
        }
        match self.way {
            Way::Plain => {}
            Way::Grouped => asks.write_str(", with its commands at once")?,
            Way::Chunks(size) => write!(asks, ", in chunks of {size} octets")?,
        }
        let from = self.from.to_ascii_uppercase();
        write!(
            f,
            "{from} sends letter {} to {}{asks}{null}",
            self.number,
            to.join(" and ")
        )
    }
}
