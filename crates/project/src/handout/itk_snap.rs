//! Files for ITK-SNAP: the labels, and a workspace that opens scan and labels and steps through the slices
//! that are asked for (*Next annotation*).

use super::{CaseFiles, Label};
use std::fmt::Write;

/// Returns a label description. ITK-SNAP takes a file that is dropped on it for one by its second line.
pub(super) fn label_description(labels: &[Label]) -> String {
    let mut text = "################################################\n\
        # ITK-SnAP Label Description File\n\
        # File format:\n\
        # IDX   -R-  -G-  -B-  -A--  VIS MSH  LABEL\n\
        ################################################\n    \
        0     0    0    0        0  0  0    \"Clear Label\"\n"
        .to_owned();
    for Label {
        value,
        name,
        colour: [r, g, b],
    } in labels
    {
        let name = name.replace('"', "'");
        let _ = writeln!(
            text,
            "{value:5} {r:5} {g:4} {b:4}        1  1  1    \"{name}\""
        );
    }
    text
}

/// Returns a workspace. Its paths lie below a folder that does not exist, so ITK-SNAP takes them relative
/// to where the workspace is.
pub(super) fn workspace(case: &CaseFiles, labels: &[Label]) -> String {
    let mut text = "<?xml version=\"1.0\" encoding=\"UTF-8\" ?>\n<registry>\n".to_owned();
    let entry = |text: &mut String, key: &str, value: &str| {
        let _ = writeln!(text, "<entry key=\"{key}\" value=\"{}\" />", escaped(value));
    };
    let open = |text: &mut String, key: &str| {
        let _ = writeln!(text, "<folder key=\"{key}\">");
    };
    let close = |text: &mut String, count: usize| {
        let _ = writeln!(text, "{}", "</folder>".repeat(count));
    };
    entry(&mut text, "SaveLocation", "/slicewise");
    entry(&mut text, "Version", "20151215");
    open(&mut text, "Annotations");
    entry(&mut text, "Format", "ITK-SNAP Annotation File");
    entry(&mut text, "FormatDate", "20150624");
    open(&mut text, "Annotations");
    entry(&mut text, "ArraySize", &case.asked.len().to_string());
    for (place, asked) in case.asked.iter().enumerate() {
        let [x, y, z] = case.middle(asked.slice).map(|index| index + 0.5);
        open(&mut text, &format!("Element[{place}]"));
        entry(&mut text, "Type", "LandmarkAnnotation");
        entry(&mut text, "Plane", &case.sliced().to_string());
        entry(&mut text, "Pos", &format!("{x} {y} {z}"));
        entry(&mut text, "Offset", "10 10");
        entry(&mut text, "Text", &format!("draw {}", asked.slice + 1));
        close(&mut text, 1);
    }
    close(&mut text, 2);
    open(&mut text, "Layers");
    open(&mut text, "Layer[000]");
    entry(&mut text, "AbsolutePath", "/slicewise/image.nii.gz");
    entry(&mut text, "Role", "MainRole");
    open(&mut text, "ProjectMetaData");
    open(&mut text, "IRIS");
    open(&mut text, "LabelTable");
    entry(&mut text, "NumberOfElements", &labels.len().to_string());
    for (place, label) in labels.iter().enumerate() {
        let [r, g, b] = label.colour;
        open(&mut text, &format!("Element[{place}]"));
        entry(&mut text, "Index", &label.value.to_string());
        entry(&mut text, "Label", &label.name);
        entry(&mut text, "Color", &format!("{r} {g} {b}"));
        entry(&mut text, "Alpha", "255");
        entry(&mut text, "Flags", "1 1");
        close(&mut text, 1);
    }
    close(&mut text, 4);
    open(&mut text, "Layer[001]");
    entry(&mut text, "AbsolutePath", "/slicewise/labels.nii.gz");
    entry(&mut text, "Role", "SegmentationRole");
    close(&mut text, 2);
    text += "</registry>\n";
    text
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}
