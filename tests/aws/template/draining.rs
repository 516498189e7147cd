//! `infra/drain.sh`: reports a drained deployment exactly when nothing would be lost.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

use super::resolved::project;

/// A fake `aws` that records its calls and responds from files: the n-th call about NAME from
/// `NAME.n`, or from `NAME` if that file does not exist. Without either, it fails.
const AWS: &str = r#"#!/bin/sh
cd "$FAKE" || exit 1
printf '%s\n' "$*" >> calls
case "$2" in
    get-metric-statistics) name="$6" ;;
    *) name="$2" ;;
esac
echo >> "count-$name"
number=$(($(wc -l < "count-$name")))
if [ -f "$name.$number" ]; then cat "$name.$number"; else cat "$name"; fi
"#;

/// An account with a drained stack.
struct Account(tempfile::TempDir);

impl Account {
    fn new(resources: &str) -> Self {
        let account = Self(tempfile::tempdir().expect("there is a temporary folder"));
        let aws = account.0.path().join("aws");
        fs::write(&aws, AWS).expect("the folder is writable");
        let executable = fs::Permissions::from_mode(0o755);
        fs::set_permissions(&aws, executable).expect("the file is this test's");
        account.say("list-stack-resources", resources);
        account.say("describe-stacks", "windlass-table\n");
        account.say("put-function-concurrency", "0\n");
        account.say("scan", "0\n");
        for metric in [
            "IncomingRecords",
            "DeliveryToS3.DataFreshness",
            "BackupToS3.DataFreshness",
            "KinesisMillisBehindLatest",
            "DataReadFromKinesisStream.Records",
        ] {
            account.say(metric, "");
        }
        account
    }

    fn say(&self, name: &str, text: &str) {
        fs::write(self.0.path().join(name), text).expect("the folder is writable");
    }

    fn drain(&self, args: &[&str]) -> Output {
        let path = std::env::var("PATH").expect("programs are found");
        Command::new("bash")
            .arg(project("infra/drain.sh"))
            .args(args)
            .env("PATH", format!("{}:{path}", self.0.path().display()))
            .env("FAKE", self.0.path())
            .env("DRAIN_POLL_SECONDS", "0")
            .output()
            .expect("bash runs")
    }

    /// The output for a drained stack, line by line.
    fn drained(&self, args: &[&str]) -> Vec<String> {
        let output = self.drain(args);
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{said}{output:?}");
        said.lines().map(str::to_owned).collect()
    }

    fn calls(&self) -> String {
        fs::read_to_string(self.0.path().join("calls")).expect("aws was called")
    }
}

const FIREHOSE: &str = "OrchestratorFunction\twindlass-orchestrator\nFirehose\twindlass-records\n";
const KINESIS: &str = "OrchestratorFunction\twindlass-orchestrator\nFirehose\twindlass-records\n\
                       RecordsStream\twindlass-records\n";
const EXISTING: &str = "OrchestratorFunction\twindlass-orchestrator\n";
const DRAINED: &str = "windlass is drained: deleting it loses no record";

#[test]
fn draining_stops_ticks_then_awaits_delivery() {
    let account = Account::new(FIREHOSE);
    account.say("scan.1", "3\n");
    account.say("scan.2", "1\n");
    account.say("IncomingRecords.1", "12.0\t3.0\n");
    account.say("DeliveryToS3.DataFreshness.1", "1860.0\n");
    account.say("DeliveryToS3.DataFreshness.2", "14.0\t1920.0\n");
    account.say("DeliveryToS3.DataFreshness.3", "31.0\tNone\n");
    account.say("BackupToS3.DataFreshness.1", "2400.0\n");
    assert_eq!(
        account.drained(&["windlass"]),
        [
            "no further tick: windlass-orchestrator may not run any more",
            "3 windows are held by workers",
            "1 windows are held by workers",
            "no worker holds a window of windlass-table",
            "windlass-records took records within the last 1800 s",
            "windlass-records holds records that are 1860 s old (DeliveryToS3.DataFreshness)",
            "windlass-records holds records that are 1920 s old (DeliveryToS3.DataFreshness)",
            "windlass-records holds records that are 2400 s old (BackupToS3.DataFreshness)",
            "windlass-records has written everything that it took",
            DRAINED,
        ]
    );
    let calls = account.calls();
    let stop = calls.find("lambda put-function-concurrency --function-name windlass-orchestrator");
    assert!(
        stop.unwrap() < calls.find("dynamodb scan").unwrap(),
        "{calls}"
    );
    assert!(
        calls.contains("--reserved-concurrent-executions 0"),
        "{calls}"
    );
}

#[test]
fn draining_reads_kinesis_before_firehose() {
    let account = Account::new(KINESIS);
    account.say("KinesisMillisBehindLatest.1", "86400000.0\n");
    account.say("DataReadFromKinesisStream.Records.1", "7.0\n");
    assert_eq!(
        account.drained(&["windlass"])[2..4],
        [
            "windlass-records is 86400000 ms behind in reading windlass-records",
            "windlass-records took records within the last 1800 s",
        ]
    );
}

#[test]
fn stack_without_stream_drains_with_workers() {
    let account = Account::new(EXISTING);
    let said = account.drained(&["windlass"]);
    assert_eq!(said.last().unwrap(), DRAINED);
    assert!(!account.calls().contains("cloudwatch"));
}

#[test]
fn unreadable_metric_never_counts_as_drained() {
    for missing in [
        "list-stack-resources",
        "describe-stacks",
        "put-function-concurrency",
        "scan",
        "IncomingRecords",
        "KinesisMillisBehindLatest",
        "DataReadFromKinesisStream.Records",
        "DeliveryToS3.DataFreshness",
        "BackupToS3.DataFreshness",
    ] {
        let account = Account::new(KINESIS);
        fs::remove_file(account.0.path().join(missing)).unwrap();
        let output = account.drain(&["windlass"]);
        let said = String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.code(), Some(1), "{missing}: {said}");
        assert!(!said.contains("drained"), "{missing}: {said}");
        let problem = String::from_utf8_lossy(&output.stderr);
        assert!(problem.contains("error: cannot"), "{missing}: {problem}");
    }
    let stranger = Account::new("Firehose\tothers\n");
    let output = stranger.drain(&["others"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(!stranger.calls().contains("put-function-concurrency"));
}

#[test]
fn drain_without_stack_calls_nothing() {
    let account = Account::new(FIREHOSE);
    for args in [&[][..], &[""], &["one", "two"]] {
        assert_eq!(account.drain(args).status.code(), Some(1), "{args:?}");
    }
    assert!(!Path::new(&account.0.path().join("calls")).exists());
}
