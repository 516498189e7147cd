//! An unusable table: one line that names the obstacle, exit code 5, and no retries that cannot
//! succeed.

use std::net::TcpListener;
use std::process::Output;

use anyhow::{Context, ensure};
use tokio::process::Command;
use windlass_tests::aws::deployment::{OPERATOR_KEY, Setup};
use windlass_tests::aws::emulator::{Emulator, REGION};
use windlass_tests::aws::refusals::Refusal;
use windlass_tests::windlass::{Outcome, binary, exit};

use super::Operator;
use crate::vendors::Stock;

/// A window that does not exist.
const WINDOW: &str = "pull/0123456789ab/live/2026-01-01T00:00:00.000Z";

/// One command line for each command that uses a state.
fn commands() -> [Vec<&'static str>; 9] {
    [
        vec!["status"],
        vec!["windows", "pull"],
        vec!["show", WINDOW],
        vec!["retry", WINDOW],
        vec!["retry", "--all", "pull"],
        vec!["pause", "pull"],
        vec!["resume", "pull"],
        vec!["diff"],
        vec!["apply", "--yes"],
    ]
}

/// Fails unless standard error is one line with these words.
fn one_line(outcome: Outcome, words: &[&str]) -> anyhow::Result<()> {
    let lines: Vec<_> = outcome.stderr.lines().collect();
    ensure!(
        lines.len() == 1 && lines[0].starts_with("error: "),
        "{outcome:#?}"
    );
    outcome.expect_failure(exit::STATE, words).map(drop)
}

#[tokio::test]
async fn every_command_names_denied_action_without_retry() -> anyhow::Result<()> {
    let operator = Operator::new("denied", Stock::google(1, 1, 5), Setup::default()).await?;
    let deployment = &operator.deployment;
    operator.says(&["apply", "--yes"]).await?;
    deployment.reconfigure("max_in_flight: 8", "max_in_flight: 3")?;
    let before = deployment.table.dump().await?;
    let table = deployment.table.name();
    let calls = || deployment.calls.of(OPERATOR_KEY).len();

    let denied = Refusal::AccessDenied;
    deployment.refusals.refuse("dynamodb:GetItem", denied);
    for args in commands() {
        let earlier = calls();
        one_line(operator.run(&args).await?, &["dynamodb:GetItem", table])?;
        ensure!(calls() == earlier + 1, "{args:?} tries again");
    }
    for (action, args) in [
        ("dynamodb:Query", vec!["status"]),
        ("dynamodb:UpdateItem", vec!["pause", "pull"]),
        ("dynamodb:PutItem", vec!["apply", "--yes"]),
    ] {
        deployment.refusals.clear();
        deployment.refusals.refuse(action, denied);
        one_line(operator.run(&args).await?, &[action, table])?;
        ensure!(
            deployment.calls.count(OPERATOR_KEY, action) >= 1,
            "{action} was not tried"
        );
    }
    deployment.refusals.clear();
    deployment
        .refusals
        .refuse("dynamodb:*", Refusal::ExpiredToken);
    one_line(operator.run(&["status"]).await?, &["expired", "renew them"])?;
    deployment.refusals.clear();
    ensure!(
        deployment.table.dump().await? == before,
        "it was changed by whom it was denied to"
    );
    Ok(())
}

#[tokio::test]
async fn every_command_rejects_table_of_another_version() -> anyhow::Result<()> {
    let operator = Operator::new("operated", Stock::google(1, 1, 5), Setup::default()).await?;
    let table = &operator.deployment.table;
    operator.says(&["apply", "--yes"]).await?;
    let items = table.items("table").await?;
    let schema = items.first().context("the table has no item of its own")?;
    table.set_number(schema, "v", 987).await?;
    operator
        .changes_nothing(async || {
            for args in commands() {
                one_line(operator.run(&args).await?, &["987"])?;
            }
            Ok(())
        })
        .await
}

/// Runs `windlass ARGS` in `folder` with only `variables` in its environment.
pub(crate) async fn windlass(args: &[&str], variables: &[(&str, &str)]) -> anyhow::Result<Outcome> {
    let folder = tempfile::tempdir()?;
    let Output {
        status,
        stdout,
        stderr,
    } = Command::new(binary()?)
        .args(args)
        .current_dir(folder.path())
        .env_clear()
        .env("HOME", folder.path())
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .envs(variables.iter().copied())
        .kill_on_drop(true)
        .output()
        .await?;
    Ok(Outcome {
        code: status.code(),
        signal: None,
        stdout: String::from_utf8(stdout)?,
        stderr: String::from_utf8(stderr)?,
    })
}

pub(crate) const KEYS: [(&str, &str); 3] = [
    ("AWS_REGION", REGION),
    ("AWS_ACCESS_KEY_ID", OPERATOR_KEY),
    ("AWS_SECRET_ACCESS_KEY", "not-a-secret"),
];

#[tokio::test]
async fn missing_table_is_named_with_region() -> anyhow::Result<()> {
    let uri = Emulator::shared().await?.uri();
    let place = ["--state", "dynamodb:no-such-table", "--endpoint-url", &uri];
    for args in commands() {
        // These two need a configuration, which does not exist either.
        if !["diff", "apply"].contains(&args[0]) {
            let outcome = windlass(&[&args, &place[..]].concat(), &KEYS).await?;
            one_line(outcome, &["no-such-table", REGION])?;
        }
    }
    Ok(())
}

#[tokio::test]
async fn unresponsive_endpoint_is_named_without_long_wait() -> anyhow::Result<()> {
    let silent = TcpListener::bind("127.0.0.1:0")?;
    let silent = (silent.local_addr()?, silent);
    let responses = [
        ("http://127.0.0.1:9".to_owned(), "cannot be reached"),
        (format!("http://{}", silent.0), "no response in 4 s"),
    ];
    for (uri, problem) in &responses {
        let place = ["--state", "dynamodb:windlass", "--endpoint-url", uri];
        let outcome = windlass(&[&["status"], &place[..]].concat(), &KEYS).await?;
        one_line(outcome, &["windlass", uri, problem, "--endpoint-url"])?;
    }
    Ok(())
}

#[tokio::test]
async fn missing_region_or_credentials_are_named() -> anyhow::Result<()> {
    let status = ["status", "--state", "dynamodb:windlass"];
    one_line(windlass(&status, &KEYS[1..]).await?, &["AWS_REGION"])?;
    let outcome = windlass(&status, &KEYS[..1]).await?;
    one_line(outcome, &["no AWS credentials", "AWS_PROFILE"])
}
