//! Tables: polars frames, each written as CSV, Parquet and Markdown.

mod agreement;
mod between;
mod full_annotation;
mod heads;
mod minimum_cost;
mod paper_layout;
mod penalty;
mod stop;
mod tidy;

pub(crate) use agreement::{AgreementRow, agreement_rows};
pub(crate) use between::{by_strategy, difference, ends, p_value, value_of};
pub(crate) use minimum_cost::cells as minimum_cost_cells;
pub(crate) use paper_layout::{Layout, half_width, three};
pub(crate) use stop::{HEADER as STOP_HEADER, cells as stop_cells};
pub(crate) use tidy::{COMPARED_RATIO, tissue_rows};

use crate::agreement::PrAgreement;
use crate::comparison::Comparison;
use crate::curve::Curves;
use crate::error::ReportError;
use crate::full_annotation::full_annotations;
use crate::heads::head_rows;
use crate::penalty::penalties;
use crate::put;
use crate::statistics::Statistic;
use crate::stop::stops;
use polars::prelude::{
    AnyValue, CsvWriter, DataFrame, ParquetCompression, ParquetWriter, PolarsResult, SerWriter,
};
use slicewise_experiment::Results;
use std::path::{Path, PathBuf};

/// One table.
pub(crate) struct Table {
    /// File name without ending.
    pub(crate) name: &'static str,
    /// The tidy frame, which goes to CSV and Parquet.
    pub(crate) frame: DataFrame,
    /// What goes to Markdown.
    pub(crate) markdown: String,
}

/// Every table of a report but those [between strategies](between_strategies).
pub(crate) fn all(
    results: &Results,
    curves: &Curves,
    agreements: &[PrAgreement],
) -> Result<Vec<Table>, ReportError> {
    let layout = Layout::of(curves);
    let models = full_annotations(results);
    let stops = stops(results, curves);
    let heads = head_rows(results);
    let mut tables = vec![
        Table {
            markdown: full_annotation::markdown(&models, results),
            ..named("table1", full_annotation::table_1(&models))?
        },
        Table {
            markdown: layout.markdown(results),
            ..named("table2", tidy::table_2(curves))?
        },
        named("tissues", tidy::tissues(results))?,
        Table {
            markdown: agreement::markdown(agreements),
            ..named("agreement", agreement::agreement(agreements))?
        },
        named("cost", tidy::cost(curves))?,
        Table {
            markdown: minimum_cost::markdown(&curves.costs, &curves.tasks(), results),
            ..named("minimum-cost", minimum_cost::minimum_cost(&curves.costs))?
        },
        Table {
            markdown: stop::markdown(&stops, results),
            ..named("stop", stop::stop(&stops))?
        },
    ];
    if !heads.is_empty() {
        tables.push(Table {
            markdown: heads::markdown(&heads, results),
            ..named("heads", heads::heads(&heads))?
        });
    }
    Ok(tables)
}

/// `statistics`, `comparison` and `penalty`.
pub(crate) fn between_strategies(
    results: &Results,
    curves: &Curves,
    statistics: &[Statistic],
    comparisons: &[Comparison],
) -> Result<[Table; 3], ReportError> {
    let penalties = penalties(curves);
    Ok([
        Table {
            markdown: between::statistics_markdown(statistics, &curves.tasks(), results),
            ..named("statistics", between::statistics(statistics))?
        },
        Table {
            markdown: between::comparison_markdown(comparisons, results),
            ..named("comparison", between::comparison(comparisons))?
        },
        Table {
            markdown: penalty::markdown(&penalties, results),
            ..named("penalty", penalty::penalty(&penalties))?
        },
    ])
}

/// A table whose Markdown shows the frame as it is.
fn named(name: &'static str, frame: PolarsResult<DataFrame>) -> Result<Table, ReportError> {
    let frame = frame.map_err(|source| ReportError::Table { name, source })?;
    let markdown = markdown(&frame);
    Ok(Table {
        name,
        frame,
        markdown,
    })
}

impl Table {
    /// Writes `NAME.csv`, `NAME.md` and `NAME.parquet` into `folder`.
    pub(crate) fn write(mut self, folder: &Path) -> Result<[PathBuf; 3], ReportError> {
        let [csv, md, parquet] =
            ["csv", "md", "parquet"].map(|ending| folder.join(format!("{}.{ending}", self.name)));
        let name = self.name;
        let refused = move |source| ReportError::Table { name, source };
        let mut bytes = Vec::new();
        CsvWriter::new(&mut bytes)
            .finish(&mut self.frame)
            .map_err(refused)?;
        put(&csv, &bytes)?;
        bytes.clear();
        ParquetWriter::new(&mut bytes)
            .with_compression(ParquetCompression::Snappy)
            .finish(&mut self.frame)
            .map_err(refused)?;
        put(&parquet, &bytes)?;
        put(&md, self.markdown.as_bytes())?;
        Ok([csv, md, parquet])
    }
}

/// A frame as a Markdown table: numbers to the right, scores and shares to four decimals,
/// counts to none, missing values empty.
fn markdown(frame: &DataFrame) -> String {
    let columns = frame.columns();
    let mut text = String::new();
    let mut line = |cells: Vec<String>| {
        text.push_str(&format!("| {} |\n", cells.join(" | ")));
    };
    line(
        columns
            .iter()
            .map(|column| column.name().to_string())
            .collect(),
    );
    let rule = |numeric: bool| if numeric { "---:" } else { "---" }.to_owned();
    line(
        columns
            .iter()
            .map(|column| rule(column.dtype().is_primitive_numeric()))
            .collect(),
    );
    for row in 0..frame.height() {
        let cell = |value| match value {
            AnyValue::Null => String::new(),
            AnyValue::Float64(count)
                if count >= 100.0 || (count >= 2.0 && count.fract() == 0.0) =>
            {
                format!("{count:.0}")
            }
            AnyValue::Float64(value) => format!("{value:.4}"),
            AnyValue::String(text) => text.replace('|', "\\|"),
            other => other.to_string(),
        };
        line(
            columns
                .iter()
                .map(|column| cell(column.get(row).unwrap_or(AnyValue::Null)))
                .collect(),
        );
    }
    text
}
