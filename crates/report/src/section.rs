//! The sections of a report, in the order of its page. Each is a file here and one line in
//! `sections!`: files on disk, page, contents list and `verify` follow from it. All columns of tidy
//! tables are listed in `docs/tables.md`, which a test holds to them.

use crate::format::around;
use crate::prelude::*;
use crate::table::bytes;
use polars::prelude::DataFrame;
use slicewise_experiment::Manifest;
use slicewise_figure::Figure;

// What sections are written with.
pub(crate) use crate::grid::{Column, Format, Grid, Line, pivot};
pub(crate) use crate::sweep::Sweep;
pub(crate) use crate::table::Table;

/// One section.
pub(crate) struct Section {
    /// The name of its table's files, and its address on the page.
    pub(crate) name: &'static str,
    /// Its heading on the page.
    pub(crate) title: &'static str,
    /// Makes its content from a sweep.
    pub(crate) make: fn(&Sweep) -> Made,
}

/// What making a section gives: `None` where the sweep has nothing to say about it.
pub(crate) type Made = Result<Option<Content>>;

/// What a section holds.
#[derive(Default)]
pub(crate) struct Content {
    /// The tidy table, for CSV and Parquet.
    pub(crate) frame: Option<DataFrame>,
    /// The same for a person: Markdown and page.
    pub(crate) grids: Vec<Grid>,
    /// A shorter table for a README, in a Markdown file of its own.
    pub(crate) short: Option<Grid>,
    /// What the numbers show, a task each.
    pub(crate) sentences: Vec<(Task, String)>,
    pub(crate) figures: Vec<Figure>,
}

macro_rules! sections {
    ($($file:ident: $name:literal, $title:literal;)+) => {
        // "section" because modules of an inline module would otherwise lie in a folder of its name.
        #[path = "section"]
        mod files {
            $(pub(crate) mod $file;)+
        }

        /// Every section.
        pub(crate) const SECTIONS: &[Section] = &[
            $(Section { name: $name, title: $title, make: files::$file::make },)+
        ];
    };
}

sections! {
    endpoint: "endpoint", "The endpoint, named before the run";
    ranks: "ranks", "Who beats whom, where, by how much";
    table1: "table1", "Table 1: full annotation";
    table2: "table2", "Table 2: mean Dice by strategy and annotated slices";
    measures: "measures", "Volumes, slices and surfaces";
    statistics: "statistics", "Statistics between strategies";
    comparison: "comparison", "Pairs of strategies";
    penalty: "penalty", "Which strategy loses to which";
    minimum_cost: "minimum-cost", "Minimum labelling cost";
    stop: "stop", "The stop rule";
    agreement: "agreement", "How well P ranks slices as R does, and uncertainty beside it";
    predictors: "predictors", "What tells R of a slice";
    chosen: "chosen", "Which slices each strategy chose";
    segmentations: "segmentations", "Attention and segmentations of an unseen case";
    models: "models", "Models, and plans, beside each other";
    heads: "heads", "Attention heads";
    tissues: "tissues", "Dice of each class on Part B";
    healthy: "healthy", "Cases with nothing to find";
    training: "training", "Had training come to rest?";
    covered: "covered", "Dice and how near annotated slices are";
    effort: "effort", "What had to be annotated";
}

/// Makes the sections that the sweep has something to say about.
pub(crate) fn make_all(sweep: &Sweep) -> Result<Vec<(&'static Section, Content)>> {
    let made = SECTIONS.iter().map(|of| Ok((of.make)(sweep)?.map(|content| (of, content))));
    made.filter_map(Result::transpose).collect()
}

impl Content {
    /// The content of a section that is a frame and its grids, and no more.
    pub(crate) fn table(frame: DataFrame, grids: Vec<Grid>) -> Self {
        Self { frame: Some(frame), grids, ..Self::default() }
    }

    /// The content of a section that is one table, called `name`, and no more.
    pub(crate) fn of<R>(name: &'static str, table: Table<R>) -> Result<Self> {
        let (frame, grid) = table.both(name)?;
        Ok(Self::table(frame, vec![grid]))
    }

    /// The content with what `sentence` says of each task of the sweep.
    pub(crate) fn told<S>(mut self, sweep: &Sweep, sentence: impl Fn(Task) -> S) -> Self
    where
        S: IntoIterator<Item = String>,
    {
        for task in sweep.tasks() {
            self.sentences.extend(sentence(task).into_iter().map(|words| (task, words)));
        }
        self
    }

    /// The content with these figures.
    pub(crate) fn drawn(self, figures: impl IntoIterator<Item = Figure>) -> Self {
        Self { figures: figures.into_iter().collect(), ..self }
    }

    /// The files of the section's tables: names and bytes.
    pub(crate) fn files(
        &self,
        name: &'static str,
        sweep: &Sweep,
    ) -> Result<Vec<(String, Vec<u8>)>> {
        let Some(frame) = &self.frame else { return Ok(Vec::new()) };
        let [csv, parquet] = bytes(name, frame.clone())?;
        let mut files = vec![
            (format!("{name}.csv"), csv),
            (format!("{name}.parquet"), parquet),
            (format!("{name}.md"), markdown(&self.grids, sweep).into_bytes()),
        ];
        if let Some(short) = &self.short {
            let text = markdown(std::slice::from_ref(short), sweep);
            files.push((format!("{name}-short.md"), text.into_bytes()));
        }
        Ok(files)
    }
}

/// What the numbers are and whence, then the tables.
fn markdown(grids: &[Grid], sweep: &Sweep) -> String {
    let Manifest { name, commit, .. } = &sweep.results.manifest;
    let how: String = grids.iter().map(|grid| around("", &grid.how, " ")).collect();
    let tables: String = grids.iter().map(|grid| format!("\n{}", grid.markdown())).collect();
    format!("{how}Sweep `{name}`, {} seed(s), commit {commit}.\n{tables}", sweep.seeds().len())
}
