//! Rows on their way into one table: many in one statement.

use tokio_postgres::types::ToSql;

use crate::spool::SpoolError;
use crate::spool::carried::Cell;
use crate::spool::postgres::rows::text;

/// Rows and octets of one statement.
const MOST_ROWS: usize = 500;
const MOST_OCTETS: usize = 4 << 20;

/// Of one column.
type Values = Box<dyn ToSql + Sync + Send>;

/// Rows on their way into one table.
pub(super) struct Rows {
    table: &'static str,
    columns: &'static str,
    cells: Vec<Vec<Cell>>,
    octets: usize,
}

impl Rows {
    pub(super) fn into(table: &'static str, columns: &'static str) -> Self {
        Self {
            table,
            columns,
            cells: Vec::new(),
            octets: 0,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.cells.is_empty()
    }

    /// For one statement.
    pub(super) fn are_enough(&self) -> bool {
        self.cells.len() >= MOST_ROWS || self.octets >= MOST_OCTETS
    }

    pub(super) fn put(&mut self, row: Vec<Cell>) {
        let octets = |cell: &Cell| match cell {
            Cell::Null | Cell::Whole(_) => 8,
            Cell::Text(text) => text.len(),
            Cell::Octets(octets) => octets.len(),
        };
        self.octets += row.iter().map(octets).sum::<usize>();
        self.cells.push(row);
    }

    pub(super) fn put_content(&mut self, content: Option<(i64, i64, Vec<u8>)>) {
        if let Some((message, place, octets)) = content {
            self.put(vec![Cell::Whole(message), Cell::Whole(place), Cell::Octets(octets)]);
        }
    }

    /// One statement for all of them, which are none afterwards.
    pub(super) fn take(&mut self) -> Result<(String, Vec<Values>), SpoolError> {
        let rows = std::mem::take(&mut self.cells);
        self.octets = 0;
        let columns: Vec<(&str, &str)> = self.columns.split(", ").filter_map(|of| of.split_once(' ')).collect();
        let mut values = Vec::with_capacity(columns.len());
        for (place, (name, kind)) in columns.iter().enumerate() {
            let cells = rows.iter().map(|row| row.get(place).unwrap_or(&Cell::Null));
            let wrong = || SpoolError::Damaged(format!("a value of {name} in {}", self.table));
            values.push(column(kind, cells).ok_or_else(wrong)?);
        }
        let names: Vec<&str> = columns.iter().map(|(name, _)| *name).collect();
        let kinds = (1..)
            .zip(&columns)
            .map(|(place, (_, kind))| format!("${place}::{kind}[]"));
        let kinds: Vec<String> = kinds.collect();
        let (table, names, kinds) = (self.table, names.join(", "), kinds.join(", "));
        let sql = format!("INSERT INTO {table}({names}) SELECT * FROM unnest({kinds})");
        Ok((sql, values))
    }
}

/// A column's values; `None` when one is of another type.
fn column<'c>(kind: &str, cells: impl Iterator<Item = &'c Cell>) -> Option<Values> {
    Some(match kind {
        "int8" => Box::new(cells.map(whole).collect::<Option<Vec<Option<i64>>>>()?),
        "int4" => {
            let narrow = |cell| Some(whole(cell)?.map(|whole| whole as i32));
            Box::new(cells.map(narrow).collect::<Option<Vec<Option<i32>>>>()?)
        }
        "int2" => {
            let narrow = |cell| Some(whole(cell)?.map(|whole| whole as i16));
            Box::new(cells.map(narrow).collect::<Option<Vec<Option<i16>>>>()?)
        }
        "bool" => {
            let is_so = |cell| Some(whole(cell)?.map(|whole| whole != 0));
            Box::new(cells.map(is_so).collect::<Option<Vec<Option<bool>>>>()?)
        }
        "text" => {
            let words = |cell: &Cell| match cell {
                Cell::Null => Some(None),
                Cell::Text(words) => Some(Some(text(words))),
                _ => None,
            };
            Box::new(cells.map(words).collect::<Option<Vec<Option<String>>>>()?)
        }
        _ => {
            let octets = |cell: &Cell| match cell {
                Cell::Null => Some(None),
                Cell::Octets(octets) => Some(Some(octets.clone())),
                _ => None,
            };
            Box::new(cells.map(octets).collect::<Option<Vec<Option<Vec<u8>>>>>()?)
        }
    })
}

fn whole(cell: &Cell) -> Option<Option<i64>> {
    match cell {
        Cell::Null => Some(None),
        Cell::Whole(whole) => Some(Some(*whole)),
        _ => None,
    }
}
