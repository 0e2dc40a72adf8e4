use super::*;
use slicewise_experiment::place;

fn run(index: usize, state: State, steps: (usize, usize)) -> IndexedRun {
    let run = Run {
        task: slicewise_data::Task::BRAIN_EXTRACTION,
        model: "unet".to_owned(),
        strategy: "random".to_owned(),
        seed: index as u64,
        fold: None,
    };
    IndexedRun {
        index,
        run,
        after: None,
        state,
        rounds: (0, 1),
        steps,
    }
}

fn held(since: i64, steps: Option<(usize, usize)>) -> Option<Holding> {
    let place = serde_json::to_value(place::here()).unwrap();
    let mut holding = place.as_object().unwrap().clone();
    holding.insert("serial".to_owned(), 0.into());
    holding.insert("since".to_owned(), since.into());
    holding.insert("steps".to_owned(), serde_json::to_value(steps).unwrap());
    Some(serde_json::from_value(holding.into()).unwrap())
}

#[test]
fn a_sweep_at_work_says_how_far_how_fast_and_how_long() {
    let at_work = |since, renewed, steps| State::AtWork {
        holding: held(since, steps),
        renewed,
    };
    let failed = |why: &str| State::Failed {
        why: why.to_owned(),
        attempts: 2,
    };
    let runs = vec![
        run(0, State::Done, (100, 100)),
        // 40 steps in 20 s.
        run(1, at_work(1000, 1020, Some((10, 50))), (0, 100)),
        run(2, at_work(1000, 1020, None), (0, 100)),
        run(3, State::Waiting, (0, 100)),
        run(4, failed("disk is full (a.log)"), (0, 100)),
    ];
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1065);
    let status = status_of("small".to_owned(), Path::new("out"), runs, now);
    assert_eq!(
        (status.done, status.waiting, status.steps),
        (1, 1, (150, 400))
    );
    assert_eq!(
        (status.steps_per_s, status.left_s),
        (Some(2.0), Some(125.0))
    );
    let text = lines(&status);
    let host = &place::here().host;
    let process = std::process::id();
    let names: Vec<String> = status
        .at_work
        .iter()
        .map(|run| run.run.to_string())
        .collect();
    let expected = format!(
        "small in out: 1 of 5 runs done, 2 at work, 1 waiting, 1 failed\n\
         steps    150 of 400; about 2 minutes left at 2.0 steps a second\n\
         at work  {}: 50 of 100 steps, 2.00 steps/s, process {process} on {host}, since \
         1970-01-01 00:16:40 UTC, not heard of for 45 s\n\
         at work  {}: 0 of 100 steps, process {process} on {host}, since 1970-01-01 00:16:40 UTC, not heard \
         of for 45 s\n\
         failed   {}: disk is full (a.log), 2 times\n",
        names[0], names[1], status.failed[0].run
    );
    assert_eq!(text, expected);
}

#[test]
fn a_sweep_that_nobody_goes_on_with_says_so() {
    let runs = vec![run(0, State::Waiting, (30, 100))];
    let status = status_of(
        "small".to_owned(),
        Path::new("out"),
        runs,
        SystemTime::now(),
    );
    assert_eq!(
        lines(&status),
        "small in out: 0 of 1 runs done, 0 at work, 1 waiting, 0 failed\n\
         steps    30 of 100; nobody is at work\n"
    );
}
