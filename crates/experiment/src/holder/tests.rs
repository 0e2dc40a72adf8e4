use super::*;

fn ours(path: &Path) -> (Holder, Option<String>) {
    match Holder::take(path).unwrap() {
        Taken::Ours { holder, before } => (holder, before),
        Taken::Theirs(name) => panic!("held by {name}"),
    }
}

/// Writes the file of a holder on another host that was renewed so long ago.
fn elsewhere(path: &Path, age: Duration) -> String {
    let text =
        r#"{"host":"far","space":"another","process":7,"started":8,"serial":0,"since":1764000000}"#;
    fs::write(path, text).unwrap();
    let file = File::options().write(true).open(path).unwrap();
    file.set_modified(SystemTime::now() - age).unwrap();
    text.to_owned()
}

#[test]
fn one_of_many_gets_it_and_the_next_gets_it_after() {
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("x.holder");
    let taken: Vec<Option<Holder>> = thread::scope(|scope| {
        let takers = [0; 8].map(|_| scope.spawn(|| Holder::take(&path).unwrap()));
        let taken = takers.map(|taker| match taker.join().unwrap() {
            Taken::Ours { holder, before } => {
                assert_eq!(before, None);
                Some(holder)
            }
            Taken::Theirs(name) => {
                let expected = format!("process {} on ", std::process::id());
                assert!(name.starts_with(&expected), "{name}");
                None
            }
        });
        taken.into()
    });
    assert_eq!(taken.iter().flatten().count(), 1);
    assert!(live(&path).is_some());
    drop(taken);
    assert_eq!(fs::read_dir(scratch.path()).unwrap().count(), 0);
    let (holder, before) = ours(&path);
    assert_eq!(before, None);
    holder.check().unwrap();
}

#[test]
fn a_dead_one_is_taken_over_by_one() {
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("x.holder");
    elsewhere(&path, TAKEOVER + Duration::from_secs(1));
    assert!(live(&path).is_none());
    let got: Vec<Taken> = thread::scope(|scope| {
        let takers = [0; 8].map(|_| scope.spawn(|| Holder::take(&path).unwrap()));
        takers.map(|taker| taker.join().unwrap()).into()
    });
    let before = got.iter().filter_map(|taken| match taken {
        Taken::Ours { before, .. } => Some(before.clone()),
        Taken::Theirs(_) => None,
    });
    let name = "process 7 on far, since 2025-11-24 16:00:00 UTC".to_owned();
    assert_eq!(before.collect::<Vec<_>>(), [Some(name)]);
    drop(got);
    assert_eq!(fs::read_dir(scratch.path()).unwrap().count(), 0);

    // One of this host is dead at once if its process is gone.
    let (holder, _) = ours(&path);
    let mut gone = holder.shared.holding.clone();
    drop(holder);
    gone.place.process = u32::MAX;
    fs::write(&path, serde_json::to_string(&gone).unwrap()).unwrap();
    assert!(live(&path).is_none());
    assert_eq!(ours(&path).1, Some(gone.to_string()));
}

#[test]
fn one_of_another_host_that_is_renewed_is_left_alone_and_a_silent_one_waited_for() {
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("x.holder");
    elsewhere(&path, Duration::from_secs(30));
    assert!(live(&path).is_some());
    let renewed = thread::scope(|scope| {
        let taker = scope.spawn(|| Holder::take(&path).unwrap());
        thread::sleep(2 * LOOK);
        assert!(!taker.is_finished(), "it may be dead");
        elsewhere(&path, Duration::ZERO);
        taker.join().unwrap()
    });
    assert!(matches!(renewed, Taken::Theirs(name) if name.starts_with("process 7 on far")));
    elsewhere(&path, TAKEOVER - LOOK);
    let (_holder, before) = ours(&path);
    assert!(before.is_some_and(|name| name.starts_with("process 7 on far")));
}

#[test]
fn renewals_say_how_far_it_is_and_whoever_lost_it_knows() {
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("x.holder");
    let (holder, _) = ours(&path);
    holder.note_steps(40);
    holder.note_steps(52);
    holder.shared.renew();
    let found = live(&path).unwrap().holding.unwrap();
    assert_eq!(found.steps, Some((40, 52)));
    assert!(found.is(&holder.shared.holding));
    let text = elsewhere(&path, Duration::ZERO);
    let error = holder.check().unwrap_err().to_string();
    assert!(
        error.contains("another process has taken this over"),
        "{error}"
    );
    assert!(holder.is_lost());
    holder.shared.renew();
    drop(holder);
    assert_eq!(fs::read_to_string(&path).unwrap(), text, "theirs stays");
}

#[test]
fn a_file_that_says_nothing_is_dead_when_it_is_old() {
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("sweep.lock");
    fs::write(
        &path,
        "process 1 on elsewhere, since 2026-01-02 03:04:05 UTC\n",
    )
    .unwrap();
    let file = File::options().write(true).open(&path).unwrap();
    file.set_modified(SystemTime::now() - 2 * TAKEOVER).unwrap();
    let before = ours(&path).1.unwrap();
    assert_eq!(
        before,
        "process 1 on elsewhere, since 2026-01-02 03:04:05 UTC"
    );
}
