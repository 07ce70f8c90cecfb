//! Pictures: which of them are over a limit, and how small each has to become.

use mm4_filter::{Fault, PartExt, log, message};

use super::{Adaptation, Fate, Item};
use crate::header::{Header, Probed, probe};
use crate::picture::{self, Failure};
use crate::rules::{self, PictureLimits, Role};

impl Adaptation<'_> {
    /// Finds the pictures that are over their limits. `all`: their sizes in pixels are needed even if nobody limits them.
    pub(super) fn look_at_pictures(&mut self, all: bool) -> Result<(), Fault> {
        let limits = self.limits;
        let pixels_matter = all || limits.width.is_some() || limits.height.is_some();
        for item in self.items.iter_mut().filter(|item| item.role == Role::Picture) {
            match item.look(&limits, pixels_matter) {
                // Nobody knows what the receiver's device will make of it. Where the destination limits pictures, it is
                // none that is known to be within the limits.
                Err(Fault::Invalid(reason)) => {
                    item.over = limits.are_set();
                    log::write(
                        log::Level::Warn,
                        &format!("part {} cannot be read: {reason}", item.part.id),
                    );
                }
                other => other?,
            }
        }
        Ok(())
    }

    /// From the largest to the smallest; each one that came out smaller than it had to leaves more to the others.
    pub(super) fn shrink_pictures(&mut self) -> Result<(), Fault> {
        let mut waiting: Vec<(usize, u64)> = self.sizes(Role::Picture).collect();
        waiting.sort_by_key(|&(_, size)| std::cmp::Reverse(size));
        // Those that must be changed anyway come first: they may free all the octets that are needed.
        waiting.sort_by_key(|&(index, _)| !self.items[index].over);
        while let Some(&(index, size)) = waiting.first() {
            let sizes: Vec<u64> = waiting.iter().map(|&(_, size)| size).collect();
            let allowed = self
                .goal
                .and_then(|limit| rules::allowance(self.total, limit, &sizes))
                .filter(|&level| level < size);
            if self.items[index].over || allowed.is_some() {
                let fate = self.adapted(index, allowed)?;
                self.decide(index, fate);
            }
            waiting.remove(0);
        }
        Ok(())
    }

    /// `allowed`: octets, encoded.
    fn adapted(&self, index: usize, allowed: Option<u64>) -> Result<Fate, Fault> {
        let item = &self.items[index];
        let (header, source) = match self.decodable(item) {
            Ok(Ok(found)) => found,
            Ok(Err(reason)) => return Ok(self.note_for(item, reason)),
            Err(Fault::Invalid(reason)) => return Ok(self.note_for(item, &reason)),
            Err(fault) => return Err(fault),
        };
        let own = source.len() as u64;
        let size = [self.limits.size, allowed.map(rules::decoded_size)]
            .into_iter()
            .flatten()
            .fold(own, u64::min);
        let limits = PictureLimits {
            size: Some(size),
            ..self.limits
        };
        Ok(
            match picture::adapt(&source, &header, &limits, self.settings, &message::time_left) {
                Ok(picture) => Fate::Smaller(picture),
                Err(Failure::Undecodable(reason)) => self.note_for(item, reason.trim()),
                Err(Failure::NoTime) => {
                    self.note_for(item, "it might take longer than the limits time and time-per-mib allow")
                }
                Err(Failure::TooLarge) => self.note_for(item, "even a tiny version would be too large"),
            },
        )
    }

    /// The picture's header and all of its octets, or why it is not even worth decoding.
    fn decodable(&self, item: &Item) -> Result<Result<(Header, Vec<u8>), &'static str>, Fault> {
        let header = match item.header {
            Some(header) => Some(header),
            None => item.probe()?.header(),
        };
        let Some(header) = header else {
            return Ok(Err("its format or its size is not known"));
        };
        let source = item.part.read_all(self.settings.max_source_size.into())?;
        Ok(source
            .map(|source| (header, source))
            .ok_or("it is larger than max-source-size"))
    }
}

impl Item {
    fn look(&mut self, limits: &PictureLimits, pixels_matter: bool) -> Result<(), Fault> {
        let probed = match pixels_matter {
            true => self.probe()?,
            false => Probed::Other,
        };
        self.header = probed.header();
        let fits = match limits.size {
            Some(size) => self.part.fits(size)?,
            None => true,
        };
        let hides_its_size = probed == Probed::Unsized && (limits.width.is_some() || limits.height.is_some());
        self.over = !fits
            || hides_its_size
            || self
                .header
                .is_some_and(|header| !limits.holds(header.width, header.height));
        Ok(())
    }

    fn probe(&self) -> Result<Probed, Fault> {
        probe(|offset, max| self.part.read(offset, max))
    }
}
