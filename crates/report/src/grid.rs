//! A table as a person reads it: columns that say how their numbers are written, and rows of
//! cells. Written as Markdown and as HTML.

use crate::format;
use crate::prelude::*;
use maud::{Markup, html};

/// One value of a table.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Cell {
    Nothing,
    Words(String),
    Number(f64),
    /// A mean with its interval.
    Value(Interval),
}

impl From<Interval> for Cell {
    fn from(value: Interval) -> Self {
        Self::Value(value)
    }
}

impl<T: Into<Cell>> From<Option<T>> for Cell {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Nothing, T::into)
    }
}

/// How the numbers of a column are written.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Format {
    /// As words, to the left.
    Words,
    /// With so many decimals.
    Decimals(usize),
    /// With three decimals and a sign.
    Difference,
    /// As an annotation ratio.
    Ratio,
    /// As a percentage with one decimal.
    Share,
    /// As a p-value.
    P,
    /// As the ends of an interval of differences.
    Ends,
}

/// One column.
#[derive(Debug, Clone)]
pub(crate) struct Column {
    /// Enough to understand the column without its group.
    title: String,
    /// A heading over neighbouring columns, on the page only; may be empty.
    group: String,
    format: Format,
    /// Whether the numbers are the paper's.
    paper: bool,
}

impl Column {
    pub(crate) fn new(title: impl Into<String>, format: Format) -> Self {
        Self { title: title.into(), group: String::new(), format, paper: false }
    }

    /// The column under a heading that it shares with its neighbours.
    pub(crate) fn under(self, group: impl Into<String>) -> Self {
        Self { group: group.into(), ..self }
    }

    /// The column, marked as holding the paper's numbers.
    pub(crate) fn of_paper(self) -> Self {
        Self { paper: true, ..self }
    }

    /// A cell in words: the mean or the whole, and half an interval's width behind it.
    fn words(&self, cell: &Cell) -> (String, Option<String>) {
        let number = |value| match self.format {
            Format::Words | Format::Ends => format::setting(value),
            Format::Decimals(places) => format::decimals(value, places),
            Format::Difference => format::signed(value, 3),
            Format::Ratio => format::percent(value),
            Format::Share => format::share(value, 1),
            Format::P => format::p_value(value),
        };
        match cell {
            Cell::Nothing => (String::new(), None),
            Cell::Words(words) => (words.clone(), None),
            Cell::Number(value) => (number(*value), None),
            Cell::Value(value) if self.format == Format::Ends => (format::ends(*value, 3), None),
            Cell::Value(value) => {
                let places = if let Format::Decimals(places) = self.format { places } else { 3 };
                let half = value.high.zip(value.low).map(|(high, low)| (high - low) / 2.0);
                let half = half.map(|half| format::decimals(half, places));
                (number(value.mean), half)
            }
        }
    }
}

/// One row.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) cells: Vec<Cell>,
    /// Whether the page has room for it; Markdown has all.
    pub(crate) on_page: bool,
}

/// A table.
#[derive(Debug, Clone, Default)]
pub(crate) struct Grid {
    /// A heading, for one of several tables; may be empty.
    pub(crate) title: String,
    /// How the numbers were computed, in sentences; may be empty.
    pub(crate) how: String,
    pub(crate) columns: Vec<Column>,
    pub(crate) rows: Vec<Row>,
}

impl Grid {
    /// The table in Markdown, its title above it; nothing without a column.
    pub(crate) fn markdown(&self) -> String {
        if self.columns.is_empty() {
            return String::new();
        }
        let escaped = |words: &str| words.replace('|', "\\|");
        let line = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
        let titles = self.columns.iter().map(|column| escaped(&column.title)).collect();
        let rules = self.columns.iter().map(|column| match column.format {
            Format::Words => "---|",
            _ => "---:|",
        });
        let mut text = format::around("", &self.title, "\n\n");
        text.push_str(&format!("{}|{}\n", line(titles), rules.collect::<String>()));
        for row in &self.rows {
            let cells = row.cells.iter().zip(&self.columns);
            let cells = cells.map(|(cell, column)| match column.words(cell) {
                (mean, Some(half)) => format!("{mean} ± {half}"),
                (words, None) => escaped(&words),
            });
            text.push_str(&line(cells.collect()));
        }
        text
    }

    /// Rows that the page has room for.
    pub(crate) fn on_page(&self) -> Vec<&Row> {
        self.rows.iter().filter(|row| row.on_page).collect()
    }

    /// The table in HTML, with what explains it; `name` is for screen readers. Nothing without a
    /// row.
    pub(crate) fn html(&self, name: &str) -> Markup {
        let rows = self.on_page();
        let again = |index: usize| index > 0 && rows[index].cells[0] == rows[index - 1].cells[0];
        let grouped = (0..rows.len()).any(again);
        let name = if self.title.is_empty() { name } else { &self.title };
        html! { @if !rows.is_empty() {
            @if !self.title.is_empty() { h3 { (self.title) } }
            div.scroll role="region" aria-label=(name) tabindex="0" { table {
                caption.hidden { (name) }
                thead { (self.groups()) tr { @for column in &self.columns {
                    th.text[column.format == Format::Words] .paper[column.paper] scope="col" { (column.title) }
                } } }
                tbody { @for (index, row) in rows.iter().enumerate() {
                    tr.begins[grouped && !again(index)] {
                        @for (place, (cell, column)) in row.cells.iter().zip(&self.columns).enumerate() {
                            @let (mean, half) = column.words(cell);
                            @let mean = html! { (mean) @if let Some(half) = half { span.half { " ± " (half) } } };
                            @if place == 0 { th.again[again(index)] scope="row" { (mean) } }
                            @else { td.text[column.format == Format::Words] .paper[column.paper] { (mean) } }
                        }
                    }
                } }
            } }
            @if !self.how.is_empty() { p.note { (self.how) } }
        } }
    }

    /// Headings over neighbouring columns, if any has one.
    fn groups(&self) -> Markup {
        let groups = self.columns.chunk_by(|a, b| a.group == b.group);
        html! { @if self.columns.iter().any(|column| !column.group.is_empty()) {
            tr { @for columns in groups {
                @if columns[0].group.is_empty() { td colspan=(columns.len()) {} }
                @else {
                    th.group.paper[columns[0].paper] scope="colgroup" colspan=(columns.len()) { (columns[0].group) }
                }
            } }
        } }
    }
}

/// A row's key, and an item a column.
pub(crate) type Line<'r, K, R> = (K, Vec<Option<&'r R>>);

/// Lays `items` out in rows and columns, rows sorted by their keys; `None` stands where there is no
/// item. `place` gives an item's row and column.
pub(crate) fn pivot<'r, R, K: Ord, C: PartialEq>(
    items: impl IntoIterator<Item = &'r R>,
    columns: &[C],
    place: impl Fn(&'r R) -> (K, C),
) -> Vec<Line<'r, K, R>> {
    let mut rows = BTreeMap::new();
    for item in items {
        let (row, column) = place(item);
        let cells = rows.entry(row).or_insert_with(|| vec![None; columns.len()]);
        if let Some(index) = columns.iter().position(|known| *known == column) {
            cells[index] = Some(item);
        }
    }
    rows.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::Table;

    #[test]
    fn a_column_has_one_number_of_decimals_whatever_the_value() {
        let grid = Table::of(&[79.5, 48.0, 2.0, 100.25], "")
            .shown("name", Format::Words, |_| "a|b")
            .shown("n", Format::Decimals(1), |count| *count);
        let markdown = grid.grid().markdown();
        let lines: Vec<&str> = markdown.lines().collect();
        let expected = ["79.5", "48.0", "2.0", "100.2"].map(|n| format!("| a\\|b | {n} |"));
        assert_eq!(lines[..2], ["| name | n |", "|---|---:|"]);
        assert_eq!(lines[2..], expected);
    }
}
