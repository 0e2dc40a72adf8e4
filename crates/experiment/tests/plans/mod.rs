//! Tests which rounds a plan has, what is wrong with a plan, and which runs a sweep has.

use super::*;
use serde_json::{Value, json};

/// Reads a plan with these keys, as it stands in the YAML.
fn plan_of(keys: &Value) -> Result<TaskPlan, String> {
    let mut plan = json!({"first_every": 8});
    for (key, value) in keys.as_object().unwrap() {
        plan[key] = value.clone();
    }
    serde_json::from_value(plan).map_err(|error| error.to_string())
}

/// Each round of a strategy as ratio, the chain's steps, further steps, whether it is evaluated.
fn rounds(plan: &TaskPlan, strategy: &str) -> Vec<(f64, usize, usize, bool)> {
    let rounds = plan.rounds(strategy);
    assert!(rounds.iter().map(|round| round.number).is_sorted());
    rounds
        .iter()
        .map(|round| {
            (
                round.ratio,
                round.steps,
                round.evaluation_steps,
                round.evaluated,
            )
        })
        .collect()
}

#[test]
fn the_chain_spends_the_budget_in_equal_parts_and_each_point_has_all_of_it() {
    let plan = plan_of(&json!({
        "steps": {"budget": 101},
        "report_at": [0.25, 0.5, 1.0],
        "strategies": ["random"]
    }));
    let plan = plan.unwrap();
    assert_eq!(rounds(&plan, "first"), [(0.125, 51, 50, true)]);
    let expected = [
        (0.25, 16, 34, true),
        (0.5, 17, 17, true),
        (1.0, 17, 0, true),
    ];
    assert_eq!(rounds(&plan, "random"), expected);
    assert_eq!(rounds(&plan, "full"), [(1.0, 101, 0, true)]);
}

#[test]
fn strategies_with_rounds_of_their_own_have_the_same_budget() {
    let plan = plan_of(&json!({
        "steps": {"budget": 100, "first": 40},
        "strategies": {"random": [0.25, 0.5], "uncertainty": [0.25, 0.375, 0.5]}
    }));
    let plan = plan.unwrap();
    assert_eq!(
        rounds(&plan, "random"),
        [(0.25, 30, 30, true), (0.5, 30, 0, true)]
    );
    assert_eq!(
        rounds(&plan, "uncertainty"),
        [
            (0.25, 20, 40, true),
            (0.375, 20, 20, true),
            (0.5, 20, 0, true)
        ]
    );
}

#[test]
fn queries_in_between_are_not_evaluated_and_none_is_made_twice() {
    let plan = |query_every: f64| {
        let plan = plan_of(&json!({
            "steps": {"budget": 100, "first": 40, "round": 5},
            "report_at": [0.25, 0.4],
            "query_every": query_every,
            "strategies": ["random"]
        }));
        plan.unwrap()
    };
    // The grid 0.1875, 0.25, 0.3125, 0.375 meets the first reported ratio, and not the second.
    let expected = [
        (0.1875, 5, 0, false),
        (0.25, 5, 50, true),
        (0.3125, 5, 0, false),
        (0.375, 5, 0, false),
        (0.4, 5, 35, true),
    ];
    assert_eq!(rounds(&plan(0.0625), "random"), expected);
    // Larger than the distances between the reported ratios: nothing lies in between.
    let expected = [(0.25, 5, 55, true), (0.4, 5, 50, true)];
    assert_eq!(rounds(&plan(0.5), "random"), expected);
}

#[test]
fn without_a_budget_full_annotation_is_evaluated_at_each_number_of_steps() {
    let plan = plan_of(&json!({
        "steps": {"first": 500, "round": 500},
        "strategies": {"random": [0.25, 0.5], "attention-guided": [0.2, 0.3, 0.4]}
    }));
    let plan = plan.unwrap();
    assert_eq!(rounds(&plan, "first"), [(0.125, 500, 0, true)]);
    let expected = [(0.25, 500, 0, true), (0.5, 500, 0, true)];
    assert_eq!(rounds(&plan, "random"), expected);
    // 500, 1000, 1500 and 2000 steps, in one run.
    assert_eq!(rounds(&plan, "full"), [(1.0, 500, 0, true); 4]);
    // Rounds that are not evaluated add none.
    let queried = plan_of(&json!({
        "steps": {"first": 10, "round": 12},
        "report_at": [0.25, 0.5],
        "query_every": 0.0625,
        "strategies": ["random"]
    }));
    let stops: Vec<usize> = queried
        .unwrap()
        .rounds("full")
        .iter()
        .map(|r| r.steps)
        .collect();
    assert_eq!(stops, [10, 24, 48], "at 10, 34 and 82 steps");
}

#[test]
fn a_plan_says_what_is_wrong_with_it() {
    let task = Task::TISSUE_SEGMENTATION;
    assert_eq!(task_plan().problem(task), None);
    let says = |keys: Value, expected: &str| {
        let problem = plan_of(&keys).unwrap().problem(task).unwrap();
        assert_eq!(problem, format!("tasks.tissue-segmentation.{expected}"));
    };
    let with =
        |steps: Value| json!({"steps": steps, "report_at": [0.25, 0.5], "strategies": ["random"]});
    says(
        json!({"steps": {"budget": 9}, "first_every": 1}),
        "first_every: expected 2 or more, got 1",
    );
    for key in ["budget", "first", "round", "checkpoint_every"] {
        let mut steps = json!({"budget": 9, "first": 3, "round": 3, "checkpoint_every": 1});
        steps[key] = json!(0);
        let expected = format!("steps.{key}: expected 1 to 1000000000, got 0");
        says(with(steps), &expected);
    }
    says(
        with(json!({"budget": 1_000_000_001})),
        "steps.budget: expected 1 to 1000000000, got 1000000001",
    );
    says(
        with(json!({"budget": 9, "first": 4, "round": 3})),
        "steps.budget: expected at least the 10 steps that the rounds of random train, got 9",
    );
    says(
        with(json!({"budget": 9, "first": 10})),
        "steps.budget: expected at least the 10 steps that the rounds of first train, got 9",
    );
    says(
        with(json!({"budget": 11, "first": 10})),
        "steps.budget: expected enough steps for every round, got none for ratio 0.25 of random",
    );
    let none = "expected a number of steps, or a budget for every evaluated point, got none";
    says(with(json!({"first": 10})), &format!("steps.round: {none}"));
    says(with(json!({"round": 10})), &format!("steps.first: {none}"));
    says(
        json!({"steps": {"first": 10, "round": 10}}),
        &format!("steps.budget: {none}"),
    );
    says(
        json!({"steps": {"budget": 9}, "strategies": ["random"]}),
        "report_at: expected the ratios at which the strategies are evaluated, got none",
    );
    says(
        json!({"steps": {"budget": 9}, "strategies": ["random"], "report_at": [0.5, 0.25]}),
        "report_at: expected ratios that rise from above 0.1250 (every 8th slice), got 0.25 after \
         0.5000",
    );
    says(
        json!({"steps": {"budget": 9}, "strategies": {"random": [0.125]}}),
        "strategies.random: expected ratios that rise from above 0.1250 (every 8th slice), got \
         0.125 after 0.1250",
    );
    says(
        json!({
            "steps": {"budget": 9}, "strategies": ["random"], "report_at": [0.5],
            "query_every": 1e-300
        }),
        &format!("query_every: expected 0.001 or more, got {}", 1e-300),
    );
    says(
        json!({
            "steps": {"budget": 9}, "strategies": ["random"], "report_at": [0.5],
            "first_seed_only": ["uncertainty"]
        }),
        "first_seed_only: expected some of the task's strategies, got uncertainty",
    );
    says(
        json!({"steps": {"budget": 9}, "stop": {"sigma": -1.0}}),
        "stop.sigma: expected a number from 0, got -1",
    );
}

#[test]
fn strategies_are_a_list_of_names_or_names_with_ratios() {
    let read = |strategies: Value| {
        let plan = plan_of(&json!({"steps": {"budget": 9}, "strategies": strategies}));
        plan.map(|plan| serde_json::to_value(plan.strategies).unwrap())
    };
    let list = json!(["equal-interval", "random"]);
    assert_eq!(read(list.clone()), Ok(list));
    let map = json!({"random": [0.25, 0.5]});
    assert_eq!(read(map.clone()), Ok(map));
    for (strategies, expected) in [
        (
            json!(["random", "random"]),
            "expected each strategy once, got random twice",
        ),
        (
            json!({"random": []}),
            "expected at least one ratio for random, got none",
        ),
        (json!(["randon"]), "did you mean \"random\"?"),
        (
            json!("random"),
            "expected a list of strategies, or strategies each with a list of ratios",
        ),
        (json!({"random": [1.5]}), "expected a ratio in (0, 1]"),
    ] {
        let message = read(strategies).unwrap_err();
        assert!(message.contains(expected), "{message}");
    }
}

#[test]
fn runs_are_the_product_with_first_rounds_first() {
    let plans = BTreeMap::from([(Task::TISSUE_SEGMENTATION, task_plan())]);
    let strategies = slicewise_strategies::STRATEGIES.len();
    for (folds, times) in [(None, 1), (Some(3), 3)] {
        let runs = plan::runs(&plans, &["m".to_owned()], &[1, 2], folds);
        assert_eq!(runs.len(), times * 2 * (2 + strategies));
        for run in &runs {
            assert_eq!(run.fold.is_some(), folds.is_some());
            if let Some(first) = run.forks_from() {
                assert_eq!((first.seed, first.fold), (run.seed, run.fold));
                let place = |wanted: &Run| runs.iter().position(|run| run == wanted);
                assert!(place(&first).unwrap() < place(run).unwrap());
            }
        }
        // Every fold of a seed has randomness and files of its own.
        let mut seeds: Vec<u64> = runs.iter().map(Run::root_seed).collect();
        seeds.sort_unstable();
        seeds.dedup();
        assert_eq!(seeds.len(), 2 * times);
        let folder = ResultsFolder::new("out");
        let mut files: Vec<_> = runs.iter().map(|run| folder.records(run)).collect();
        files.sort();
        files.dedup();
        assert_eq!(files.len(), runs.len());
    }
}

#[test]
fn a_strategy_can_have_runs_of_the_first_seed_alone() {
    let mut plan = task_plan();
    plan.first_seed_only = vec![StrategyName("uncertainty".to_owned())];
    let plans = BTreeMap::from([(Task::TISSUE_SEGMENTATION, plan)]);
    let runs = plan::runs(&plans, &["m".to_owned()], &[7, 2, 3], Some(2));
    let of = |name: &str| {
        let runs = runs.iter().filter(|run| run.strategy == name);
        runs.map(|run| (run.seed, run.fold.unwrap()))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        of("uncertainty"),
        [(7, 1), (7, 2)],
        "the first seed of the list"
    );
    assert_eq!(of("random").len(), 6);
}
