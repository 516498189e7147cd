//! Any faults in any order: the window completes, its output has every record once, few requests
//! and deliveries repeat, and a later sweep finds the late-arriving records and no others.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};

use proptest::prelude::*;
use windlass_connectors::http::TransportError;
use windlass_core::{Status, limits};
use windlass_sink::SinkError;
use windlass_sink::failing::{Applied, SinkCall};
use windlass_state::failing::{Fault, Operation};

use super::fake_vendor::{
    Asked, MANIFEST, RECORDS_PER_PAGE, Response, all, names, page_of, response, well,
};
use super::halves::halve;
use super::harness::{Bench, only};
use super::sweeps::{sweep, swept};
use crate::{Deadline, Outcome, Stop};

const PAGES: usize = 5;
/// More runs than any script below can make necessary.
const RUNS_MAX: usize = 120;

#[derive(Debug, Clone, Copy)]
enum VendorFault {
    Outage,
    TimedOut,
    SlowDown,
    Garbage,
    Early,
    RejectsToken,
    Refuses,
}

/// The faults, by the number of the affected call.
#[derive(Debug, Clone)]
struct Script {
    vendor: BTreeMap<usize, VendorFault>,
    sink: BTreeMap<u64, (u8, u8, u8)>,
    /// Faults of the first runs' state writes: run, operation, call, fault.
    state: Vec<(usize, u8, u64, bool)>,
    /// Run and checkpoint at which that run is asked to stop.
    stops: BTreeMap<usize, u64>,
    /// Run and checkpoint at which that run's process dies.
    deaths: BTreeMap<usize, u64>,
    replayable: bool,
}

fn script() -> impl Strategy<Value = Script> {
    use VendorFault::{Early, Garbage, Outage, Refuses, RejectsToken, SlowDown, TimedOut};
    let faults = [
        Outage,
        TimedOut,
        SlowDown,
        Garbage,
        Early,
        RejectsToken,
        Refuses,
    ];
    let vendor = prop::sample::select(faults.to_vec());
    (
        prop::collection::btree_map(1..30_usize, vendor, 0..10),
        prop::collection::btree_map(1..20_u64, (0..3_u8, 0..3_u8, 0..4_u8), 0..5),
        prop::collection::vec((0..6_usize, 0..5_u8, 1..4_u64, any::<bool>()), 0..6),
        prop::collection::btree_map(0..6_usize, 1..4_u64, 0..4),
        prop::collection::btree_map(0..6_usize, 1..4_u64, 0..3),
        any::<bool>(),
    )
        .prop_map(|(vendor, sink, state, stops, deaths, replayable)| Script {
            vendor,
            sink,
            state,
            stops,
            deaths,
            replayable,
        })
}

fn scripted(fault: Option<VendorFault>, asked: &Asked) -> Response {
    use VendorFault::{Early, Garbage, Outage, Refuses, RejectsToken, SlowDown, TimedOut};
    match fault {
        None => well(asked.page, PAGES),
        Some(Outage) => Ok(response(503, &[], "{}")),
        Some(TimedOut) => Err(TransportError::Timeout("scripted".to_owned())),
        Some(SlowDown) => Ok(response(429, &[("retry-after", "600")], "{}")),
        Some(Garbage) => Ok(response(200, &[], "{\"items\":")),
        Some(Early) => well(asked.page, PAGES).map(|mut response| {
            response.headers = [("date", "Thu, 01 Jan 2026 00:59:00 GMT")]
                .into_iter()
                .collect();
            response
        }),
        // On the first page, it would mean that the vendor rejects the parameters.
        Some(RejectsToken) if asked.page > 0 => Ok(response(410, &[], "{}")),
        Some(RejectsToken) => Ok(response(500, &[], "{}")),
        Some(Refuses) => Ok(response(403, &[], "{}")),
    }
}

/// Returns true if a request that meets `fault` is not served.
fn is_refusal(fault: Option<VendorFault>) -> bool {
    use VendorFault::{Refuses, RejectsToken, SlowDown};
    matches!(fault, Some(SlowDown | RejectsToken | Refuses))
}

/// The bench of `script`, whose vendor lists one record more on its last page once `late` is set.
async fn bench(script: &Script, late: &Arc<AtomicBool>) -> Bench {
    let (faults, late) = (script.vendor.clone(), Arc::clone(late));
    let (replayable, scroll) = (script.replayable, AtomicUsize::new(0));
    let vendor = move |asked: &Asked| {
        let fault = faults.get(&asked.number).copied();
        let mut asked = *asked;
        if !replayable && !is_refusal(fault) {
            // Whatever the token, it returns the page after the last one it served.
            if asked.page > 0 {
                asked.page = scroll.load(SeqCst);
            }
            scroll.store(asked.page + 1, SeqCst);
        }
        let asked = &asked;
        if late.load(SeqCst) && asked.page + 1 == PAGES {
            let mut names = names(asked.page);
            names.insert(1, "late".to_owned());
            return Ok(page_of(&names, None));
        }
        scripted(fault, asked)
    };
    let mut setting = swept();
    setting.manifest = MANIFEST.to_owned();
    if !script.replayable {
        setting.manifest = MANIFEST.replace("  replayable: true\n", "");
    }
    let bench = Bench::with(setting, vendor).await;
    for (number, (call, applied, error)) in &script.sink {
        let call = [SinkCall::Open, SinkCall::Write, SinkCall::Finish][usize::from(*call)];
        let applied = [Applied::Nothing, Applied::Half, Applied::All][usize::from(*applied)];
        let (sink, problem) = ("memory".to_owned(), "scripted failure".to_owned());
        let error = match error {
            0 => SinkError::Full { sink, problem },
            1 => SinkError::Refused { sink, problem },
            2 => SinkError::Lost { sink, problem },
            _ => SinkError::Unavailable { sink, problem },
        };
        bench.sink.fail(call, *number, applied, error);
    }
    bench
}

/// Run number `run` of the script, with its stops, deaths and faults of the state.
async fn run(bench: &mut Bench, script: &Script, run: usize) -> Outcome {
    let operations = [
        Operation::Claim,
        Operation::Checkpoint,
        Operation::Complete,
        Operation::Release,
        Operation::Remember,
    ];
    let of_run = script.state.iter().filter(|(at, ..)| *at == run);
    let faults: Vec<_> = of_run
        .map(|(_, operation, call, lost)| (operations[usize::from(*operation)], *call, *lost))
        .collect();
    let (stop_at, death_at) = (
        script.stops.get(&run).copied(),
        script.deaths.get(&run).copied(),
    );
    let stop = Stop::default();
    bench.stop = stop.clone();
    let dead = AtomicBool::new(false);
    let worker = bench.worker_with(move |operation, call| {
        if operation == Operation::Checkpoint && Some(call) == stop_at {
            stop.request();
        }
        // A dead process writes nothing more, and has no use for the vendor's responses.
        if operation == Operation::Checkpoint && Some(call) == death_at {
            dead.store(true, SeqCst);
        }
        if dead.load(SeqCst) {
            return Fault::Refuse;
        }
        match faults
            .iter()
            .find(|(it, at, _)| *it == operation && *at == call)
        {
            Some((_, _, true)) => Fault::LoseResponse,
            Some(_) => Fault::Refuse,
            None => Fault::None,
        }
    });
    only(worker.run(&bench.task().await, Deadline::NONE).await)
}

/// Runs the script until the window is done. Returns the number of runs.
async fn run_until_done(bench: &mut Bench, script: &Script) -> usize {
    let mut page = 0;
    for number in 0..RUNS_MAX {
        let window = bench.window().await;
        assert!(window.page() >= page, "the page went back: {window:?}");
        page = window.page();
        if window.status() == Status::Done {
            return number;
        }
        bench.tick().await;
        if window.split().is_some() {
            // Its left half has as many pages.
            halve(bench).await;
        }
        bench.recover().await;
        bench.mend().await;
        bench.wait_until_due().await;
        let outcome = run(bench, script, number).await;
        let done = bench.window().await.status() == Status::Done;
        assert!(done || outcome != Outcome::Completed);
    }
    panic!("not done after {RUNS_MAX} runs: {:?}", bench.window().await);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_failures_deliver_every_record_once(script in script()) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let late = Arc::new(AtomicBool::new(false));
            let mut bench = bench(&script, &late).await;
            let runs = run_until_done(&mut bench, &script).await;
            prop_assert_eq!(bench.output(), all(PAGES));
            let window = bench.window().await;
            prop_assert_eq!(window.records(), u64::try_from(PAGES * RECORDS_PER_PAGE).unwrap());
            // Each restart requests each page once; each run that stops requests up to two again.
            let passes = usize::try_from(window.restarts()).unwrap() + 1;
            let bound = passes * PAGES + 2 * runs + script.vendor.len();
            prop_assert!(bench.asked().len() <= bound, "{} > {bound}", bench.asked().len());
            // Each restart and each run that stops may deliver one page again.
            let written = bench.written().len();
            prop_assert!(written <= (passes * PAGES + runs) * RECORDS_PER_PAGE, "{written}");
            prop_assert!(window.attempts() <= limits::ATTEMPTS_MAX);
            prop_assert!(window.remembered());
            late.store(true, SeqCst);
            let mut bench = sweep(bench, 1, 0, 60).await;
            run_until_done(&mut bench, &script).await;
            prop_assert_eq!(bench.output(), ["late"]);
            Ok(())
        })?;
    }
}
