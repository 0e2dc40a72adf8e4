//! Reads what a header says about the voxels that follow, in NIfTI-1 and NIfTI-2.
//!
//! Sources: `nifti1.h`, `nifti2.h`. NIfTI-2 has the same fields with more bits, in another order. Its
//! header is turned into one of NIfTI-1, whose float32 suffice for positions, but for the scaling,
//! which is kept as float64.

use crate::error::DataError;
use crate::fault::Fault;
use crate::format::Format;
use crate::missing::unreadable;
use ::nifti::{Endianness, NiftiHeader, NiftiType};
use std::io::{self, Read};
use std::path::Path;

/// Length of a NIfTI-1 header.
const ONE: usize = 348;
/// Length of a NIfTI-2 header.
const TWO: usize = 540;
/// Values of `intent_code` in CIFTI-2 files.
const CIFTI: std::ops::Range<i32> = 3000..3100;

/// A header and what follows from it.
pub(super) struct Header {
    pub(super) fields: NiftiHeader,
    /// Numbers of voxels along i, j and k.
    pub(super) shape: [usize; 3],
    pub(super) datatype: NiftiType,
    /// (slope, intercept) of value = stored × slope + intercept, if voxels are scaled.
    pub(super) scaling: Option<(f64, f64)>,
    /// Number of bytes between the header and the voxels.
    pub(super) skip: u64,
}

/// Reads the header from the beginning of a file.
///
/// # Errors
/// The file is something else, or the header makes no sense.
pub(super) fn read_header(path: &Path, stream: &mut impl Read) -> Result<Header, DataError> {
    let start = read_up_to(path, stream, ONE)?;
    let format = |format: Format| Err(file_error(path, Fault::Format(format)));
    let sizes = start.first_chunk().map(|&size: &[u8; 4]| {
        [
            (i32::from_le_bytes(size), Endianness::Little),
            (i32::from_be_bytes(size), Endianness::Big),
        ]
    });
    let order = |length: usize| {
        let mut known = sizes.into_iter().flatten();
        known.find_map(|(size, order)| (usize::try_from(size) == Ok(length)).then_some(order))
    };
    let magic = start.get(ONE - 4..).unwrap_or_default();
    let (fields, scaling, offset) = if let Some(order) = order(TWO) {
        let rest = read_up_to(path, stream, TWO - ONE)?;
        let bytes = [start, rest].concat();
        let two = Second::new(path, &bytes, order)?;
        if CIFTI.contains(&two.i32(504)) {
            return format(Format::Cifti);
        }
        let scaling = scaling(two.f64(176), two.f64(184));
        (two.fields(path)?, scaling, two.f64_of_i64(168))
    } else if order(ONE).is_some() || magic == b"n+1\0" {
        let length = start.len();
        if length < ONE {
            return Err(header_error(
                path,
                format!("expected {ONE} header bytes, got {length}"),
            ));
        }
        match magic {
            b"n+1\0" => {}
            b"ni1\0" => return format(Format::Pair),
            _ => return format(Format::Analyze),
        }
        let fields =
            NiftiHeader::from_reader(&start[..]).map_err(|error| header_error(path, error))?;
        let scaling = scaling(f64::from(fields.scl_slope), f64::from(fields.scl_inter));
        let offset = f64::from(fields.vox_offset);
        (fields, scaling, offset)
    } else {
        if let Some(found) = Format::of_bytes(&start).or_else(|| Format::of_name(path)) {
            return format(found);
        }
        let problem = if start.len() < ONE {
            format!("expected {ONE} header bytes, got {}", start.len())
        } else {
            let size = sizes.map_or(0, |[(size, _), _]| size);
            format!("expected the header size {ONE} in its first bytes, got {size}")
        };
        return Err(header_error(path, problem));
    };
    let length = if order(TWO).is_some() { TWO } else { ONE };
    let shape = volume_shape(path, &fields)?;
    let datatype = datatype(path, &fields)?;
    let mut fields = fields;
    // The crate believes these, though they only repeat what is known by now.
    fields.dim = [3, fields.dim[1], fields.dim[2], fields.dim[3], 1, 1, 1, 1];
    fields.bitpix = 8 * datatype.size_of() as i16;
    Ok(Header {
        shape,
        datatype,
        scaling,
        skip: voxels_start(path, offset, length + 4)? - length as u64,
        fields,
    })
}

/// Reads at most `limit` bytes.
pub(super) fn read_up_to(
    path: &Path,
    stream: &mut impl Read,
    limit: usize,
) -> Result<Vec<u8>, DataError> {
    let mut bytes = Vec::new();
    stream
        .by_ref()
        .take(limit as u64)
        .read_to_end(&mut bytes)
        .map_err(|error| unreadable(path, error))?;
    Ok(bytes)
}

/// Skips bytes. Returns whether there were so many.
pub(super) fn skip(path: &Path, stream: &mut impl Read, count: u64) -> Result<bool, DataError> {
    let skipped = io::copy(&mut stream.by_ref().take(count), &mut io::sink());
    Ok(skipped.map_err(|error| unreadable(path, error))? == count)
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
        let dim = lengths.to_vec();
        return Err(file_error(path, Fault::NotThreeDimensional { dim }));
    }
    Ok(std::array::from_fn(|axis| {
        usize::from(header.dim[axis + 1])
    }))
}

fn datatype(path: &Path, header: &NiftiHeader) -> Result<NiftiType, DataError> {
    let format = match header.data_type() {
        Ok(NiftiType::Rgb24 | NiftiType::Rgba32) => Format::Colours,
        Ok(NiftiType::Complex64 | NiftiType::Complex128 | NiftiType::Complex256) => Format::Complex,
        Ok(NiftiType::Float128) => Format::Quadruple,
        Ok(real) => return Ok(real),
        Err(_) => {
            let problem = format!(
                "expected a type's code as datatype, got {}",
                header.datatype
            );
            return Err(header_error(path, problem));
        }
    };
    Err(file_error(path, Fault::Format(format)))
}

/// Returns where the voxels start. Some writers use 0 for "right after the header".
fn voxels_start(path: &Path, offset: f64, first: usize) -> Result<u64, DataError> {
    match offset {
        0.0 => Ok(first as u64),
        offset if (first as f64..1e9).contains(&offset) => Ok(offset as u64),
        offset => Err(header_error(
            path,
            format!("expected voxels to start at byte {first} or later, got {offset}"),
        )),
    }
}

/// Returns (slope, intercept), or `None` if the slope is 0 or not finite, which means unscaled.
fn scaling(slope: f64, intercept: f64) -> Option<(f64, f64)> {
    if slope == 0.0 || !slope.is_finite() {
        return None;
    }
    let intercept = if intercept.is_finite() {
        intercept
    } else {
        0.0
    };
    ((slope, intercept) != (1.0, 0.0)).then_some((slope, intercept))
}

/// The bytes of a NIfTI-2 header. Fields are named by their offset in `nifti2.h`.
struct Second<'a> {
    bytes: &'a [u8; TWO],
    order: Endianness,
}

impl<'a> Second<'a> {
    fn new(path: &Path, bytes: &'a [u8], order: Endianness) -> Result<Self, DataError> {
        let Some(bytes) = bytes.first_chunk() else {
            let got = bytes.len();
            return Err(header_error(
                path,
                format!("expected {TWO} header bytes of NIfTI-2, got {got}"),
            ));
        };
        match &bytes[4..8] {
            b"n+2\0" => Ok(Self { bytes, order }),
            b"ni2\0" => Err(file_error(path, Fault::Format(Format::Pair))),
            _ => Err(header_error(
                path,
                "expected n+2 in bytes 4 to 6 of a NIfTI-2 header, got something else",
            )),
        }
    }

    fn bits<const N: usize>(&self, at: usize) -> [u8; N] {
        let mut bits = [0; N];
        bits.copy_from_slice(&self.bytes[at..at + N]);
        if self.order == Endianness::Big {
            bits.reverse();
        }
        bits
    }

    fn i32(&self, at: usize) -> i32 {
        i32::from_le_bytes(self.bits(at))
    }

    fn f64(&self, at: usize) -> f64 {
        f64::from_le_bytes(self.bits(at))
    }

    fn f64_of_i64(&self, at: usize) -> f64 {
        i64::from_le_bytes(self.bits(at)) as f64
    }

    fn f32s<const N: usize>(&self, at: usize) -> [f32; N] {
        std::array::from_fn(|place| self.f64(at + 8 * place) as f32)
    }

    /// Returns the fields that are read of a header, as NIfTI-1 has them.
    fn fields(&self, path: &Path) -> Result<NiftiHeader, DataError> {
        let dim: [i64; 8] =
            std::array::from_fn(|axis| i64::from_le_bytes(self.bits(16 + 8 * axis)));
        let wanted = usize::try_from(dim[0]).unwrap_or(0).min(7);
        let mut short = [1; 8];
        for axis in 0..=wanted {
            let length = i16::try_from(dim[axis]).map_err(|_| {
                let problem =
                    format!("expected at most 32767 voxels along an axis, got dim = {dim:?}");
                header_error(path, problem)
            })?;
            // The crate has unsigned numbers for these signed ones.
            short[axis] = u16::from_ne_bytes(length.to_ne_bytes());
        }
        // Codes beyond 16 bits mean nothing.
        let code = |at| i16::try_from(self.i32(at)).unwrap_or(0);
        let [
            quatern_b,
            quatern_c,
            quatern_d,
            quatern_x,
            quatern_y,
            quatern_z,
        ] = self.f32s(352);
        Ok(NiftiHeader {
            dim: short,
            datatype: i16::from_le_bytes(self.bits(12)),
            bitpix: i16::from_le_bytes(self.bits(14)),
            pixdim: self.f32s(104),
            xyzt_units: self.i32(500).to_le_bytes()[0],
            qform_code: code(344),
            sform_code: code(348),
            quatern_b,
            quatern_c,
            quatern_d,
            quatern_x,
            quatern_y,
            quatern_z,
            srow_x: self.f32s(400),
            srow_y: self.f32s(432),
            srow_z: self.f32s(464),
            endianness: self.order,
            ..NiftiHeader::default()
        })
    }
}

pub(super) fn file_error(path: &Path, fault: Fault) -> DataError {
    DataError::File {
        path: path.to_owned(),
        fault,
    }
}

pub(super) fn header_error(path: &Path, reason: impl ToString) -> DataError {
    DataError::Header {
        path: path.to_owned(),
        reason: reason.to_string(),
    }
}
