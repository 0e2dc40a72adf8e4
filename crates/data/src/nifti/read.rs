//! Reads what a NIfTI file stores: the header, the stated against the actual size, the bytes, scaling
//! and position, in this order.

use super::counting::CountingReader;
use super::position::{self, Position};
use crate::error::DataError;
use ::nifti::volume::inmem::InMemNiftiVolume;
use ::nifti::{NiftiHeader, NiftiType};
use flate2::bufread::MultiGzDecoder;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

const HEADER_BYTES: usize = 348;

/// The most voxels that are read. Reading holds up to 24 bytes for each, so this limits it to 12
/// GiB, whatever a gzip stream unpacks to. A scan of 0.5 mm has 17 million voxels.
const MOST_VOXELS: u64 = 1 << 29;

/// How far a label may be from a whole number. A label file may be scaled, which can add a small
/// error.
const WHOLE_NUMBER_TOLERANCE: f64 = 1e-4;

/// The type that voxels are read to. Every value goes through `f64` and is scaled.
pub(super) trait Voxel: Copy {
    fn fits(value: f64) -> bool;
    fn of(value: f64) -> Self;
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
        value.is_finite()
            && (value - value.round()).abs() <= WHOLE_NUMBER_TOLERANCE
            && value.abs() <= f64::from(i32::MAX)
    }

    fn of(value: f64) -> Self {
        value.round() as i32
    }
}

/// Values that the voxel type cannot hold.
pub(super) struct Misfits {
    pub(super) count: usize,
    /// The first such value, and its index (i, j, k).
    pub(super) value: f64,
    pub(super) first: (usize, usize, usize),
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
    let mut file = BufReader::new(File::open(path).map_err(|error| read_error(path, error))?);
    let start = file.fill_buf().map_err(|error| read_error(path, error))?;
    // The content decides, not the name: a `.nii` that is gzipped is common.
    if start.starts_with(&[0x1f, 0x8b]) {
        let mut stream = CountingReader::new(MultiGzDecoder::new(file));
        let result = read_stream(path, &mut stream, position).and_then(|stored| {
            io::copy(&mut stream, &mut io::sink())
                .map(|_| stored)
                .map_err(|error| read_error(path, error))
        });
        // Any read error within a gzip stream means that the stream is damaged.
        result.map_err(|error| match error {
            DataError::Io { source, .. } => DataError::Gzip {
                path: path.to_owned(),
                bytes: stream.bytes,
                reason: source.to_string(),
            },
            other => other,
        })
    } else {
        read_stream(path, &mut file, position)
    }
}

fn read_stream<T: Voxel>(
    path: &Path,
    stream: &mut impl Read,
    position: Option<Position>,
) -> Result<Stored<T>, DataError> {
    let start = read_up_to(path, stream, HEADER_BYTES)?;
    if start.len() < HEADER_BYTES {
        return Err(header_error(
            path,
            format!("expected {HEADER_BYTES} header bytes, got {}", start.len()),
        ));
    }
    let mut header = parse_header(path, &start)?;
    let shape = volume_shape(path, &header)?;
    let datatype = header
        .data_type()
        .map_err(|error| header_error(path, error))?;
    // The crate believes these, though they only repeat what is known by now.
    header.dim = [3, header.dim[1], header.dim[2], header.dim[3], 1, 1, 1, 1];
    header.bitpix = 8 * datatype.size_of() as i16;
    let skip = data_offset(path, &header)? - HEADER_BYTES;
    let skipped = io::copy(&mut stream.by_ref().take(skip as u64), &mut io::sink())
        .map_err(|error| read_error(path, error))?;
    let bytes_per_voxel = datatype.size_of();
    let expected = shape.iter().map(|&n| n as u128).product::<u128>() * bytes_per_voxel as u128;
    let written = || shape.map(|n| n.to_string()).join("×");
    let limit = usize::try_from(expected).unwrap_or(usize::MAX);
    let is_too_large = expected > u128::from(MOST_VOXELS) * bytes_per_voxel as u128;
    // The buffer grows with what the file holds, never with what its header states.
    let (raw, got) = if is_too_large {
        let got = io::copy(&mut stream.by_ref().take(limit as u64), &mut io::sink());
        (
            Vec::new(),
            got.map_err(|error| read_error(path, error))? as usize,
        )
    } else {
        let raw = read_up_to(path, stream, limit)?;
        let got = raw.len();
        (raw, got)
    };
    if (got as u128) < expected || skipped < skip as u64 {
        return Err(DataError::TooShort {
            path: path.to_owned(),
            expected,
            shape: written(),
            bytes_per_voxel,
            got,
        });
    }
    if is_too_large {
        return Err(DataError::TooLarge {
            path: path.to_owned(),
            most: MOST_VOXELS,
            after: String::new(),
            shape: written(),
        });
    }
    let (voxels, misfits) = decode(path, &header, datatype, raw, shape)?;
    Ok(Stored {
        voxels,
        misfits,
        shape,
        affine: position::of_header(path, &header, shape, position)?,
    })
}

fn parse_header(path: &Path, bytes: &[u8]) -> Result<NiftiHeader, DataError> {
    let size = [bytes[0], bytes[1], bytes[2], bytes[3]];
    let sizes = [i32::from_le_bytes(size), i32::from_be_bytes(size)];
    if sizes.contains(&540) {
        return Err(header_error(path, "NIfTI-2 is not supported"));
    }
    if !sizes.contains(&(HEADER_BYTES as i32)) {
        return Err(header_error(
            path,
            format!(
                "expected the header size {HEADER_BYTES} in its first bytes, got {}",
                sizes[0]
            ),
        ));
    }
    let header = NiftiHeader::from_reader(bytes).map_err(|error| header_error(path, error))?;
    if &header.magic != b"n+1\0" {
        return Err(header_error(
            path,
            "a header without voxels (expected one .nii file, got half a .hdr/.img pair)",
        ));
    }
    Ok(header)
}

/// Returns the numbers of voxels along i, j and k. Axes beyond the third must have length one; 0 and
/// less, which some writers leave there, count as one (as in niftilib).
fn volume_shape(path: &Path, header: &NiftiHeader) -> Result<[usize; 3], DataError> {
    // The crate reads signed numbers as unsigned ones.
    let dim = header
        .dim
        .map(|length| i16::from_ne_bytes(length.to_ne_bytes()));
    let axes = usize::try_from(dim[0]).unwrap_or(0);
    let lengths = dim.get(1..=axes).unwrap_or_default();
    if lengths.is_empty() || lengths.iter().take(3).any(|&n| n < 1) {
        return Err(header_error(
            path,
            format!("expected 1 to 7 axes of at least one voxel, got dim = {dim:?}"),
        ));
    }
    if axes < 3 || lengths[3..].iter().any(|&n| n > 1) {
        return Err(DataError::NotThreeDimensional {
            path: path.to_owned(),
            shape: lengths
                .iter()
                .map(i16::to_string)
                .collect::<Vec<_>>()
                .join("×"),
        });
    }
    Ok(std::array::from_fn(|axis| {
        usize::from(header.dim[axis + 1])
    }))
}

/// Returns where the voxels start. Some writers use 0 for "right after the header".
fn data_offset(path: &Path, header: &NiftiHeader) -> Result<usize, DataError> {
    const FIRST: f32 = 352.0;
    match header.vox_offset {
        0.0 => Ok(FIRST as usize),
        offset if (FIRST..1e9).contains(&offset) => Ok(offset as usize),
        offset => Err(header_error(
            path,
            format!("expected voxels to start at byte {FIRST} or later, got {offset}"),
        )),
    }
}

fn decode<T: Voxel>(
    path: &Path,
    header: &NiftiHeader,
    datatype: NiftiType,
    raw: Vec<u8>,
    shape: [usize; 3],
) -> Result<(Vec<T>, Option<Misfits>), DataError> {
    macro_rules! convert {
        ($volume:expr, $number:ty) => {
            $volume.into_nifti_typed_data::<$number>().map(|stored| {
                let stored = stored.as_slice();
                match scaling(header) {
                    Some((slope, inter)) => {
                        convert(stored, shape, |value| value as f64 * slope + inter)
                    }
                    None => convert(stored, shape, |value| value as f64),
                }
            })
        };
    }
    let volume =
        InMemNiftiVolume::from_raw_data(header, raw).map_err(|error| header_error(path, error))?;
    let voxels = match datatype {
        NiftiType::Uint8 => convert!(volume, u8),
        NiftiType::Int8 => convert!(volume, i8),
        NiftiType::Uint16 => convert!(volume, u16),
        NiftiType::Int16 => convert!(volume, i16),
        NiftiType::Uint32 => convert!(volume, u32),
        NiftiType::Int32 => convert!(volume, i32),
        NiftiType::Uint64 => convert!(volume, u64),
        NiftiType::Int64 => convert!(volume, i64),
        NiftiType::Float32 => convert!(volume, f32),
        NiftiType::Float64 => convert!(volume, f64),
        other => {
            return Err(header_error(
                path,
                format!("expected real numbers of at most 64 bits, got the type {other:?}"),
            ));
        }
    };
    voxels.map_err(|error| header_error(path, error))
}

/// Returns (slope, inter) of value = stored × slope + inter, or `None` if the slope is 0 or not
/// finite, which means unscaled.
fn scaling(header: &NiftiHeader) -> Option<(f64, f64)> {
    let slope = f64::from(header.scl_slope);
    let inter = f64::from(header.scl_inter);
    if slope == 0.0 || !slope.is_finite() {
        return None;
    }
    let inter = if inter.is_finite() { inter } else { 0.0 };
    ((slope, inter) != (1.0, 0.0)).then_some((slope, inter))
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
    });
    (voxels, misfits)
}

fn read_up_to(path: &Path, stream: &mut impl Read, limit: usize) -> Result<Vec<u8>, DataError> {
    let mut bytes = Vec::new();
    stream
        .by_ref()
        .take(limit as u64)
        .read_to_end(&mut bytes)
        .map_err(|error| read_error(path, error))?;
    Ok(bytes)
}

fn read_error(path: &Path, source: io::Error) -> DataError {
    if source.kind() == io::ErrorKind::NotFound {
        return DataError::Missing {
            path: path.to_owned(),
            expected: "a NIfTI volume".to_owned(),
        };
    }
    DataError::Io {
        path: path.to_owned(),
        source,
    }
}

pub(super) fn header_error(path: &Path, reason: impl ToString) -> DataError {
    DataError::Header {
        path: path.to_owned(),
        reason: reason.to_string(),
    }
}
