//! The records that are put again, against a scripted service.

use std::collections::VecDeque;
use std::sync::Mutex;

use proptest::prelude::*;
use windlass_core::Timestamp;
use windlass_core::clock::{ManualClock, SeededEntropy};

use super::*;
use crate::UsageSnapshot;
use crate::retry_limit;

/// Responds by its script, and accepts everything after its end.
#[derive(Default)]
struct Scripted {
    script: Mutex<VecDeque<Result<Verdicts, CallError>>>,
    puts: Mutex<Vec<Vec<usize>>>,
}

impl Put for Scripted {
    async fn put(&self, entries: &[&Entry]) -> Result<Verdicts, CallError> {
        let numbers = entries.iter().map(|entry| entry.number).collect();
        self.puts.lock().unwrap().push(numbers);
        let next = self.script.lock().unwrap().pop_front();
        next.unwrap_or_else(|| Ok(verdicts(entries.len(), &[])))
    }

    fn what(&self) -> String {
        "stream `audit`".to_owned()
    }
}

/// The response to `count` entries of which those numbers failed.
fn verdicts(count: usize, failed: &[usize]) -> Verdicts {
    let verdict = |number| {
        if failed.contains(&number) {
            Err(format!("entry {number} failed"))
        } else {
            Ok(())
        }
    };
    Verdicts {
        each: (0..count).map(verdict).collect(),
        failed: failed.len(),
    }
}

fn entries(count: usize) -> Vec<Entry> {
    let entry = |number| Entry {
        number,
        lines: 2,
        billed_bytes: 5_120,
        data: Bytes::from_static(b"1\n2\n"),
    };
    (0..count).map(entry).collect()
}

/// The outcome, the entry numbers of each put, and the counters.
fn outcome(
    count: usize,
    script: Vec<Result<Verdicts, CallError>>,
) -> (Result<(), CallError>, Vec<Vec<usize>>, UsageSnapshot) {
    let clock = ManualClock::at(Timestamp::MIN);
    outcome_at(&clock, count, script)
}

fn outcome_at(
    clock: &ManualClock,
    count: usize,
    script: Vec<Result<Verdicts, CallError>>,
) -> (Result<(), CallError>, Vec<Vec<usize>>, UsageSnapshot) {
    let entropy = SeededEntropy::new(3);
    let (usage, to) = (Usage::default(), Scripted::default());
    *to.script.lock().unwrap() = script.into();
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let by = Means {
        clock,
        retry_limit: RetryLimit::new(clock, &entropy),
        uplink: &Uplink::default(),
        usage: &usage,
    };
    let entries = entries(count);
    let put = put_all(&to, &entries, by);
    let result = runtime.unwrap().block_on(put);
    (result, to.puts.into_inner().unwrap(), usage.snapshot())
}

#[test]
fn only_failed_entries_are_resent_in_order() {
    let script = vec![Ok(verdicts(5, &[4, 1, 3])), Ok(verdicts(3, &[0, 2]))];
    let (result, puts, usage) = outcome(5, script);
    assert_eq!(result, Ok(()));
    assert_eq!(puts, [vec![0, 1, 2, 3, 4], vec![1, 3, 4], vec![1, 4]]);
    assert_eq!((usage.calls, usage.entries_resent), (3, 5));
    assert_eq!((usage.lines, usage.bytes_sent), (10, 20));
    assert_eq!(usage.bytes_billed, 5 * 5_120);
}

#[test]
fn mismatched_response_acknowledges_nothing() {
    let uncounted = Verdicts {
        failed: 1,
        ..verdicts(3, &[])
    };
    for misfit in [
        verdicts(2, &[]),
        verdicts(4, &[]),
        verdicts(0, &[]),
        uncounted,
    ] {
        let (result, puts, usage) = outcome(3, vec![Ok(misfit)]);
        assert_eq!(result, Ok(()));
        assert_eq!(puts, [[0, 1, 2], [0, 1, 2]]);
        assert_eq!(usage.lines, 6);
    }
}

#[test]
fn failed_entry_outweighs_service_count() {
    let miscounted = Verdicts {
        failed: 0,
        ..verdicts(3, &[1])
    };
    let (result, puts, _) = outcome(3, vec![Ok(miscounted)]);
    assert_eq!(result, Ok(()));
    assert_eq!(puts, [vec![0, 1, 2], vec![1]]);
}

#[test]
fn refusal_ends_resending() {
    let refused = CallError::Refused("no".to_owned());
    let script = vec![Ok(verdicts(3, &[2])), Err(refused.clone())];
    let (result, puts, usage) = outcome(3, script);
    assert_eq!(result, Err(refused));
    assert_eq!(puts, [vec![0, 1, 2], vec![2]]);
    assert_eq!(usage.lines, 4);
}

#[test]
fn timeout_halves_call_size() {
    let slow = || Err(CallError::Slow("no response".to_owned()));
    let script = vec![slow(), slow(), Ok(verdicts(2, &[1]))];
    let (result, puts, usage) = outcome(8, script);
    assert_eq!(result, Ok(()));
    let all: Vec<_> = (0..8).collect();
    let halved = [&all[..], &all[..4], &all[..2]];
    // Calls grow again while there is time to spare.
    let after = [&all[1..5], &all[5..]];
    assert_eq!(puts, [&halved[..], &after[..]].concat());
    assert_eq!((usage.lines, usage.entries_resent), (16, 4 + 2 + 4 + 3));
    // Never fewer than one record, and not forever.
    let (result, puts, _) = outcome(2, (0..99).map(|_| slow()).collect());
    assert!(matches!(result, Err(CallError::Slow(_))), "{result:?}");
    assert!(puts.iter().skip(1).all(|put| *put == [0]), "{puts:?}");
}

#[test]
fn persistently_denied_call_is_denied() {
    let denied = || Err(CallError::Denied("no".to_owned()));
    let (result, puts, _) = outcome(2, (0..99).map(|_| denied()).collect());
    assert!(matches!(result, Err(CallError::Denied(_))), "{result:?}");
    assert_eq!(puts.len(), 8);
}

#[test]
fn busy_stream_fails_with_last_reason() {
    let script = (0..99).map(|_| Ok(verdicts(1, &[0]))).collect();
    let (result, puts, usage) = outcome(1, script);
    assert!(puts.len() <= 24, "{}", puts.len());
    assert_eq!(usage.lines, 0);
    let Err(CallError::Again(problem)) = result else {
        panic!("{result:?}");
    };
    assert!(
        problem.starts_with("1 of 1 records not accepted after "),
        "{problem}"
    );
    let reason = ": stream `audit`: entry 0 failed";
    assert!(problem.ends_with(reason), "{problem}");
}

/// Responses to `count` entries that accept one more each time.
fn one_each_time(count: usize) -> Vec<Result<Verdicts, CallError>> {
    let script = (1..=count).rev();
    script
        .map(|left| Ok(verdicts(left, &(1..left).collect::<Vec<_>>())))
        .collect()
}

#[test]
fn progressing_stream_is_not_given_up() {
    let clock = ManualClock::at(Timestamp::MIN);
    let (result, puts, usage) = outcome_at(&clock, 40, one_each_time(40));
    assert_eq!(result, Ok(()));
    assert_eq!((puts.len(), usage.lines), (40, 80));
    assert!(clock.slept_ms() > retry_limit::WAIT_MS_MAX);
}

#[test]
fn too_slow_stream_is_given_up_eventually() {
    let clock = ManualClock::at(Timestamp::MIN);
    let (result, _, usage) = outcome_at(&clock, 500, one_each_time(500));
    let Err(CallError::Again(problem)) = result else {
        panic!("{result:?}");
    };
    let left = 500 - usage.lines / 2;
    let expected = format!("{left} of 500 records not accepted after ");
    assert!(problem.contains(&expected), "{problem}");
    assert!(clock.slept_ms() <= retry_limit::WAIT_IN_ALL_MS_MAX);
}

#[test]
fn progress_grants_no_extra_retries_once_stalled() {
    let mut script = one_each_time(30);
    script.truncate(20);
    script.extend((0..99).map(|_| Ok(verdicts(10, &(0..10).collect::<Vec<_>>()))));
    let clock = ManualClock::at(Timestamp::MIN);
    let (result, puts, usage) = outcome_at(&clock, 30, script);
    assert!(matches!(result, Err(CallError::Again(_))), "{result:?}");
    assert_eq!(usage.lines, 40);
    let fruitless = puts.len() - 20;
    assert!((8..=24).contains(&fruitless), "{fruitless}");
}

proptest! {
    #[test]
    fn each_record_is_acknowledged_exactly_once(
        count in 1usize..40,
        rounds in prop::collection::vec(prop::collection::vec(any::<bool>(), 40), 0..6),
    ) {
        // Chooses which of the remaining entries fail in each round.
        let mut left = count;
        let mut script = Vec::new();
        for round in rounds {
            let failed: Vec<_> = (0..left).filter(|number| round[*number]).collect();
            script.push(Ok(verdicts(left, &failed)));
            left = failed.len();
            if left == 0 {
                break;
            }
        }
        let (result, puts, usage) = outcome(count, script);
        prop_assert_eq!(result, Ok(()));
        prop_assert_eq!(usage.lines, 2 * count as u64);
        for pair in puts.windows(2) {
            prop_assert!(pair[1].is_sorted());
            prop_assert!(pair[1].iter().all(|number| pair[0].contains(number)));
        }
    }
}
