//! The schedule: cfn-lint accepts expressions that EventBridge Scheduler does not.

use serde_json::Value;

use super::resolved::{Resolved, parameters};

/// Returns true if EventBridge Scheduler accepts the expression: `rate(N unit)`, with a singular
/// unit only for 1. <https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html>
fn is_rate(expression: &str) -> bool {
    let inside = expression.strip_prefix("rate(");
    let inside = inside.and_then(|rest| rest.strip_suffix(')'));
    let Some((number, unit)) = inside.and_then(|inside| inside.split_once(' ')) else {
        return false;
    };
    let units = match number.parse::<u32>() {
        Ok(1) => ["minute", "hour", "day"],
        Ok(2..) => ["minutes", "hours", "days"],
        _ => return false,
    };
    units.contains(&unit)
}

fn schedules(ranges: &str) -> Vec<Value> {
    let resolved = Resolved::with(&[("ShardRanges", ranges)]);
    let schedules = resolved.of_type("AWS::Scheduler::Schedule");
    schedules.map(|(_, schedule)| schedule.clone()).collect()
}

#[test]
fn rate_unit_agrees_with_number() {
    for right in ["rate(1 minute)", "rate(5 minutes)", "rate(1 hour)"] {
        assert!(is_rate(right), "{right}");
    }
    for wrong in [
        "rate(1 minutes)",
        "rate(5 minute)",
        "rate(0 minutes)",
        "rate(5minutes)",
        "every minute",
    ] {
        assert!(!is_rate(wrong), "{wrong}");
    }
}

#[test]
fn every_schedule_choice_is_valid() {
    let declared = &parameters()["Schedule"];
    let choices = declared["AllowedValues"].as_array().unwrap();
    assert!(choices.contains(&declared["Default"]));
    for choice in choices {
        assert!(is_rate(choice.as_str().unwrap()), "{choice}");
    }
}

#[test]
fn ranges_cover_every_shard_once() {
    for (ranges, count) in [("1", 1), ("2", 2), ("4", 4)] {
        let schedules = schedules(ranges);
        assert_eq!(schedules.len(), count);
        let mut shards: Vec<u64> = Vec::new();
        for schedule in schedules {
            let input = schedule["Target"]["Input"].as_str().unwrap();
            let input: Value = serde_json::from_str(input).unwrap();
            let bound = |name: &str| input["shards"][name].as_u64().unwrap();
            shards.extend(bound("from")..bound("to"));
        }
        shards.sort_unstable();
        let all: Vec<_> = (0..u64::from(windlass_core::limits::SHARDS)).collect();
        assert_eq!(shards, all, "{ranges} ranges");
    }
}

#[test]
fn missed_tick_is_retried_once_then_kept() {
    for schedule in schedules("4") {
        assert_eq!(schedule["FlexibleTimeWindow"]["Mode"], "OFF");
        assert_eq!(schedule["ScheduleExpression"], "rate(1 minute)");
        let target = &schedule["Target"];
        assert_eq!(target["RetryPolicy"]["MaximumRetryAttempts"], 1);
        assert_eq!(target["RetryPolicy"]["MaximumEventAgeInSeconds"], 60);
        assert_eq!(target["DeadLetterConfig"]["Arn"], "{ScheduleQueue.Arn}");
        assert_eq!(target["Arn"], "{OrchestratorAlias}");
    }
}
