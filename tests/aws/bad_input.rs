//! User errors on AWS, and errors of AWS: each yields one clear message with its cure, nothing is
//! lost, and a pull resumes where it was once the cause is fixed.

use std::collections::BTreeMap;

use anyhow::{Context, ensure};
use windlass_core::limits;
use windlass_core::time::HOUR_MS;
use windlass_tests::aws::deployment::{Deployment, STREAM, Setup, WORKER};
use windlass_tests::aws::lambda::{Invocation, Outcome};
use windlass_tests::aws::refusals::Refusal;
use windlass_tests::aws::streams::StreamKind;
use windlass_tests::aws::table::text;

use crate::vendors::Stock;

const TICKS_MAX: usize = 100;
/// Records per page.
const PAGE: usize = 50;

/// A deployment with an applied source: two windows of three pages.
async fn deployment(name: &str) -> anyhow::Result<Deployment> {
    let setup = Setup {
        event_age_ms: 60_000,
        dispatch_seconds: 120,
        ..Setup::default()
    };
    let vendor = Stock::google(2, 3, PAGE).start().await;
    let deployment = Deployment::new(name, vendor, setup).await?;
    deployment.apply().await?;
    Ok(deployment)
}

/// Asserts that the text contains every one of `words`.
fn says(text: &str, words: &[&str]) -> anyhow::Result<()> {
    for word in words {
        ensure!(text.contains(word), "nothing says `{word}`: {text}");
    }
    Ok(())
}

/// The error of a failed invocation.
fn failure(invocation: &Invocation) -> anyhow::Result<String> {
    let Outcome::Failed(body) = &invocation.outcome else {
        anyhow::bail!("it was to fail: {invocation:?}");
    };
    Ok(String::from_utf8_lossy(body).into_owned())
}

/// After the cure: every record arrives, with at most `repeats_max` repeats.
async fn goes_on(deployment: &Deployment, repeats_max: usize) -> anyhow::Result<()> {
    deployment.until_caught_up(TICKS_MAX).await?;
    deployment.check_complete(repeats_max).await?;
    let windows = deployment.table.windows().await?;
    ensure!(
        windows.iter().all(|row| row.status == "done"),
        "{windows:?}"
    );
    Ok(())
}

/// Deploys both functions with a wrong variable, expects the tick to fail with these words, and
/// corrects the variable.
async fn misled(name: &str, variable: (&str, &str), words: &[&str]) -> anyhow::Result<()> {
    let deployment = deployment(name).await?;
    let wrong = BTreeMap::from([(variable.0.to_owned(), variable.1.to_owned())]);
    deployment.deploy(&wrong)?;
    says(&failure(&deployment.tick().await?)?, words)?;
    deployment.deploy(&BTreeMap::new())?;
    goes_on(&deployment, 0).await
}

#[tokio::test]
async fn missing_table_is_named() -> anyhow::Result<()> {
    let words = ["no-such-table", "us-east-1"];
    misled("missing", ("WINDLASS_TABLE", "no-such-table"), &words).await
}

#[tokio::test]
async fn wrong_region_is_named() -> anyhow::Result<()> {
    misled(
        "region",
        ("AWS_REGION", "eu-west-1"),
        &["eu-west-1", "region-"],
    )
    .await
}

/// Denies `action` to every caller, expects the tick's error to contain these words, and allows it
/// again.
async fn refused_tick(
    name: &str,
    action: &str,
    refusal: Refusal,
    words: &[&str],
) -> anyhow::Result<()> {
    let deployment = deployment(name).await?;
    deployment.refusals.refuse(action, refusal);
    says(&failure(&deployment.tick().await?)?, words)?;
    deployment.refusals.clear();
    goes_on(&deployment, 0).await
}

#[tokio::test]
async fn expired_credentials_are_named() -> anyhow::Result<()> {
    refused_tick("expired", "dynamodb:*", Refusal::ExpiredToken, &["expired"]).await
}

#[tokio::test]
async fn unknown_keys_are_named() -> anyhow::Result<()> {
    refused_tick("unknown", "dynamodb:*", Refusal::UnknownKey, &["invalid"]).await
}

#[tokio::test]
async fn denied_read_names_action_and_table() -> anyhow::Result<()> {
    let words = ["dynamodb:GetItem", "denied-read-"];
    refused_tick(
        "denied-read",
        "dynamodb:GetItem",
        Refusal::AccessDenied,
        &words,
    )
    .await
}

#[tokio::test]
async fn table_of_another_version_is_rejected_unchanged() -> anyhow::Result<()> {
    let deployment = deployment("version").await?;
    let items = deployment.table.items("table").await?;
    let schema = items.first().context("the table has no item of its own")?;
    deployment.table.set_number(schema, "v", 987).await?;
    let before = deployment.table.dump().await?;
    says(&failure(&deployment.tick().await?)?, &["987"])?;
    ensure!(deployment.table.dump().await? == before, "it was changed");
    deployment.table.set_number(schema, "v", 1).await?;
    goes_on(&deployment, 0).await
}

/// The reason of the source's block.
async fn blocked(deployment: &Deployment) -> anyhow::Result<String> {
    deployment.tick().await?.expect_success()?;
    deployment.lambda.rest().await?;
    let items = deployment.table.items("config#").await?;
    let source = items.first().context("there is no source")?;
    let reason = text(source, "blocked");
    Ok(reason
        .with_context(|| deployment.trouble().unwrap_or_default())?
        .to_owned())
}

/// The reason of the source's block after some minutes of denials: its windows wait until then.
async fn blocked_in_the_end(deployment: &Deployment) -> anyhow::Result<String> {
    deployment.tick().await?.expect_success()?;
    deployment.lambda.rest().await?;
    let source = deployment.table.items("config#").await?;
    let source = source.first().context("there is no source")?;
    ensure!(
        source.get("blocked").is_none(),
        "blocked at once: {source:?}"
    );
    let setbacks = i64::from(limits::REFUSALS_BEFORE_BLOCK);
    for window in deployment.table.items("window#").await? {
        let waits = text(&window, "last_error");
        waits.with_context(|| deployment.trouble().unwrap_or_default())?;
        deployment
            .table
            .set_number(&window, "setbacks", setbacks)
            .await?;
    }
    deployment.table.let_time_pass(HOUR_MS).await?;
    blocked(deployment).await
}

/// Applies the source again, as an operator does after the cause of a block is fixed.
async fn unblocked(deployment: &Deployment, repeats_max: usize) -> anyhow::Result<()> {
    let windows = deployment.table.windows().await?;
    ensure!(
        windows.iter().all(|row| row.status != "parked"),
        "{windows:?}"
    );
    deployment.apply().await?;
    goes_on(deployment, repeats_max).await
}

#[tokio::test]
async fn missing_stream_blocks_source_and_is_named() -> anyhow::Result<()> {
    let deployment = deployment("stream").await?;
    deployment.reconfigure(&format!("stream: {STREAM}"), "stream: no-such-stream")?;
    deployment.apply().await?;
    says(
        &blocked_in_the_end(&deployment).await?,
        &["no-such-stream", "us-east-1"],
    )?;
    deployment.configure(&deployment.yaml())?;
    unblocked(&deployment, 0).await
}

#[tokio::test]
async fn denied_stream_write_blocks_source_naming_action() -> anyhow::Result<()> {
    let deployment = deployment("denied-stream").await?;
    deployment
        .refusals
        .refuse("firehose:PutRecordBatch", Refusal::AccessDenied);
    says(
        &blocked_in_the_end(&deployment).await?,
        &["firehose:PutRecordBatch", STREAM],
    )?;
    ensure!(
        deployment
            .streams
            .entries(StreamKind::Firehose, STREAM)
            .is_empty(),
        "records"
    );
    deployment.refusals.clear();
    unblocked(&deployment, 0).await
}

#[tokio::test]
async fn denied_secret_blocks_source_until_probe_succeeds() -> anyhow::Result<()> {
    let deployment = deployment("denied-secret").await?;
    deployment
        .refusals
        .refuse("secretsmanager:GetSecretValue", Refusal::AccessDenied);
    let words = ["secretsmanager:GetSecretValue", "windlass/denied-secret"];
    says(&blocked_in_the_end(&deployment).await?, &words)?;
    deployment.refusals.clear();
    // The source is not applied again.
    deployment.table.let_time_pass(HOUR_MS).await?;
    goes_on(&deployment, 0).await
}

#[tokio::test]
async fn malformed_secret_blocks_source_unquoted() -> anyhow::Result<()> {
    let deployment = deployment("secret").await?;
    deployment.set_secret("hunter2-and-no-json").await?;
    let reason = blocked(&deployment).await?;
    says(&reason, &["JSON"])?;
    ensure!(!reason.contains("hunter2"), "it repeats the secret");
    ensure!(
        !deployment.said()?.contains("hunter2"),
        "a log repeats the secret"
    );
    deployment.set_secret(&deployment.good_secret()).await?;
    // These environments have read the old secret.
    unblocked(&deployment, 0).await
}

#[tokio::test]
async fn worker_denied_state_writes_delivers_nothing() -> anyhow::Result<()> {
    let deployment = deployment("denied-write").await?;
    deployment
        .refusals
        .refuse("dynamodb:UpdateItem", Refusal::AccessDenied);
    deployment.tick().await?.expect_success()?;
    deployment.lambda.rest().await?;
    let invocations = deployment.lambda.invocations(WORKER)?;
    let first = invocations.first().context("no worker ran")?;
    says(&failure(first)?, &["dynamodb:UpdateItem", "denied-write-"])?;
    ensure!(
        deployment
            .streams
            .entries(StreamKind::Firehose, STREAM)
            .is_empty(),
        "records"
    );
    deployment.refusals.clear();
    goes_on(&deployment, 0).await
}
