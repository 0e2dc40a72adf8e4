use super::*;
use ndarray::s;

/// Eight slices of 6 × 6 voxels. Slices 2, 4 and 6 are asked for; 2 has a draft of classes 1 and 2 in
/// halves, the others are empty. Slice 0 was drawn before, in round 1.
struct Play {
    handed_out: Array3<u8>,
    values: Array3<i32>,
    before: BTreeMap<usize, u32>,
    told: Told,
}

fn classes() -> Vec<String> {
    ["background", "cyst", "wall"].map(str::to_owned).to_vec()
}

impl Play {
    fn new() -> Self {
        let mut handed_out = Array3::zeros((8, 6, 6));
        handed_out.slice_mut(s![2, ..3, ..]).fill(1);
        handed_out.slice_mut(s![2, 3.., ..]).fill(2);
        handed_out.slice_mut(s![0, 0, ..]).fill(1);
        Self {
            values: handed_out.mapv(i32::from),
            handed_out,
            before: BTreeMap::from([(0, 1)]),
            told: Told::default(),
        }
    }

    fn check(&self) -> Result<Found, String> {
        let returned = Returned {
            classes: &classes(),
            file: Path::new("labels.nii.gz"),
            values: self.values.clone(),
            handed_out: &self.handed_out,
            asked: &[2, 4, 6],
            drawn_before: &self.before,
        };
        check(&returned, &self.told).map_err(|error| error.to_string())
    }

    fn refused(&self, expected: &str) {
        let error = self.check().unwrap_err();
        assert!(error.starts_with("labels.nii.gz: expected "), "{error}");
        assert!(error.contains(expected), "{error}");
        assert!(!error.contains('\n'));
    }
}

#[test]
fn the_file_as_handed_out_answers_nothing() {
    let found = Play::new().check().unwrap();
    assert!(found.untouched && found.accepted.is_empty());
    let pending = [
        (2, Pending::Draft),
        (4, Pending::Empty),
        (6, Pending::Empty),
    ];
    assert_eq!(found.pending, pending);
}

#[test]
fn drawn_slices_are_taken_and_a_dab_of_done_confirms() {
    let mut play = Play::new();
    // The draft is right; slice 4 is drawn, in part unsure; slice 6 is empty.
    play.values[[2, 5, 5]] = 4;
    play.values.slice_mut(s![4, 1, ..]).fill(2);
    play.values[[4, 0, 0]] = 3;
    play.values[[6, 0, 0]] = 4;
    let found = play.check().unwrap();
    assert!(!found.untouched && found.pending.is_empty());
    assert_eq!(
        found.accepted.keys().copied().collect::<Vec<_>>(),
        [2, 4, 6]
    );
    assert_eq!(found.accepted[&2][[5, 5]], 0, "the dab becomes background");
    assert_eq!(found.accepted[&2][[5, 4]], 2);
    assert_eq!(found.accepted[&4][[0, 0]], IGNORE);
    assert_eq!(found.accepted[&4][[1, 3]], 2);
    assert!(found.accepted[&6].iter().all(|&class| class == 0));
    assert!(found.replaced.is_empty());
}

#[test]
fn an_empty_slice_is_told_or_waits() {
    let mut play = Play::new();
    // The draft is erased; that alone may be a slip.
    play.values.slice_mut(s![2, .., ..]).fill(0);
    assert_eq!(play.check().unwrap().pending[0], (2, Pending::Empty));
    play.told.empty = BTreeSet::from([2, 4]);
    let found = play.check().unwrap();
    assert_eq!(found.accepted.len(), 2);
    assert_eq!(found.pending, [(6, Pending::Empty)]);
    // A draft that was not looked at is wrong where the slice is said to be empty.
    let mut untouched = Play::new();
    untouched.told.empty = BTreeSet::from([2]);
    let found = untouched.check().unwrap();
    assert!(!found.untouched);
    assert!(found.accepted[&2].iter().all(|&class| class == 0));
    play.values[[4, 1, 1]] = 1;
    play.refused("slice 4 (ITK-SNAP 5) to be empty, as --empty says, got 1 drawn voxels");
}

#[test]
fn slices_that_nobody_asked_for_are_strays_or_set_aside() {
    let mut play = Play::new();
    play.values.slice_mut(s![3, ..3, ..]).fill(1);
    play.values.slice_mut(s![5, 0, ..2]).fill(1);
    play.values.slice_mut(s![7, ..4, ..5]).fill(1);
    let found = play.check().unwrap();
    assert_eq!(found.stray, [(3, 18), (5, 2), (7, 20)]);
    assert!(found.set_aside.is_empty());
    play.values.slice_mut(s![7, ..4, ..]).fill(1);
    let found = play.check().unwrap();
    assert_eq!(found.set_aside, [(7, 24)]);
    assert!(found.accepted.is_empty());
    play.told.also = BTreeSet::from([7]);
    let found = play.check().unwrap();
    assert_eq!(found.accepted.keys().copied().collect::<Vec<_>>(), [7]);
    assert!(found.set_aside.is_empty());
}

#[test]
fn an_earlier_answer_that_changed_is_a_new_version() {
    let mut play = Play::new();
    play.values[[0, 5, 5]] = 2;
    let found = play.check().unwrap();
    assert_eq!(found.replaced, [(0, 1)]);
    assert_eq!(found.accepted[&0][[5, 5]], 2);
}

#[test]
fn unknown_values_are_refused_unless_told_what_they_are() {
    let mut play = Play::new();
    play.values.slice_mut(s![4, 0, ..]).fill(9);
    play.values[[5, 0, 0]] = 7;
    play.refused(
        "label values 0 background, 1 cyst, 2 wall, 3 unsure, 4 done, got 9 in 6 voxels, the first on slice \
         4 (ITK-SNAP 5); paint them with one of these, or say what they are with --map 9=CLASS",
    );
    play.told.map = BTreeMap::from([(9, 1), (7, 0)]);
    assert_eq!(play.check().unwrap().accepted[&4][[0, 0]], 1);
    play.told.map = BTreeMap::from([(9, 77), (7, 0)]);
    play.refused("got 9 in 6 voxels");
    play.values[[5, 0, 0]] = -1;
    play.told.map = BTreeMap::from([(9, 1)]);
    play.refused("got -1 in 1 voxels");
}

#[test]
fn values_in_another_order_are_noticed() {
    let mut play = Play::new();
    play.values = play.values.mapv(|value| [0, 2, 1][value as usize]);
    play.refused(
        "but they look renumbered (1 lies on wall, 2 lies on cyst), as 3D Slicer does when it exports by the \
         order of segments; import with --map 1=2,2=1",
    );
    play.told.map = BTreeMap::from([(1, 2), (2, 1)]);
    assert!(play.check().unwrap().untouched);
    // A draft that was corrected much is no renumbering.
    let mut play = Play::new();
    play.values.slice_mut(s![2, 2.., ..]).fill(1);
    assert_eq!(play.check().unwrap().accepted.len(), 1);
    // Unknown values whose order says what they are.
    let mut play = Play::new();
    play.values = play.values.mapv(|value| 10 * value);
    play.refused("import with --map 10=1,20=2");
}

#[test]
fn a_class_that_both_neighbours_have_is_missed() {
    let mut play = Play::new();
    play.values.slice_mut(s![2, 0, ..]).fill(0);
    play.values.slice_mut(s![4, 0, ..]).fill(2);
    play.values.slice_mut(s![6, 0, ..]).fill(1);
    let found = play.check().unwrap();
    assert_eq!(found.warnings.len(), 1, "{:?}", found.warnings);
    let expected = "warning: slice 4 (ITK-SNAP 5) has no cyst, which slices 2 and 6 have";
    assert!(
        found.warnings[0].starts_with(expected),
        "{:?}",
        found.warnings
    );
    // Who says unsure has said enough.
    play.values[[4, 5, 5]] = 3;
    assert!(play.check().unwrap().warnings.is_empty());
}
