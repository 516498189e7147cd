//! The fuzzer at a small size, and its detection of deliberate faults.

use std::sync::{Mutex, PoisonError};

use super::*;
use crate::draw::Draw;
use crate::input::Input;
use crate::meter::Meter;
use crate::target::Target;

/// Memory is counted for the whole process, so tests that measure it run one after the other.
static ONE_TEST: Mutex<()> = Mutex::new(());

fn alone<T>(work: impl FnOnce() -> T) -> T {
    let _one_test = ONE_TEST.lock().unwrap_or_else(PoisonError::into_inner);
    run::keep_panics_quiet();
    work()
}

/// The report of so many inputs over all targets, stopped after `stops_after`.
fn fuzzed(inputs: u64, stops_after: u64) -> Report {
    let inputs = format!("--inputs={inputs}");
    let options = Options::parse_from(["fuzz", &inputs]);
    fuzz(&options, |done| done < stops_after)
}

#[test]
fn damaged_inputs_break_no_property() {
    let report = alone(|| fuzzed(20_000, u64::MAX));
    // Reported with the seeds, and not by this thread's panic alone.
    assert!(report.is_clean(), "{report}\n{}", report.findings());
    assert!(report.targets.iter().all(|it| it.inputs > 0), "{report}");
}

#[test]
fn input_follows_seed() {
    for target in target::all() {
        let input = |seed| target.input(&mut Draw::of(seed));
        assert_eq!(input(7), input(7), "{}", target.name());
        let others = (8..40).filter(|seed| input(*seed) != input(7)).count();
        assert!(others > 16, "{}: {others}", target.name());
    }
}

/// A target with the fault that its input names.
struct Broken;

impl Target for Broken {
    fn name(&self) -> &'static str {
        "broken"
    }

    fn share(&self) -> u64 {
        1
    }

    fn input(&self, draw: &mut Draw) -> Input {
        Input::new([("what", vec![b"pmf."[draw.below(4)]])])
    }

    fn check(&self, input: &Input, meter: &mut Meter) -> Result<(), String> {
        match input.bytes("what") {
            b"p" => panic!("as the input says"),
            b"m" => {
                let grown = meter.watch(|| vec![1_u8; 2 * meter::GROWTH_BYTES]);
                target::expect(grown.len() > 1, || "nothing".to_owned())
            }
            b"f" => Err("as the input says".to_owned()),
            _ => Ok(()),
        }
    }
}

#[test]
fn each_kind_of_finding_is_reported_with_seed() {
    let found = alone(|| run::run(&Broken, 100, 1, &SystemClock, |_| true));
    assert!(found.panics > 0 && found.over_memory > 0 && found.failures > 0);
    let fine = found.inputs - found.panics - found.over_memory - found.failures;
    assert!(fine > 0, "{found:?}");
    let first = found.findings.first().unwrap().seed;
    let again = alone(|| run::run(&Broken, 1, first, &SystemClock, |_| true));
    assert_eq!(again.findings.len(), 1, "the seed makes the finding again");
    let report = Report {
        targets: vec![found.clone()],
        interrupted: false,
    };
    assert!(!report.is_clean());
    let said = report.findings();
    assert!(said.contains("as the input says"), "{said}");
    assert!(
        said.contains(&format!(
            "--bin fuzz -- --target broken --seed {first} --inputs 1\n"
        )),
        "{said}"
    );
    let json = report.json();
    assert_eq!(json["panics"], found.panics);
    assert_eq!(json["over_memory"], found.over_memory);
    assert_eq!(json["failures"], found.failures);
    assert_eq!(json["by_target"]["broken"]["inputs"], 100);
}

#[test]
fn interrupted_run_reports_inputs_so_far() {
    let report = alone(|| fuzzed(5_000, 1_000));
    assert!(report.interrupted);
    let fed: u64 = report.targets.iter().map(|target| target.inputs).sum();
    assert_eq!(fed, 1_000);
    assert_eq!(report.json()["interrupted"], true);
    assert!(report.to_string().contains("interrupted"), "{report}");
}

#[test]
fn every_target_is_found_by_name() {
    let names: Vec<_> = target::all().iter().map(|target| target.name()).collect();
    assert_eq!(names, target::NAMES);
}

#[test]
fn table_fits_eighty_columns() {
    let mut found = alone(|| run::run(&Broken, 1, 1, &SystemClock, |_| true));
    (found.inputs, found.ms, found.grown_max) = (99_999_999, 1_000_000, 99_999_999);
    let report = Report {
        targets: vec![found],
        interrupted: false,
    };
    let table = report.to_string();
    assert!(table.lines().all(|line| line.len() <= 80), "{table}");
}
