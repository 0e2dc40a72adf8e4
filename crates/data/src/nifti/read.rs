//! Reads what a NIfTI file stores: the header, the stated against the actual size, the bytes, scaling
//! and position, in this order.

use super::counting::CountingReader;
use super::gzip::{GZIP, GzipReader};
use super::header::{Header, file_error, header_error, read_header, read_up_to, skip};
use super::position::{self, Position};
use super::whole;
use crate::error::DataError;
use crate::fault::{Fault, NotWhole};
use crate::missing::unreadable;
use ::nifti::NiftiType;
use ::nifti::volume::inmem::InMemNiftiVolume;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

/// The most voxels that are read. Reading holds up to 24 bytes for each, so this limits it to 12
/// GiB, whatever a gzip stream unpacks to. A scan of 0.5 mm has 17 million voxels.
const MOST_VOXELS: u64 = 1 << 29;

/// The type that voxels are read to. Every value goes through `f64` and is scaled.
pub(super) trait Voxel: Copy {
    fn fits(value: f64) -> bool;
    fn of(value: f64) -> Self;

    /// Undoes the rounding of a program that scaled voxels by this slope to store them as integers.
    fn restored(_values: impl Iterator<Item = f64>, _slope: f64) -> Option<Vec<Self>> {
        None
    }
}

impl Voxel for f64 {
    fn fits(value: f64) -> bool {
        value.is_finite()
    }

    fn of(value: f64) -> Self {
        value
    }
}

impl Voxel for f32 {
    fn fits(value: f64) -> bool {
        (value as f32).is_finite()
    }

    fn of(value: f64) -> Self {
        value as f32
    }
}

impl Voxel for i32 {
    fn fits(value: f64) -> bool {
        whole::is_whole(value, whole::TOLERANCE)
    }

    fn of(value: f64) -> Self {
        value.round() as i32
    }

    fn restored(values: impl Iterator<Item = f64>, slope: f64) -> Option<Vec<Self>> {
        whole::rounded(values, slope)
    }
}

/// Values that the voxel type cannot hold.
pub(super) struct Misfits {
    pub(super) count: usize,
    /// The first such value, and its index (i, j, k).
    pub(super) value: f64,
    pub(super) first: (usize, usize, usize),
    /// Whether all values lie between 0 and 1.
    all_in_unit: bool,
    /// The slope, if voxels are scaled.
    slope: Option<f64>,
}

impl Misfits {
    /// Returns why these values are no labels.
    pub(super) fn not_whole(&self) -> NotWhole {
        match self.slope {
            _ if !self.value.is_finite() => NotWhole::NotFinite,
            _ if self.value == self.value.round() => NotWhole::TooLarge,
            _ if self.all_in_unit => NotWhole::Probability,
            Some(slope) => NotWhole::Scaled(slope),
            None => NotWhole::Between,
        }
    }
}

/// Voxels in the file's order, first axis fastest, scaled.
pub(super) struct Stored<T> {
    pub(super) voxels: Vec<T>,
    pub(super) misfits: Option<Misfits>,
    /// Number of voxels along i, j and k.
    pub(super) shape: [usize; 3],
    pub(super) affine: [[f64; 4]; 4],
}

/// Reads header and voxels of a file.
pub(super) fn read_stored<T: Voxel>(
    path: &Path,
    position: Option<Position>,
) -> Result<Stored<T>, DataError> {
    let file = File::open(path).map_err(|error| unreadable(path, error))?;
    let mut file = BufReader::new(CountingReader::new(file));
    let start = file.fill_buf().map_err(|error| unreadable(path, error))?;
    // The content decides, not the name: a `.nii` that is gzipped is common.
    if !start.starts_with(&GZIP) {
        return read_stream(path, &mut file, position, false);
    }
    let mut stream = CountingReader::new(GzipReader::new(file));
    let result = read_stream(path, &mut stream, position, true).and_then(|stored| {
        io::copy(&mut stream, &mut io::sink())
            .map(|_| stored)
            .map_err(|error| unreadable(path, error))
    });
    let fault = match (result, stream.inner.behind) {
        // Any read error within a gzip stream means that the stream is damaged.
        (Err(DataError::Io { source, .. }), _) => Fault::Gzip {
            cut: source.kind() == io::ErrorKind::UnexpectedEof,
            bytes: stream.bytes,
            reason: source.to_string(),
        },
        // What lies behind the stream may be the rest of the voxels.
        (
            Ok(_)
            | Err(DataError::File {
                fault: Fault::TooShort { .. },
                ..
            }),
            Some((at, count)),
        ) => Fault::Behind { at, count },
        (result, _) => return result,
    };
    Err(file_error(path, fault))
}

/// Reads a header and the voxels. `is_whole` says that a stream whose end is reached is whole.
fn read_stream<T: Voxel>(
    path: &Path,
    stream: &mut impl Read,
    position: Option<Position>,
    is_whole: bool,
) -> Result<Stored<T>, DataError> {
    let header = read_header(path, stream)?;
    let Header {
        shape, datatype, ..
    } = header;
    let is_long_enough = skip(path, stream, header.skip)?;
    let bytes_per_voxel = datatype.size_of();
    // 2^15 voxels along each axis, of 8 bytes, are far from 2^64.
    let expected = shape.iter().map(|&n| n as u64).product::<u64>() * bytes_per_voxel as u64;
    let written = || shape.map(|n| n.to_string()).join("×");
    let limit = usize::try_from(expected).unwrap_or(usize::MAX);
    let is_too_large = expected > MOST_VOXELS * bytes_per_voxel as u64;
    // The buffer grows with what the file holds, never with what its header states.
    let (raw, got) = if is_too_large {
        let got = io::copy(&mut stream.by_ref().take(limit as u64), &mut io::sink());
        (
            Vec::new(),
            got.map_err(|error| unreadable(path, error))? as usize,
        )
    } else {
        let raw = read_up_to(path, stream, limit)?;
        let got = raw.len();
        (raw, got)
    };
    if (got as u64) < expected || !is_long_enough {
        let fault = Fault::TooShort {
            expected,
            shape: written(),
            bytes_per_voxel,
            got,
            is_whole,
        };
        return Err(file_error(path, fault));
    }
    if is_too_large {
        return Err(DataError::TooLarge {
            path: path.to_owned(),
            most: MOST_VOXELS,
            after: String::new(),
            shape: written(),
        });
    }
    let (voxels, misfits) = decode(path, &header, raw)?;
    Ok(Stored {
        voxels,
        misfits,
        shape,
        affine: position::of_header(path, &header.fields, shape, position)?,
    })
}

fn decode<T: Voxel>(
    path: &Path,
    header: &Header,
    raw: Vec<u8>,
) -> Result<(Vec<T>, Option<Misfits>), DataError> {
    let shape = header.shape;
    macro_rules! convert {
        ($volume:expr, $number:ty, $integers:literal) => {
            $volume.into_nifti_typed_data::<$number>().map(|stored| {
                let stored = stored.as_slice();
                match header.scaling {
                    Some((slope, inter)) => {
                        let scaled = |value| value as f64 * slope + inter;
                        let (voxels, misfits) = convert(stored, shape, scaled);
                        let values = stored.iter().map(|&value| scaled(value));
                        match misfits {
                            Some(misfits) => restore(voxels, misfits, values, slope, $integers),
                            None => (voxels, None),
                        }
                    }
                    None => convert(stored, shape, |value| value as f64),
                }
            })
        };
    }
    let volume = InMemNiftiVolume::from_raw_data(&header.fields, raw)
        .map_err(|error| header_error(path, error))?;
    let voxels = match header.datatype {
        NiftiType::Uint8 => convert!(volume, u8, true),
        NiftiType::Int8 => convert!(volume, i8, true),
        NiftiType::Uint16 => convert!(volume, u16, true),
        NiftiType::Int16 => convert!(volume, i16, true),
        NiftiType::Uint32 => convert!(volume, u32, true),
        NiftiType::Int32 => convert!(volume, i32, true),
        NiftiType::Uint64 => convert!(volume, u64, true),
        NiftiType::Int64 => convert!(volume, i64, true),
        NiftiType::Float32 => convert!(volume, f32, false),
        NiftiType::Float64 => convert!(volume, f64, false),
        other => {
            let problem = format!("expected real numbers, got the type {other:?}");
            return Err(header_error(path, problem));
        }
    };
    voxels.map_err(|error| header_error(path, error))
}

/// Converts stored numbers to voxels in a single pass, because at a dHCP volume's size each further
/// array takes 100 MB.
fn convert<N: Copy, T: Voxel>(
    stored: &[N],
    [i, j, _]: [usize; 3],
    scaled: impl Fn(N) -> f64,
) -> (Vec<T>, Option<Misfits>) {
    let mut count = 0;
    let voxels = stored.iter().map(|&number| {
        let value = scaled(number);
        count += usize::from(!T::fits(value));
        T::of(value)
    });
    let voxels = voxels.collect();
    let misfit = |&number: &N| !T::fits(scaled(number));
    // The first such value is looked for only if there is one, since that needs a second pass.
    let first = (count > 0)
        .then(|| stored.iter().position(misfit))
        .flatten();
    let misfits = first.map(|index| Misfits {
        count,
        value: scaled(stored[index]),
        first: (index % i, index / i % j, index / (i * j)),
        all_in_unit: stored.iter().all(|&number| is_in_unit(scaled(number))),
        slope: None,
    });
    (voxels, misfits)
}

/// Whether a value lies between 0 and 1, but for what floating-point numbers lose.
pub(crate) fn is_in_unit(value: f64) -> bool {
    (-whole::TOLERANCE..=1.0 + whole::TOLERANCE).contains(&value)
}

/// Reads voxels that do not fit, but may have done so before they were scaled.
fn restore<T: Voxel>(
    voxels: Vec<T>,
    misfits: Misfits,
    values: impl Iterator<Item = f64>,
    slope: f64,
    integers: bool,
) -> (Vec<T>, Option<Misfits>) {
    let restored = integers.then(|| T::restored(values, slope)).flatten();
    match restored {
        Some(restored) => (restored, None),
        None => {
            let slope = Some(slope);
            (voxels, Some(Misfits { slope, ..misfits }))
        }
    }
}
