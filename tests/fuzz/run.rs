//! The run of a target: feeds inputs and records findings.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook};
use std::sync::{Mutex, PoisonError};

use windlass_core::clock::Clock;

use crate::draw::Draw;
use crate::meter::{GROWTH_BYTES, GROWTH_FACTOR, Meter};
use crate::report::{Finding, Kind, TargetReport};
use crate::target::Target;

/// Findings stored per target; the rest is counted.
const FINDINGS_MAX: usize = 5;

/// Location of the last panic.
static LAST_PANIC: Mutex<String> = Mutex::new(String::new());

/// Suppresses the printing of panics: they are findings, and printed as such.
pub(crate) fn keep_panics_quiet() {
    set_hook(Box::new(|info| {
        let place = info.location().map(ToString::to_string);
        *LAST_PANIC.lock().unwrap_or_else(PoisonError::into_inner) = place.unwrap_or_default();
    }));
}

/// Feeds `inputs` inputs to `target`, made from `seed` and the numbers after it, and calls
/// `goes_on` after each with the count so far; ends once it returns false.
pub(crate) fn run(
    target: &dyn Target,
    inputs: u64,
    seed: u64,
    clock: &dyn Clock,
    goes_on: impl Fn(u64) -> bool,
) -> TargetReport {
    let mut report = TargetReport::new(target.name());
    let began = clock.now();
    for number in 0..inputs {
        feed(target, seed.wrapping_add(number), &mut report);
        if !goes_on(report.inputs) {
            break;
        }
    }
    report.ms = clock.now().ms_since(began);
    report
}

/// Feeds the input of `seed`.
fn feed(target: &dyn Target, seed: u64, report: &mut TargetReport) {
    let input = target.input(&mut Draw::of(seed));
    let mut meter = Meter::default();
    let outcome = catch_unwind(AssertUnwindSafe(|| target.check(&input, &mut meter)));
    report.inputs += 1;
    report.grown_max = report.grown_max.max(meter.grown);
    let mut find = |kind, problem: String| {
        let count = match kind {
            Kind::Panic => &mut report.panics,
            Kind::Memory => &mut report.over_memory,
            Kind::Property => &mut report.failures,
        };
        *count += 1;
        if report.findings.len() < FINDINGS_MAX {
            report.findings.push(Finding {
                kind,
                problem,
                seed,
                input: input.clone(),
            });
        }
    };
    match outcome {
        Ok(Ok(())) => {}
        Ok(Err(problem)) => find(Kind::Property, problem),
        Err(panic) => find(Kind::Panic, words(panic.as_ref())),
    }
    if meter.is_over(input.size()) {
        let problem = format!(
            "needed {} bytes of memory, more than {GROWTH_FACTOR} times its own {} and \
             {GROWTH_BYTES}",
            meter.grown,
            input.size()
        );
        find(Kind::Memory, problem);
    }
}

/// The message of a panic, with its location.
fn words(panic: &(dyn Any + Send)) -> String {
    let said = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("without words");
    let place = LAST_PANIC.lock().unwrap_or_else(PoisonError::into_inner);
    format!("panicked at {place}: {said}")
}
