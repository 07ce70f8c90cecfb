//! The folder of a recording: the last calls, up to a number and a size, and their loads.

use std::collections::{HashMap, VecDeque};
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::RecordingOptions;

/// How many loads without any call are kept: the next call of a running version must find its own.
const LOADS_MAX: usize = 64;

/// The folder and its contents. Names are `NUMBER-LOAD.call` and `LOAD.load`.
pub struct Ring {
    folder: PathBuf,
    messages: usize,
    octets: u64,
    /// Oldest first.
    calls: VecDeque<Kept>,
    held: u64,
    next: u64,
    /// The number of calls of each load.
    loads: HashMap<String, usize>,
}

struct Kept {
    name: String,
    load: String,
    octets: u64,
}

impl Ring {
    /// Continues with the contents of the folder, which is made if necessary.
    pub fn open(options: &RecordingOptions) -> io::Result<Self> {
        let folder = options.folder.clone();
        DirBuilder::new().mode(0o700).recursive(true).create(&folder)?;
        let mode = fs::metadata(&folder)?.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            let text = format!("it has mode {mode:o}, but recordings hold whole messages: chmod 700 it");
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, text));
        }
        let mut ring = Self {
            folder,
            messages: options.messages,
            octets: options.octets,
            calls: VecDeque::new(),
            held: 0,
            next: 1,
            loads: HashMap::new(),
        };
        for name in names(&ring.folder)? {
            if let Some(load) = name.strip_suffix(".load") {
                ring.loads.entry(load.to_owned()).or_default();
            } else if let Some((number, load)) = parse(&name) {
                let octets = fs::metadata(ring.folder.join(&name))?.len();
                ring.next = ring.next.max(number + 1);
                let load = load.to_owned();
                ring.take_in(Kept { name, load, octets });
            }
        }
        ring.trim();
        Ok(ring)
    }

    /// Keeps the load of a version.
    pub fn put_load(&mut self, id: &str, bytes: &[u8]) -> io::Result<()> {
        self.write(&format!("{id}.load"), bytes)?;
        self.loads.entry(id.to_owned()).or_default();
        Ok(())
    }

    /// Keeps a call, and removes the oldest ones beyond the bounds.
    pub fn put_call(&mut self, load: &str, bytes: &[u8]) -> io::Result<()> {
        let name = format!("{:012}-{load}.call", self.next);
        self.next += 1;
        let octets = bytes.len() as u64;
        if octets > self.octets {
            return Ok(());
        }
        self.write(&name, bytes)?;
        let load = load.to_owned();
        self.take_in(Kept { name, load, octets });
        self.trim();
        Ok(())
    }

    fn write(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        // The file gets its name when it is complete, because somebody may be replaying the folder.
        let unfinished = self.folder.join(format!(".{name}"));
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&unfinished)?;
        file.write_all(bytes)?;
        fs::rename(unfinished, self.folder.join(name))
    }

    fn take_in(&mut self, kept: Kept) {
        self.held += kept.octets;
        *self.loads.entry(kept.load.clone()).or_default() += 1;
        self.calls.push_back(kept);
    }

    /// Removes what exceeds the bounds. A failure costs disk space, and nothing else.
    fn trim(&mut self) {
        while self.calls.len() > self.messages || self.held > self.octets {
            let Some(oldest) = self.calls.pop_front() else { break };
            self.held -= oldest.octets;
            let _ = fs::remove_file(self.folder.join(&oldest.name));
            if let Some(calls) = self.loads.get_mut(&oldest.load) {
                *calls -= 1;
            }
        }
        if self.loads.len() > LOADS_MAX {
            let newest = self.calls.back().map(|kept| kept.load.clone());
            let unused = |id: &String, calls: &usize| *calls == 0 && Some(id) != newest.as_ref();
            let gone: Vec<String> = self
                .loads
                .iter()
                .filter(|(id, calls)| unused(id, calls))
                .map(|(id, _)| id.clone())
                .collect();
            for id in gone {
                let _ = fs::remove_file(self.folder.join(format!("{id}.load")));
                self.loads.remove(&id);
            }
        }
    }
}

/// The calls in a folder, oldest first.
pub fn calls(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let names = names(folder)?.into_iter().filter(|name| parse(name).is_some());
    Ok(names.map(|name| folder.join(name)).collect())
}

fn names(folder: &Path) -> io::Result<Vec<String>> {
    let entries = fs::read_dir(folder)?.flatten();
    let mut names: Vec<String> = entries
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect();
    names.sort();
    Ok(names)
}

fn parse(name: &str) -> Option<(u64, &str)> {
    let (number, load) = name.strip_suffix(".call")?.split_once('-')?;
    Some((number.parse().ok()?, load))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(folder: &Path, messages: usize, octets: u64) -> RecordingOptions {
        RecordingOptions {
            folder: folder.to_owned(),
            messages,
            octets,
            plugins: Default::default(),
        }
    }

    fn shown(folder: &Path) -> Vec<String> {
        names(folder).unwrap()
    }

    #[test]
    fn the_last_calls_are_kept_up_to_a_number_and_a_size() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("recording");
        let mut ring = Ring::open(&options(&path, 3, 100)).unwrap();
        ring.put_load("a", b"{}").unwrap();
        for _ in 0..5 {
            ring.put_call("a", &[0; 10]).unwrap();
        }
        let kept = [
            "000000000003-a.call",
            "000000000004-a.call",
            "000000000005-a.call",
            "a.load",
        ];
        assert_eq!(shown(&path), kept);
        ring.put_call("a", &[0; 85]).unwrap();
        assert_eq!(shown(&path), ["000000000005-a.call", "000000000006-a.call", "a.load"]);
        ring.put_call("a", &[0; 101]).unwrap();
        assert_eq!(shown(&path).len(), 3, "what would not fit alone pushes nothing out");
    }

    #[test]
    fn a_recording_goes_on_after_a_restart_and_is_private() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("recording");
        for _ in 0..2 {
            let mut ring = Ring::open(&options(&path, 10, 1000)).unwrap();
            ring.put_call("a", b"x").unwrap();
        }
        assert_eq!(shown(&path), ["000000000001-a.call", "000000000002-a.call"]);
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&path), 0o700);
        assert_eq!(mode(&calls(&path).unwrap()[0]), 0o600);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o750)).unwrap();
        let refusal = Ring::open(&options(&path, 10, 1000)).err().unwrap();
        assert!(refusal.to_string().contains("chmod 700"), "{refusal}");
    }
}
