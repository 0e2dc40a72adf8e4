//! What is said of networks that answer wrongly.

use super::*;

/// A network of two classes that is a shell script: its loop over lines `$q`, and what comes before.
fn network(before: &str, answering: &str) -> ProgramSegmenter {
    let script = format!("{before}; while read -r q; do {answering}; done");
    let program = ProgramConfig {
        command: ["sh", "-c", &script].map(str::to_owned).to_vec(),
        attention: false,
        timeout_s: 60.0,
    };
    let (model, training) = (ModelConfig::default(), TrainingConfig::default());
    ProgramSegmenter::new(&program, &model, &training, 2, (1, 1))
}

/// A script's step that copies `from` to where a prediction is to be.
fn copying(from: &Path) -> String {
    let path = "sed 's/.*\"probabilities\":\"\\([^\"]*\\)\".*/\\1/'";
    let from = from.display();
    format!("case $q in *predict*) cp {from} $(echo \"$q\" | {path});; esac")
}

fn problem_of<T>(result: Result<T, SegmenterError>) -> String {
    let Err(problem) = result else {
        panic!("nothing was wrong");
    };
    let problem = problem.to_string();
    assert_eq!(problem.lines().count(), 1, "{problem}");
    problem
}

#[test]
fn what_was_not_written_is_no_older_file() {
    let folder = tempfile::tempdir().unwrap();
    let half = folder.path().join("half.npy");
    npy::write(&half, &[2, 1, 1, 2], [0.5_f32; 4].iter()).unwrap();
    // It begins and predicts once, and from then on only says that it is done.
    let copy = format!("[ $n -gt 2 ] || {{ {}; }}", copying(&half));
    let network = network("n=0", &format!("n=$((n+1)); {copy}; echo '{{}}'"));
    let image = Array3::zeros((1, 1, 2));
    let predicted = network.predict(&image).unwrap();
    assert_eq!(predicted.probabilities[[1, 0, 0, 1]], 0.5);
    let problem = problem_of(network.predict(&image));
    assert!(
        problem.contains("predict: expected the file /"),
        "{problem}"
    );
    assert!(
        problem.ends_with("probabilities.npy, the program wrote none"),
        "{problem}"
    );
    // Nor is what another run left the weights of this one.
    let weights = folder.path().join("a.weights");
    fs::write(weights.with_extension("partial"), "older").unwrap();
    let problem = problem_of(network.save(&weights));
    assert!(
        problem.ends_with("a.partial, the program wrote none"),
        "{problem}"
    );
    assert!(!weights.exists());
}

#[test]
fn probabilities_that_do_not_add_up_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("p.npy");
    let network = network(":", &format!("{}; echo '{{}}'", copying(&file)));
    let predict = |values: [f32; 4]| {
        npy::write(&file, &[2, 1, 1, 2], values.iter()).unwrap();
        network.predict(&Array3::zeros((1, 1, 2)))
    };
    assert!(predict([0.3, 0.5, 0.705, 0.5]).is_ok());
    let problem = problem_of(predict([0.5, 0.25, 0.5, 0.25]));
    assert!(
        problem.ends_with(
            "probabilities.npy: expected probabilities whose sum over the classes is 1, got 0.5 at \
             voxel [0, 0, 1]; divide them by their sum, or take the softmax over axis 0"
        ),
        "{problem}"
    );
}

#[test]
fn an_error_of_several_lines_is_one() {
    let network = network(
        ":",
        r#"printf '%s\n' '{"error": "out of memory\n  \nin layer 3\n"}'"#,
    );
    let problem = problem_of(network.predict(&Array3::zeros((1, 1, 2))));
    assert!(
        problem.ends_with("begin: out of memory; in layer 3"),
        "{problem}"
    );
}
