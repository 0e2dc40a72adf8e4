//! Checks with nibabel what `slicewise phantom` writes.

use crate::program::{slicewise, succeed};
use slicewise_data::nifti;
use std::fs;
use std::process::Command;

/// Prints shape, affine, sum and a few voxels of each file as nibabel reads them.
const SCRIPT: &str = "
import sys, json, numpy, nibabel
for path in sys.argv[1:]:
    volume = nibabel.load(path)
    voxels = numpy.asarray(volume.dataobj)
    x, y, z = (n // 2 for n in voxels.shape)
    print(json.dumps(dict(
        path=path, shape=voxels.shape[::-1], affine=volume.affine.tolist(),
        sum=float(voxels.astype('float64').sum()), centre=float(voxels[x, y, z]),
        off=float(voxels[x + 3, y - 2, z + 1]), codes=nibabel.aff2axcodes(volume.affine))))
";

#[test]
fn nibabel_reads_written_phantoms_with_the_same_voxels_and_affine() {
    let mut python = Command::new("python3");
    if let Some(packages) = std::env::var_os("SLICEWISE_PYTHONPATH") {
        python.env("PYTHONPATH", packages);
    }
    if !python
        .args(["-c", "import nibabel"])
        .output()
        .is_ok_and(|output| output.status.success())
    {
        // CI always has nibabel: `./just test` fetches it.
        assert!(
            std::env::var_os("SLICEWISE_PYTHONPATH").is_none(),
            "nibabel cannot be imported"
        );
        eprintln!("skipped: python3 has no nibabel (./just test fetches it)");
        return;
    }
    let scratch = tempfile::tempdir().unwrap();
    let out = scratch.path().join("heads");
    let arguments = [
        "phantom",
        "--subjects",
        "2",
        "--spacing-mm",
        "4",
        out.to_str().unwrap(),
    ];
    succeed(&mut slicewise(&arguments));
    let manifest = fs::read_to_string(out.join("manifest.csv")).unwrap();
    assert_eq!(manifest.lines().count(), 3, "{manifest}");
    for id in ["phantom-01", "phantom-02"] {
        for kind in ["T2w", "tissue", "mask"] {
            let path = out.join(format!("{id}_{kind}.nii.gz"));
            let mut python = Command::new("python3");
            if let Some(packages) = std::env::var_os("SLICEWISE_PYTHONPATH") {
                python.env("PYTHONPATH", packages);
            }
            let stdout = succeed(python.args(["-c", SCRIPT]).arg(&path));
            let theirs: serde_json::Value = serde_json::from_str(&stdout).unwrap();
            let ours = nifti::read_image(&path).unwrap();
            let (z, y, x) = ours.voxels.dim();
            assert_eq!(theirs["shape"], serde_json::json!([z, y, x]));
            assert_eq!(theirs["affine"], serde_json::json!(ours.geometry.affine));
            assert_eq!(theirs["codes"], serde_json::json!(["R", "A", "S"]));
            let close = |key: &str, value: f64| {
                let got = theirs[key].as_f64().unwrap();
                assert!(
                    (got - value).abs() <= 1e-6 * value.abs().max(1.0),
                    "{key}: {got} and {value}"
                );
            };
            close("sum", ours.voxels.iter().map(|&v| f64::from(v)).sum());
            close("centre", f64::from(ours.voxels[[z / 2, y / 2, x / 2]]));
            close(
                "off",
                f64::from(ours.voxels[[z / 2 + 1, y / 2 - 2, x / 2 + 3]]),
            );
        }
    }
}
