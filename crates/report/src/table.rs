//! A table in the making: rows, and columns that are each described once. A column has a name in the
//! tidy frame, where a row is an observation, or a title in the grid that a person reads, or both.
//!
//! polars holds the frame and writes it as CSV and Parquet.

use crate::grid::{Cell, Column, Format, Grid, Row};
use crate::prelude::*;
use crate::rounds::{Score, part_name};
use polars::prelude::{
    CsvWriter, DataFrame, NamedFrom, ParquetCompression, ParquetWriter, SerWriter, Series,
};

/// What a column of a tidy frame can hold.
pub(crate) trait Value: Sized {
    /// The column of these values.
    fn series(name: &str, values: impl Iterator<Item = Self>) -> Series;
}

/// Each type: how polars holds it, and its cell in a grid.
macro_rules! values {
    ($($type:ty: $held:ty = $hold:expr, $cell:expr;)+) => { $(
        impl Value for $type {
            fn series(name: &str, values: impl Iterator<Item = Self>) -> Series {
                Series::new(name.into(), values.map($hold).collect::<Vec<$held>>())
            }
        }

        impl Value for Option<$type> {
            fn series(name: &str, values: impl Iterator<Item = Self>) -> Series {
                let held = values.map(|value| value.map($hold));
                Series::new(name.into(), held.collect::<Vec<Option<$held>>>())
            }
        }

        impl From<$type> for Cell {
            fn from(value: $type) -> Self {
                let cell: fn($type) -> Self = $cell;
                cell(value)
            }
        }
    )+ };
}

values! {
    &str: String = str::to_owned, |words| Self::Words(words.to_owned());
    String: String = |words| words, Self::Words;
    Task: String = |task| task.name().to_owned(), |task| Self::Words(task.label());
    &Arm: String = |arm| arm.name().to_owned(), |arm| Self::Words(arm.label().to_owned());
    Part: String = |part| part_name(part).to_owned(), |part| part_name(part).into();
    f64: f64 = |number| number, Self::Number;
    usize: u32 = |count| count as u32, |count| Self::Number(count as f64);
    u64: u64 = |count| count, |count| Self::Number(count as f64);
}

/// Columns and the rows that they are of: each is described by a function that gives its value of a
/// row.
pub(crate) struct Table<'r, R> {
    rows: &'r [R],
    columns: Vec<polars::prelude::Column>,
    grid: Grid,
}

impl<'r, R> Table<'r, R> {
    /// Begins a table of `rows`; `how` says how its numbers were computed.
    pub(crate) fn of(rows: &'r [R], how: impl Into<String>) -> Self {
        let shown = rows.iter().map(|_| Row { cells: Vec::new(), on_page: true }).collect();
        let grid = Grid { how: how.into(), rows: shown, ..Grid::default() };
        Self { rows, columns: Vec::new(), grid }
    }

    /// Adds a column to frame and grid: its name in the first, and its title in the second.
    pub(crate) fn column<V: Value + Into<Cell>>(
        self,
        (name, title): (&str, &str),
        format: Format,
        value: impl Fn(&'r R) -> V,
    ) -> Self {
        self.tidy(name, &value).shown(title, format, value)
    }

    /// Adds a column to the frame alone.
    pub(crate) fn tidy<V: Value>(mut self, name: &str, value: impl Fn(&'r R) -> V) -> Self {
        self.columns.push(V::series(name, self.rows.iter().map(value)).into());
        self
    }

    /// Adds a column to the grid alone.
    pub(crate) fn shown<C: Into<Cell>>(
        self,
        title: impl Into<String>,
        format: Format,
        cell: impl Fn(&'r R) -> C,
    ) -> Self {
        self.shown_as(Column::new(title, format), cell)
    }

    /// Adds a column to the grid that has more than title and format.
    pub(crate) fn shown_as<C: Into<Cell>>(
        mut self,
        column: Column,
        cell: impl Fn(&'r R) -> C,
    ) -> Self {
        self.grid.columns.push(column);
        for (row, item) in self.grid.rows.iter_mut().zip(self.rows) {
            row.cells.push(cell(item).into());
        }
        self
    }

    /// Keeps on the page what is `shown`; Markdown has all.
    pub(crate) fn on_page(mut self, shown: impl Fn(&'r R) -> bool) -> Self {
        for (row, item) in self.grid.rows.iter_mut().zip(self.rows) {
            row.on_page = shown(item);
        }
        self
    }

    /// Adds the columns `mean`, `ci_low` and `ci_high` to the frame; the ends are missing below three
    /// seeds.
    pub(crate) fn interval(self, value: impl Fn(&'r R) -> Interval) -> Self {
        self.tidy("mean", |row| value(row).mean).ends("ci", |row| Some(value(row)))
    }

    /// Adds those of [`Table::interval`], `seeds` and `cases`.
    pub(crate) fn score(self, value: impl Fn(&'r R) -> Score) -> Self {
        self.interval(|row| value(row).value)
            .tidy("seeds", |row| value(row).value.n)
            .tidy("cases", |row| value(row).cases)
    }

    /// Adds the columns `NAME`, `NAME_low` and `NAME_high` to the frame, some of them missing.
    pub(crate) fn spread(self, name: &str, value: impl Fn(&'r R) -> Option<Interval>) -> Self {
        self.tidy(name, |row| Some(value(row)?.mean)).ends(name, value)
    }

    /// Adds the columns `NAME_low` and `NAME_high` to the frame, some of them missing.
    fn ends(self, name: &str, value: impl Fn(&'r R) -> Option<Interval>) -> Self {
        self.tidy(&format!("{name}_low"), |row| value(row)?.low)
            .tidy(&format!("{name}_high"), |row| value(row)?.high)
    }

    /// Gives the grid.
    pub(crate) fn grid(self) -> Grid {
        self.grid
    }

    /// Gives the frame of the table `name`.
    pub(crate) fn frame(self, name: &'static str) -> Result<DataFrame> {
        Ok(self.both(name)?.0)
    }

    /// Gives the frame of the table `name`, and the grid.
    pub(crate) fn both(self, name: &'static str) -> Result<(DataFrame, Grid)> {
        let frame = DataFrame::new_infer_height(self.columns);
        Ok((frame.map_err(|source| ReportError::Table { name, source })?, self.grid))
    }
}

/// Writes the frame of the table `name` as CSV and as Parquet.
pub(crate) fn bytes(name: &'static str, mut frame: DataFrame) -> Result<[Vec<u8>; 2]> {
    let (mut csv, mut parquet) = (Vec::new(), Vec::new());
    let mut write = || {
        CsvWriter::new(&mut csv).finish(&mut frame)?;
        let writer = ParquetWriter::new(&mut parquet);
        writer.with_compression(ParquetCompression::Snappy).finish(&mut frame)
    };
    write().map_err(|source| ReportError::Table { name, source })?;
    Ok([csv, parquet])
}
