//! Writes data sets as people have them: raw NIfTI-1 files whose header a test changes byte by
//! byte, so that a file can say what our own writer never would.
//!
//! Offsets and types are those of `nifti1.h`. Arrays are `[z, y, x]`, stored x fastest.

use ndarray::Array3;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Four rows of a matrix from voxel (i, j, k, 1) to mm.
pub(crate) type Affine = [[f64; 4]; 4];

/// Returns the affine of an unturned grid at the origin.
pub(crate) fn diagonal([x, y, z]: [f64; 3]) -> Affine {
    [
        [x, 0.0, 0.0, 0.0],
        [0.0, y, 0.0, 0.0],
        [0.0, 0.0, z, 0.0],
        [0.0, 0.0, 0.0, 1.0],
    ]
}

/// The numbers that a test stores.
pub(crate) trait Stored: Copy {
    /// The code of the type in the header.
    const TYPE: i16;
    fn bytes(self) -> Vec<u8>;
}

macro_rules! stored {
    ($($number:ty: $code:literal),*) => {
        $(impl Stored for $number {
            const TYPE: i16 = $code;

            fn bytes(self) -> Vec<u8> {
                self.to_le_bytes().to_vec()
            }
        })*
    };
}

stored!(u8: 2, i16: 4, i32: 8, f32: 16, f64: 64, u16: 512);

/// A header of 348 bytes, little-endian.
pub(crate) struct Header(pub(crate) Vec<u8>);

impl Header {
    pub(crate) fn set_u8(&mut self, at: usize, value: u8) {
        self.0[at] = value;
    }

    pub(crate) fn set_i16(&mut self, at: usize, value: i16) {
        self.0[at..at + 2].copy_from_slice(&value.to_le_bytes());
    }

    pub(crate) fn set_f32s(&mut self, at: usize, values: &[f64]) {
        for (place, &value) in values.iter().enumerate() {
            let at = at + 4 * place;
            self.0[at..at + 4].copy_from_slice(&(value as f32).to_le_bytes());
        }
    }

    /// Sets `pixdim`: qfac, then the sizes along i, j and k.
    pub(crate) fn pixdim(&mut self, values: [f64; 4]) {
        self.set_f32s(76, &values);
    }

    /// Sets slope and intercept of value = stored × slope + intercept.
    pub(crate) fn scaling(&mut self, slope: f64, intercept: f64) {
        self.set_f32s(112, &[slope, intercept]);
    }

    /// Sets the units of space and time, for instance 2 for mm and 3 for µm.
    pub(crate) fn units(&mut self, code: u8) {
        self.set_u8(123, code);
    }

    /// Sets the sform and its code; code 0 means that there is none.
    pub(crate) fn sform(&mut self, code: i16, affine: &Affine) {
        self.set_i16(254, code);
        for (row, values) in affine[..3].iter().enumerate() {
            self.set_f32s(280 + 16 * row, values);
        }
    }

    /// Sets the qform of an unturned grid and its code. The sizes are those of `pixdim`.
    pub(crate) fn qform(&mut self, code: i16, quaternion: [f64; 3], offset: [f64; 3]) {
        self.set_i16(252, code);
        self.set_f32s(256, &quaternion);
        self.set_f32s(268, &offset);
    }
}

/// Returns the bytes of an uncompressed file with these voxels `[z, y, x]`. Its sform is `affine`
/// with code 1; it has no qform; `pixdim` holds the lengths of the affine's columns; units are mm.
/// `edit` may change all of it.
pub(crate) fn file<T: Stored>(
    voxels: &Array3<T>,
    affine: &Affine,
    edit: impl FnOnce(&mut Header),
) -> Vec<u8> {
    let (z, y, x) = voxels.dim();
    let mut header = Header(vec![0; 348]);
    header.0[..4].copy_from_slice(&348i32.to_le_bytes());
    for (axis, length) in [3, x, y, z, 1, 1, 1, 1].into_iter().enumerate() {
        header.set_i16(40 + 2 * axis, length as i16);
    }
    header.set_i16(70, T::TYPE);
    header.set_i16(72, 8 * size_of::<T>() as i16);
    let size = |c: usize| (0..3).map(|r| affine[r][c].powi(2)).sum::<f64>().sqrt();
    header.pixdim([1.0, size(0), size(1), size(2)]);
    header.set_f32s(108, &[352.0]);
    header.scaling(1.0, 0.0);
    header.units(2);
    header.sform(1, affine);
    header.0[344..].copy_from_slice(b"n+1\0");
    edit(&mut header);
    let mut bytes = header.0;
    bytes.extend([0; 4]);
    // The logical order of `[z, y, x]` is the file's: x runs fastest.
    voxels.iter().for_each(|voxel| bytes.extend(voxel.bytes()));
    bytes
}

/// Compresses bytes as gzip.
pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Writes a file as [`file`] makes it, compressed if its name ends in `.gz`, and makes its folder.
pub(crate) fn put<T: Stored>(
    path: &Path,
    voxels: &Array3<T>,
    affine: &Affine,
    edit: impl FnOnce(&mut Header),
) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let bytes = file(voxels, affine, edit);
    let compressed = path.extension().is_some_and(|ending| ending == "gz");
    let bytes = if compressed { gzip(&bytes) } else { bytes };
    std::fs::write(path, bytes).unwrap();
}

/// Returns a scan and its labels 0, 1 and 2, `[z, y, x]`: an ellipsoid of two tissues away from the
/// centre, different in every direction. Scans of other numbers differ.
pub(crate) fn scan(number: usize, [d, h, w]: [usize; 3]) -> (Array3<f32>, Array3<u8>) {
    let share = |index: usize, length: usize| (index as f64 + 0.5) / length as f64;
    let labels = Array3::from_shape_fn((d, h, w), |(z, y, x)| {
        let place = [share(x, w) - 0.42, share(y, h) - 0.55, share(z, d) - 0.45];
        let radius = [0.33, 0.35, 0.38 + 0.01 * number as f64];
        let distance: f64 = place.iter().zip(radius).map(|(p, r)| (p / r).powi(2)).sum();
        match distance < 1.0 {
            true => 1 + u8::from(place[0] > 0.0),
            false => 0,
        }
    });
    let image = Array3::from_shape_fn((d, h, w), |(z, y, x)| {
        let noise = (7 * x + 13 * y + 29 * z + 31 * number) % 11;
        100.0 + 40.0 * f32::from(labels[[z, y, x]]) + (2 * x + 3 * z + noise) as f32
    });
    (image, labels)
}

/// The shape `[z, y, x]` of a case of [`manifest`].
pub(crate) const SHAPE: [usize; 3] = [16, 24, 20];

/// Writes a manifest of four cases `s0` to `s3`, the last in Part B, with labels background, one
/// and two. `write` puts number, image path, label path, image and labels of a case on disk.
pub(crate) fn manifest(
    folder: &Path,
    mut write: impl FnMut(usize, &Path, &Path, &Array3<f32>, &Array3<u8>),
) -> slicewise_data::DataConfig {
    let mut rows = "case,image,label,mask,split\n".to_owned();
    for number in 0..4 {
        let name = |end: &str| PathBuf::from(format!("s{number}{end}.nii.gz"));
        let (image, labels) = scan(number, SHAPE);
        let (scan, truth) = (name(""), name("_seg"));
        write(
            number,
            &folder.join(&scan),
            &folder.join(&truth),
            &image,
            &labels,
        );
        let part = if number < 3 { 'A' } else { 'B' };
        rows += &format!("s{number},{},{},,{part}\n", scan.display(), truth.display());
    }
    std::fs::write(folder.join("manifest.csv"), rows).unwrap();
    let mut config = slicewise_data::DataConfig::new("manifest");
    config.path = Some(folder.join("manifest.csv"));
    config.classes = Some(["background", "one", "two"].map(str::to_owned).to_vec());
    config
}

/// Writes both files of a case on one grid.
pub(crate) fn put_case(
    (scan, truth): (&Path, &Path),
    (image, labels): (&Array3<f32>, &Array3<u8>),
    affine: &Affine,
    edit: impl Fn(&mut Header),
) {
    put(scan, image, affine, &edit);
    put(truth, labels, affine, &edit);
}
