//! `[[table]]`: the files of look-up tables.

use std::collections::HashSet;
use std::path::PathBuf;

use super::file::Section;
use super::folders::Folders;
use super::forms::{NAME, name, text};

/// `[[table]]`: a look-up table, for plug-ins and for routing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    pub name: String,
    pub file: PathBuf,
}

impl Table {
    pub(super) fn read(s: &mut Section<'_>, folders: &Folders<'_>, taken: &mut HashSet<String>) -> Option<Table> {
        const FILE: &str = "the path of a CSV file, such as \"tables/ported.csv\"";
        let name = s.required("name", NAME, name).map(|name| name.to_string());
        if name.as_ref().is_some_and(|name| !taken.insert(name.clone())) {
            s.refuse("name", "a name that no other table has");
        }
        let file = s.required("file", FILE, text(FILE)).map(|file| folders.base.join(file));
        let file = file.map(|file| folders.existing(s, "file", file, "a table that exists"));
        Some(Table {
            name: name?,
            file: file?,
        })
    }
}
