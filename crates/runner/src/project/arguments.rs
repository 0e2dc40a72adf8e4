//! The arguments of the commands for a project.

use clap::{Args, ValueEnum};
use slicewise_data::{SliceAxis, Task};
use std::path::PathBuf;
use std::str::FromStr;

/// Who works with a project.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct WhoArguments {
    /// Who you are [default: the system's name of you]
    #[arg(long = "as", value_name = "NAME")]
    pub(crate) name: Option<String>,
}

/// Arguments of `init`.
#[derive(Debug, Args)]
pub(crate) struct InitArguments {
    /// The folder of scans (.nii or .nii.gz), or one scan
    pub(crate) scans: PathBuf,
    /// What is to be segmented, in the order of label values 1, 2, …
    #[arg(long, required = true, value_delimiter = ',', value_name = "NAME,...")]
    pub(crate) classes: Vec<String>,
    /// The project's name [default: the folder's]
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// The axis that scans are sliced along
    #[arg(long, value_enum, default_value_t = Axis::Thickest)]
    pub(crate) axis: Axis,
    /// The scans are CT, in Hounsfield units
    #[arg(long)]
    pub(crate) ct: bool,
    /// Training steps of a model
    #[arg(long, default_value_t = 1200)]
    pub(crate) steps: usize,
    /// Who you are.
    #[command(flatten)]
    pub(crate) who: WhoArguments,
}

/// The axis that scans are sliced along.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Axis {
    /// Axial slices
    Axial,
    /// Sagittal slices
    Sagittal,
    /// Coronal slices
    Coronal,
    /// The plane that each scan was taken in
    Thickest,
}

impl From<Axis> for SliceAxis {
    fn from(axis: Axis) -> Self {
        match axis {
            Axis::Axial => Self::Axial,
            Axis::Sagittal => Self::Sagittal,
            Axis::Coronal => Self::Coronal,
            Axis::Thickest => Self::Thickest,
        }
    }
}

/// Arguments of `status`.
#[derive(Debug, Args)]
pub(crate) struct StatusArguments {
    /// A results folder
    pub(crate) folder: Option<PathBuf>,
    /// Say it again every two seconds until no run is left
    #[arg(long, requires = "folder")]
    pub(crate) watch: bool,
    /// Print a JSON object in place of lines
    #[arg(long)]
    pub(crate) json: bool,
}

/// Arguments of `log`.
#[derive(Debug, Args)]
pub(crate) struct LogArguments {
    /// Print the events as JSON, one a line
    #[arg(long)]
    pub(crate) json: bool,
}

/// Arguments of `ask`.
#[derive(Debug, Default, Args)]
pub(crate) struct AskArguments {
    /// How many slices [default: ask.slices of slicewise.yaml]
    #[arg(long, value_name = "N")]
    pub(crate) slices: Option<usize>,
    /// The query strategy [default: ask.strategy of slicewise.yaml]
    #[arg(long, value_name = "NAME")]
    pub(crate) strategy: Option<String>,
    /// Exactly these slices, counted from 0
    #[arg(long, value_delimiter = ',', value_name = "CASE:SLICE,...", conflicts_with_all = ["slices", "strategy"])]
    pub(crate) at: Vec<CaseSlice>,
    /// Share the slices among these people, a folder each
    #[arg(long, value_delimiter = ',', value_name = "NAME,...")]
    pub(crate) to: Vec<String>,
    /// Give so many of the slices to everybody, to see how well people agree
    #[arg(long, default_value_t = 0, value_name = "N", requires = "to")]
    pub(crate) overlap: usize,
    /// Who you are.
    #[command(flatten)]
    pub(crate) who: WhoArguments,
}

/// Arguments of `annotate`.
#[derive(Debug, Args)]
pub(crate) struct AnnotateArguments {
    /// The port on this machine [default: that of the last time, or a free one]
    #[arg(long)]
    pub(crate) port: Option<u16>,
    /// Who you are.
    #[command(flatten)]
    pub(crate) who: WhoArguments,
}

/// Arguments of `import`.
#[derive(Debug, Default, Args)]
pub(crate) struct ImportArguments {
    /// Files or folders of a task [default: all that changed in `tasks`]
    pub(crate) paths: Vec<PathBuf>,
    /// The case that a file from elsewhere is of
    #[arg(long)]
    pub(crate) case: Option<String>,
    /// The task that a file from elsewhere answers
    #[arg(long)]
    pub(crate) task: Option<String>,
    /// Take in these slices too, which were not asked for
    #[arg(long, value_delimiter = ',', value_name = "CASE:SLICE,...")]
    pub(crate) also: Vec<CaseSlice>,
    /// These slices show none of the classes
    #[arg(long, value_delimiter = ',', value_name = "CASE:SLICE,...")]
    pub(crate) empty: Vec<CaseSlice>,
    /// Read these label values as other ones, such as 2=1,1=2
    #[arg(long, value_delimiter = ',', value_name = "VALUE=CLASS,...")]
    pub(crate) map: Vec<ValueMap>,
    /// Take a file without a position by its voxels
    #[arg(long)]
    pub(crate) by_index: bool,
    /// Who you are.
    #[command(flatten)]
    pub(crate) who: WhoArguments,
}

/// Arguments of `predict`.
#[derive(Debug, Args)]
pub(crate) struct PredictArguments {
    /// With --run: the folder of scans (.nii or .nii.gz), or one scan
    #[arg(requires = "run")]
    pub(crate) scans: Option<PathBuf>,
    /// Use the network that a run of this results folder has trained, in place of the project's
    #[arg(long, value_name = "DIR")]
    pub(crate) run: Option<PathBuf>,
    /// With --run: the folder to write
    #[arg(long, value_name = "DIR", requires = "run")]
    pub(crate) out: Option<PathBuf>,
    /// Which run.
    #[command(flatten)]
    pub(crate) which: RunArguments,
    /// Who you are.
    #[command(flatten)]
    pub(crate) who: WhoArguments,
}

/// Which run of a results folder; what there is one of need not be said.
#[derive(Debug, Args)]
pub(crate) struct RunArguments {
    /// With --run: the task
    #[arg(long, requires = "run")]
    pub(crate) task: Option<Task>,
    /// With --run: the model's name in the experiment
    #[arg(long, requires = "run")]
    pub(crate) model: Option<String>,
    /// With --run: the strategy, `first` or `full`
    #[arg(long, requires = "run")]
    pub(crate) strategy: Option<String>,
    /// With --run: the seed
    #[arg(long, requires = "run")]
    pub(crate) seed: Option<u64>,
    /// With --run: the fold that was unseen
    #[arg(long, requires = "run")]
    pub(crate) fold: Option<usize>,
}

/// Arguments of `next`.
#[derive(Debug, Args)]
pub(crate) struct NextArguments {
    /// Go on though slices wait to be drawn
    #[arg(long)]
    pub(crate) now: bool,
    /// How many slices to ask for [default: ask.slices of slicewise.yaml]
    #[arg(long, value_name = "N")]
    pub(crate) slices: Option<usize>,
    /// Who you are.
    #[command(flatten)]
    pub(crate) who: WhoArguments,
}

/// Arguments of `retract`.
#[derive(Debug, Args)]
pub(crate) struct RetractArguments {
    /// The slices, counted from 0
    #[arg(required = true, value_name = "CASE:SLICE")]
    pub(crate) slices: Vec<CaseSlice>,
    /// Only what this person drew [default: what everybody drew]
    #[arg(long, value_name = "NAME")]
    pub(crate) of: Option<String>,
    /// Who you are.
    #[command(flatten)]
    pub(crate) who: WhoArguments,
}

/// Arguments of `export`.
#[derive(Debug, Args)]
pub(crate) struct ExportArguments {
    /// What to write
    #[arg(value_enum)]
    pub(crate) kind: ExportKind,
    /// The folder to write
    pub(crate) out: PathBuf,
    /// Who you are.
    #[command(flatten)]
    pub(crate) who: WhoArguments,
}

/// What `export` can write.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum ExportKind {
    /// A segmentation of each scan: drawn slices, and the newest model's between them
    Dense,
    /// The drawn slices as an nnU-Net v2 data set, `ignore` elsewhere
    Nnunet,
}

/// A slice of a case, as `sub-01:42`; slices are counted from 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CaseSlice {
    /// The case's id.
    pub(crate) case: String,
    /// The slice.
    pub(crate) slice: usize,
}

impl FromStr for CaseSlice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.rsplit_once(':');
        let slice = parts.and_then(|(case, slice)| Some((case, slice.parse().ok()?)));
        let (case, slice) = slice.ok_or("expected a case and a slice, such as sub-01:42")?;
        Ok(Self {
            case: case.to_owned(),
            slice,
        })
    }
}

/// A label value of a file and the class that it stands for, as `2=1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ValueMap {
    /// The value in the file.
    pub(crate) value: i32,
    /// The class.
    pub(crate) class: u8,
}

impl FromStr for ValueMap {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.split_once('=');
        let parsed =
            parts.and_then(|(value, class)| Some((value.parse().ok()?, class.parse().ok()?)));
        let (value, class) = parsed.ok_or("expected a value and a class, such as 2=1")?;
        Ok(Self { value, class })
    }
}
