//! Tests the members of a committee that are networks of their own.

use super::dispatch::{trained, volume};
use super::*;
use slicewise_core::Wanted;

#[test]
fn members_are_networks_of_other_seeds_and_leave_the_network_as_it_was() {
    let (mut segmenter, _) = trained(Device::Cpu, Dispatch::for_device(Device::Cpu, numerics()));
    segmenter.committee = Some(CommitteeConfig {
        passes: 0,
        last_weights: false,
        seeds: 2,
        ..CommitteeConfig::default()
    });
    let (image, labels) = volume();
    let annotated: Vec<bool> = (0..12).map(|z| z % 3 == 1).collect();
    let case = TrainingCase {
        image: &image,
        labels: &labels,
        annotated: &annotated,
    };
    let wanted = Wanted {
        committee: Some(1),
        ..Wanted::default()
    };
    let before = segmenter.predict(&image).unwrap().probabilities;
    let problem = segmenter.predict_with(&image, wanted).unwrap_err();
    let problem = problem.to_string();
    assert!(
        problem.contains("committee.seeds: expected 2 trained members, got 0"),
        "{problem}"
    );
    let mut members_of = |seed: u64| {
        let mut steps = 0;
        segmenter
            .train_members(&[case], 3, seed, &mut || {
                steps += 1;
                ControlFlow::Continue(())
            })
            .unwrap();
        assert_eq!(steps, 6);
        let prediction = segmenter.predict_with(&image, wanted).unwrap();
        assert_eq!(prediction.probabilities, before);
        prediction.members
    };
    let members = members_of(9);
    assert_eq!(members.len(), 2);
    assert_ne!(members[0], members[1]);
    assert_ne!(members[0], before);
    assert_eq!(members, members_of(9));
    assert_ne!(members, members_of(10));
    // Who asks no committee asks no member.
    assert!(segmenter.predict(&image).unwrap().members.is_empty());
    // A break ends the training of all.
    let mut steps = 0;
    segmenter
        .train_members(&[case], 3, 9, &mut || {
            steps += 1;
            ControlFlow::Break(())
        })
        .unwrap();
    assert_eq!((steps, segmenter.members.len()), (1, 0));
}

/// Those of [`trained`].
fn numerics() -> Numerics {
    let training = TrainingConfig {
        precision: Precision::Float32,
        memory_format: MemoryFormat::Contiguous,
        ..TrainingConfig::default()
    };
    Numerics::new(&training, Device::Cpu)
}
