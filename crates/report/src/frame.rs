//! Tidy frames: one row an observation, one column a variable. polars holds them and writes them as
//! CSV and Parquet.

use crate::error::ReportError;
use crate::paired::Paired;
use crate::rounds::Score;
use polars::prelude::{
    Column, CsvWriter, DataFrame, NamedFrom, ParquetCompression, ParquetWriter, SerWriter, Series,
};
use slicewise_data::Task;
use slicewise_metrics::Interval;

/// A frame in the making: each column has a name, and a function that gives its value of a row.
pub(crate) struct Columns<'r, R> {
    rows: &'r [R],
    columns: Vec<Column>,
}

impl<'r, R> Columns<'r, R> {
    /// A frame of `rows`, without a column yet.
    pub(crate) fn of(rows: &'r [R]) -> Self {
        Self { rows, columns: Vec::new() }
    }

    fn push<T, P: ?Sized>(mut self, name: &str, value: impl FnMut(&'r R) -> T) -> Self
    where
        Series: NamedFrom<Vec<T>, P>,
    {
        let values: Vec<T> = self.rows.iter().map(value).collect();
        self.columns.push(Column::new(name.into(), values));
        self
    }

    /// The column `task`: the task's name.
    pub(crate) fn task(self, value: impl Fn(&'r R) -> Task) -> Self {
        self.text("task", |row| value(row).name())
    }

    /// Words.
    pub(crate) fn text<S: Into<String>>(self, name: &str, value: impl Fn(&'r R) -> S) -> Self {
        self.push(name, |row| -> String { value(row).into() })
    }

    /// Words, some of them missing.
    pub(crate) fn maybe_text(self, name: &str, value: impl Fn(&'r R) -> Option<&'r str>) -> Self {
        self.push(name, |row| value(row).map(str::to_owned))
    }

    /// Whole numbers.
    pub(crate) fn count(self, name: &str, value: impl Fn(&'r R) -> usize) -> Self {
        self.push(name, |row| value(row) as u32)
    }

    /// Whole numbers, some of them missing.
    pub(crate) fn maybe_count(self, name: &str, value: impl Fn(&'r R) -> Option<usize>) -> Self {
        self.push(name, |row| value(row).map(|count| count as u32))
    }

    /// Large whole numbers, some of them missing.
    pub(crate) fn maybe_large(self, name: &str, value: impl Fn(&'r R) -> Option<u64>) -> Self {
        self.push(name, value)
    }

    /// Numbers.
    pub(crate) fn real(self, name: &str, value: impl Fn(&'r R) -> f64) -> Self {
        self.push(name, value)
    }

    /// Numbers, some of them missing.
    pub(crate) fn maybe(self, name: &str, value: impl Fn(&'r R) -> Option<f64>) -> Self {
        self.push(name, value)
    }

    /// The columns `mean`, `ci_low` and `ci_high`; the ends are missing below three seeds.
    pub(crate) fn interval(self, value: impl Fn(&'r R) -> Interval) -> Self {
        self.real("mean", |row| value(row).mean).ends("ci", |row| Some(value(row)))
    }

    /// The columns of [`Columns::interval`], `seeds` and `cases`.
    pub(crate) fn score(self, value: impl Fn(&'r R) -> &'r Score) -> Self {
        self.interval(|row| value(row).value)
            .count("seeds", |row| value(row).value.n)
            .count("cases", |row| value(row).cases)
    }

    /// The columns of [`Columns::interval`], `p`, `p_holm`, `seeds`, `cases` and `n`.
    pub(crate) fn paired(self, value: impl Fn(&'r R) -> &'r Paired) -> Self {
        self.interval(|row| value(row).difference)
            .maybe("p", |row| value(row).p)
            .maybe("p_holm", |row| value(row).p_holm)
            .count("seeds", |row| value(row).runs)
            .count("cases", |row| value(row).cases)
            .count("n", |row| value(row).difference.n)
    }

    /// The columns `NAME`, `NAME_low` and `NAME_high`, some of them missing.
    pub(crate) fn spread(self, name: &str, value: impl Fn(&'r R) -> Option<Interval>) -> Self {
        self.maybe(name, |row| Some(value(row)?.mean)).ends(name, value)
    }

    /// The columns `NAME_low` and `NAME_high`, some of them missing.
    pub(crate) fn ends(self, name: &str, value: impl Fn(&'r R) -> Option<Interval>) -> Self {
        self.maybe(&format!("{name}_low"), |row| value(row)?.low)
            .maybe(&format!("{name}_high"), |row| value(row)?.high)
    }

    /// The whole frame, of the table `name`.
    pub(crate) fn frame(self, name: &'static str) -> Result<DataFrame, ReportError> {
        let frame = DataFrame::new_infer_height(self.columns);
        frame.map_err(|source| ReportError::Table { name, source })
    }
}

/// The frame of the table `name` as CSV and as Parquet.
pub(crate) fn bytes(name: &'static str, mut frame: DataFrame) -> Result<[Vec<u8>; 2], ReportError> {
    let (mut csv, mut parquet) = (Vec::new(), Vec::new());
    let mut write = || {
        CsvWriter::new(&mut csv).finish(&mut frame)?;
        let writer = ParquetWriter::new(&mut parquet);
        writer.with_compression(ParquetCompression::Snappy).finish(&mut frame)
    };
    write().map_err(|source| ReportError::Table { name, source })?;
    Ok([csv, parquet])
}
