//! Reads NRRD files as 3D Slicer writes them: `.nrrd` volumes and `.seg.nrrd` segmentations.
//!
//! A segmentation keeps segments as label values; segments that may overlap lie in several layers, along a
//! first axis of their own. The format: <https://teem.sourceforge.net/nrrd/format.html>; Slicer's fields:
//! its documentation, "Segmentations", "Segmentation file (.seg.nrrd)". No crate that is kept reads it.

use flate2::read::GzDecoder;
use ndarray::{Array4, Axis};
use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::Path;

/// The most voxels that are read, as of NIfTI files.
const MOST_VOXELS: usize = 1 << 29;

/// The longest header in bytes. Slicer writes a few thousand for each segment.
const LONGEST_HEADER: usize = 1 << 20;

/// What a file holds.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Nrrd {
    /// Values `[layer, k, j, i]`; one layer unless segments overlap.
    pub(crate) values: Array4<f64>,
    /// From voxel indices `(i, j, k, 1)` to RAS millimetres; `None` if the file states no position.
    pub(crate) affine: Option<[[f64; 4]; 4]>,
    /// The segments; none in a plain volume.
    pub(crate) segments: Vec<Segment>,
}

/// A segment of a segmentation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Segment {
    /// Its name.
    pub(crate) name: String,
    /// Its value in its layer.
    pub(crate) value: i32,
    /// Its layer.
    pub(crate) layer: usize,
}

/// Reads a file. The error is one line without the file's name.
pub(crate) fn read(path: &Path) -> Result<Nrrd, String> {
    let bytes = fs::read(path).map_err(|error| error.to_string())?;
    parse(&bytes)
}

/// The fields of a header: those of the format, and those that a program added (`key:=value`).
struct Header<'a> {
    fields: BTreeMap<String, &'a str>,
    added: BTreeMap<&'a str, &'a str>,
}

pub(crate) fn parse(bytes: &[u8]) -> Result<Nrrd, String> {
    if !bytes.starts_with(b"NRRD000") {
        return Err("expected an NRRD file, got one that does not begin with NRRD000".to_owned());
    }
    let searched = &bytes[..bytes.len().min(LONGEST_HEADER)];
    // An empty line ends the header, whatever ends lines.
    let ends = |pattern: &[u8]| {
        let found = searched
            .windows(pattern.len())
            .position(|window| window == pattern);
        found.map(|at| (at, at + pattern.len()))
    };
    let (end, start) = [ends(b"\n\n"), ends(b"\r\n\r\n")]
        .into_iter()
        .flatten()
        .min()
        .ok_or("expected an NRRD header that ends with an empty line, got none")?;
    let text = std::str::from_utf8(&bytes[..end])
        .map_err(|_| "expected an NRRD header of UTF-8 text, got other bytes".to_owned())?;
    let header = Header::of(text);
    let sizes: Vec<usize> = header.list("sizes")?;
    let layered = match sizes.len() {
        3 => false,
        4 => true,
        other => return Err(format!("expected 3 or 4 axes (sizes), got {other}")),
    };
    let voxels = sizes
        .iter()
        .try_fold(1usize, |all, &size| all.checked_mul(size));
    let voxels = voxels
        .filter(|&all| (1..=MOST_VOXELS).contains(&all))
        .ok_or_else(|| format!("expected 1 to {MOST_VOXELS} voxels, got sizes {sizes:?}"))?;
    if header.fields.contains_key("data file") || header.fields.contains_key("datafile") {
        return Err(
            "expected voxels in the same file, got a header that names another (data file); save as \
             .nrrd or .seg.nrrd, not .nhdr"
                .to_owned(),
        );
    }
    let kind = Kind::of(header.field("type")?)?;
    let data = unpacked(&header, &bytes[start..], voxels * kind.bytes())?;
    let little = match header.fields.get("endian") {
        Some(&"big") => false,
        Some(&"little") => true,
        None if kind.bytes() == 1 => true,
        other => return Err(format!("expected endian: little or big, got {other:?}")),
    };
    let values: Vec<f64> = data
        .chunks_exact(kind.bytes())
        .map(|chunk| kind.number(chunk, little))
        .collect();
    let axes = directions(&header)?;
    let spatial: Vec<usize> = (0..sizes.len())
        .filter(|&axis| axes[axis].is_some())
        .collect();
    let list = (0..sizes.len()).find(|&axis| axes[axis].is_none());
    let list = match (layered, list, spatial.len()) {
        (false, None, 3) => None,
        (true, Some(list), 3) => Some(list),
        // Without directions there is no position, and the first of four axes is the list.
        (layered, _, 0) => layered.then_some(0),
        _ => {
            return Err(format!(
                "expected three axes in space and at most one of layers, got {} in space",
                spatial.len()
            ));
        }
    };
    let mut shape = sizes.clone();
    shape.reverse();
    if !layered {
        shape.insert(3, 1);
    }
    let shape = [shape[0], shape[1], shape[2], shape[3]];
    let stored = Array4::from_shape_vec(shape, values).map_err(|error| error.to_string())?;
    // The file's first axis varies fastest, so it is the array's last.
    let layer_axis = list.map_or(3, |list| 3 - list);
    let mut order: Vec<usize> = (0..4).filter(|&axis| axis != layer_axis).collect();
    order.insert(0, layer_axis);
    let values = stored.permuted_axes([order[0], order[1], order[2], order[3]]);
    let vectors: Vec<[f64; 3]> = axes.into_iter().flatten().collect();
    Ok(Nrrd {
        affine: affine(&header, &vectors)?,
        segments: header.segments(values.len_of(Axis(0)))?,
        values: values.as_standard_layout().into_owned(),
    })
}

impl<'a> Header<'a> {
    fn of(text: &'a str) -> Self {
        let (mut fields, mut added) = (BTreeMap::new(), BTreeMap::new());
        for line in text.lines().skip(1).filter(|line| !line.starts_with('#')) {
            // `key:=value` is added by a program, `field: value` is the format's.
            match (line.split_once(":="), line.split_once(": ")) {
                (Some((key, value)), other)
                    if other.is_none_or(|(field, _)| field.len() > key.len()) =>
                {
                    added.insert(key, value);
                }
                (_, Some((field, value))) => {
                    fields.insert(field.to_lowercase(), value.trim());
                }
                _ => {}
            }
        }
        Self { fields, added }
    }

    fn field(&self, name: &str) -> Result<&'a str, String> {
        let field = self.fields.get(name).copied();
        field.ok_or_else(|| format!("expected a field {name:?} in the header, got none"))
    }

    fn list<T: std::str::FromStr>(&self, name: &str) -> Result<Vec<T>, String> {
        let text = self.field(name)?;
        let parsed: Result<Vec<T>, _> = text.split_whitespace().map(str::parse).collect();
        parsed.map_err(|_| format!("expected numbers in {name}, got {text:?}"))
    }

    /// Lists the segments, whose layers are below `layers`.
    fn segments(&self, layers: usize) -> Result<Vec<Segment>, String> {
        let mut segments = Vec::new();
        for number in 0.. {
            let of = |what: &str| self.added.get(format!("Segment{number}_{what}").as_str());
            let Some(name) = of("Name") else {
                return Ok(segments);
            };
            let whole = |what: &str, default: i32| match of(what) {
                None => Ok(default),
                Some(text) => text.trim().parse::<i32>().map_err(|_| {
                    format!("expected a whole number in Segment{number}_{what}, got {text:?}")
                }),
            };
            let layer = whole("Layer", 0)?;
            let layer = usize::try_from(layer).ok().filter(|&layer| layer < layers);
            segments.push(Segment {
                name: (*name).to_owned(),
                value: whole("LabelValue", number + 1)?,
                layer: layer.ok_or_else(|| {
                    format!("expected a layer below {layers} in Segment{number}_Layer, got another")
                })?,
            });
        }
        Ok(segments)
    }
}

/// The type of a voxel.
#[derive(Clone, Copy)]
enum Kind {
    Unsigned(usize),
    Signed(usize),
    Float(usize),
}

impl Kind {
    fn of(name: &str) -> Result<Self, String> {
        Ok(match name {
            "uchar" | "unsigned char" | "uint8" | "uint8_t" => Self::Unsigned(1),
            "signed char" | "int8" | "int8_t" => Self::Signed(1),
            "ushort" | "unsigned short" | "unsigned short int" | "uint16" | "uint16_t" => {
                Self::Unsigned(2)
            }
            "short" | "short int" | "signed short" | "signed short int" | "int16" | "int16_t" => {
                Self::Signed(2)
            }
            "uint" | "unsigned int" | "uint32" | "uint32_t" => Self::Unsigned(4),
            "int" | "signed int" | "int32" | "int32_t" => Self::Signed(4),
            "float" => Self::Float(4),
            "double" => Self::Float(8),
            other => {
                return Err(format!(
                    "expected whole or real numbers of up to 32 bits, or double, got type {other:?}"
                ));
            }
        })
    }

    fn bytes(self) -> usize {
        let (Self::Unsigned(bytes) | Self::Signed(bytes) | Self::Float(bytes)) = self;
        bytes
    }

    fn number(self, chunk: &[u8], little: bool) -> f64 {
        let mut bytes = [0; 8];
        for (place, byte) in bytes.iter_mut().zip(chunk) {
            *place = *byte;
        }
        let count = self.bytes();
        if !little {
            bytes[..count].reverse();
        }
        let raw = u64::from_le_bytes(bytes);
        match self {
            Self::Unsigned(_) => raw as f64,
            Self::Signed(1) => f64::from(raw as u8 as i8),
            Self::Signed(2) => f64::from(raw as u16 as i16),
            Self::Signed(_) => f64::from(raw as u32 as i32),
            Self::Float(4) => f64::from(f32::from_bits(raw as u32)),
            Self::Float(_) => f64::from_bits(raw),
        }
    }
}

/// Returns exactly the `expected` bytes of voxels.
fn unpacked(header: &Header, data: &[u8], expected: usize) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    match header.field("encoding")? {
        "raw" => bytes.extend(&data[..data.len().min(expected + 1)]),
        "gzip" | "gz" => {
            // One byte more than is wanted shows that there are too many.
            let read = GzDecoder::new(data)
                .take(expected as u64 + 1)
                .read_to_end(&mut bytes);
            read.map_err(|error| {
                format!("damaged gzip data after {} bytes ({error})", bytes.len())
            })?;
        }
        other => return Err(format!("expected encoding: raw or gzip, got {other:?}")),
    }
    match bytes.len() == expected {
        true => Ok(bytes),
        false => Err(format!(
            "expected {expected} bytes of voxels, got {}{}",
            bytes.len().min(expected),
            if bytes.len() > expected {
                " and more"
            } else {
                ""
            }
        )),
    }
}

/// Returns the direction of each axis in the file's space; `None` for an axis that is not in space.
fn directions(header: &Header) -> Result<Vec<Option<[f64; 3]>>, String> {
    let axes = header.field("sizes")?.split_whitespace().count();
    let Some(text) = header.fields.get("space directions") else {
        return Ok(vec![None; axes]);
    };
    let wrong = || format!("expected {axes} space directions, got {text:?}");
    let mut rest = *text;
    let mut found = Vec::new();
    while !rest.trim().is_empty() {
        rest = rest.trim_start();
        if let Some(after) = rest.strip_prefix("none") {
            found.push(None);
            rest = after;
        } else {
            let end = rest.find(')').ok_or_else(wrong)?;
            found.push(Some(vector(&rest[..=end]).ok_or_else(wrong)?));
            rest = &rest[end + 1..];
        }
    }
    match found.len() == axes {
        true => Ok(found),
        false => Err(wrong()),
    }
}

/// Reads `(1,2,3)`.
fn vector(text: &str) -> Option<[f64; 3]> {
    let inner = text.trim().strip_prefix('(')?.strip_suffix(')')?;
    let numbers: Vec<f64> = inner
        .split(',')
        .map(|number| {
            number
                .trim()
                .parse()
                .ok()
                .filter(|value: &f64| value.is_finite())
        })
        .collect::<Option<_>>()?;
    numbers.try_into().ok()
}

/// Returns the affine to RAS millimetres, if the file states a position.
fn affine(header: &Header, vectors: &[[f64; 3]]) -> Result<Option<[[f64; 4]; 4]>, String> {
    let Some(space) = header.fields.get("space") else {
        return Ok(None);
    };
    let signs = match space.to_lowercase().as_str() {
        "left-posterior-superior" | "lps" => [-1.0, -1.0, 1.0],
        "right-anterior-superior" | "ras" => [1.0, 1.0, 1.0],
        "left-anterior-superior" | "las" => [-1.0, 1.0, 1.0],
        other => {
            return Err(format!(
                "expected space: left-posterior-superior (or ras, las), got {other:?}"
            ));
        }
    };
    let Some(origin) = header
        .fields
        .get("space origin")
        .and_then(|text| vector(text))
    else {
        return Ok(None);
    };
    let [i, j, k] = vectors else {
        return Ok(None);
    };
    let mut affine = [[0.0; 4]; 4];
    affine[3][3] = 1.0;
    for (row, sign) in signs.into_iter().enumerate() {
        affine[row] = [i[row], j[row], k[row], origin[row]].map(|value| sign * value);
    }
    let linear = slicewise_core::matrix::linear(&affine);
    let volume = slicewise_core::matrix::determinant(&linear);
    match volume.abs() > 0.0 && volume.is_finite() {
        true => Ok(Some(affine)),
        false => Err("expected space directions that span a volume, got none".to_owned()),
    }
}

#[cfg(test)]
mod tests;
