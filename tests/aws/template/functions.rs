//! Both functions: their settings and environments, and the table as the only owner of retries.

use serde_json::json;
use windlass_connectors::registry;

use super::resolved::{Resolved, parameters};

const FUNCTIONS: [&str; 2] = ["OrchestratorFunction", "WorkerFunction"];

/// Maximum total size of a function's environment variables, in bytes.
/// <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>
const ENVIRONMENT_BYTES_MAX: usize = 4_096;

#[test]
fn functions_are_bootstraps_with_json_logs() {
    let resolved = Resolved::with(&[]);
    for id in FUNCTIONS {
        let function = resolved.properties(id);
        assert_eq!(function["Runtime"], "provided.al2023", "{id}");
        assert_eq!(function["Handler"], "bootstrap", "{id}");
        assert_eq!(function["PackageType"], "Zip", "{id}");
        assert_eq!(function["Architectures"], json!(["arm64"]), "{id}");
        assert!(function.get("VpcConfig").is_none(), "{id}");
        let logging = &function["LoggingConfig"];
        assert_eq!(logging["LogFormat"], "JSON", "{id}");
        // START and REPORT lines would be most of the log.
        assert_eq!(logging["SystemLogLevel"], "WARN", "{id}");
    }
}

#[test]
fn every_log_group_has_retention() {
    let resolved = Resolved::with(&[("LogRetentionDays", "90")]);
    let groups: Vec<_> = resolved.of_type("AWS::Logs::LogGroup").collect();
    assert_eq!(groups.len(), 3);
    for (id, group) in groups {
        assert_eq!(group["RetentionInDays"], "90", "{id}");
    }
}

#[test]
fn lambda_never_retries_and_drops_old_dispatches() {
    let resolved = Resolved::with(&[]);
    let worker = resolved.properties("WorkerEvents");
    assert_eq!(worker["MaximumRetryAttempts"], 0);
    assert_eq!(worker["MaximumEventAgeInSeconds"], 300);
    assert_eq!(
        worker["DestinationConfig"]["OnFailure"]["Destination"],
        "{FailureQueue.Arn}"
    );
    let orchestrator = resolved.properties("OrchestratorEvents");
    assert_eq!(orchestrator["MaximumRetryAttempts"], 0);
    assert_eq!(orchestrator["MaximumEventAgeInSeconds"], 60);
    for events in [worker, orchestrator] {
        assert_eq!(events["Qualifier"], "live");
    }
    let variables = &resolved.properties("OrchestratorFunction")["Environment"]["Variables"];
    let lost_after = variables["WINDLASS_DISPATCH_SECONDS"].as_str().unwrap();
    let lost_after: i64 = lost_after.parse().unwrap();
    let event_age = worker["MaximumEventAgeInSeconds"].as_i64().unwrap();
    let skew = windlass_core::limits::CLOCK_SKEW_MS / windlass_core::time::SECOND_MS;
    assert_eq!(lost_after, event_age + skew);
}

#[test]
fn function_variables_name_all_resources() {
    let resolved = Resolved::with(&[("ExistingTableName", "restored")]);
    let variables = |id: &str| resolved.properties(id)["Environment"]["Variables"].clone();
    assert_eq!(
        variables("OrchestratorFunction"),
        json!({
            "WINDLASS_DEPLOYMENT": "windlass",
            "WINDLASS_DISPATCH_SECONDS": "360",
            "WINDLASS_LOG": "info",
            "WINDLASS_TABLE": "restored",
            "WINDLASS_WORKER_FUNCTION": "{WorkerAlias}",
        })
    );
    let hosts = parameters()["AllowedHosts"]["Default"].clone();
    assert_eq!(
        variables("WorkerFunction"),
        json!({
            "WINDLASS_ALLOWED_HOSTS": hosts,
            "WINDLASS_DEPLOYMENT": "windlass",
            "WINDLASS_LOG": "info",
            "WINDLASS_TABLE": "restored",
        })
    );
    assert!(hosts.to_string().len() < ENVIRONMENT_BYTES_MAX / 2);
}

#[test]
fn default_hosts_match_built_in_connectors() {
    let hosts = parameters()["AllowedHosts"]["Default"].as_str().unwrap();
    assert_eq!(hosts.parse(), Ok(registry::allowed_hosts()));
}

#[test]
fn latest_version_runs_unless_pinned() {
    let resolved = Resolved::with(&[]);
    let aliases: Vec<_> = resolved.of_type("AWS::Lambda::Alias").collect();
    assert_eq!(aliases.len(), FUNCTIONS.len());
    for (id, alias) in aliases {
        assert_eq!(alias["Name"], "live", "{id}");
        assert_eq!(alias["FunctionVersion"], "$LATEST", "{id}");
    }
    // A version published by SAM would keep an old environment when only a parameter changes.
    assert_eq!(resolved.of_type("AWS::Lambda::Version").count(), 0);
    let older = Resolved::with(&[("WorkerVersion", "7")]);
    assert_eq!(older.properties("WorkerAlias")["FunctionVersion"], "7");
}

#[test]
fn concurrency_is_reserved_unless_disabled() {
    let reserved = |parameters: &[(&str, &str)], id: &str| {
        let resolved = Resolved::with(parameters);
        resolved
            .properties(id)
            .get("ReservedConcurrentExecutions")
            .cloned()
    };
    assert_eq!(reserved(&[], "OrchestratorFunction"), Some(json!(2)));
    assert_eq!(reserved(&[], "WorkerFunction"), Some(json!("20")));
    assert_eq!(
        reserved(&[("ShardRanges", "4")], "OrchestratorFunction"),
        Some(json!(8))
    );
    let none = [("WorkerConcurrency", "0")];
    for id in FUNCTIONS {
        assert_eq!(reserved(&none, id), None, "{id}");
    }
    assert!(!Resolved::with(&none).creates("WorkerConcurrencyAlarm"));
}

#[test]
fn tick_timeout_ends_before_next_tick() {
    let resolved = Resolved::with(&[]);
    let timeout = resolved.properties("OrchestratorFunction")["Timeout"].as_u64();
    assert!(timeout.unwrap() < 60);
}
