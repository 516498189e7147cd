//! A worker whose package has another manifest than the one that was applied.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::ensure;
use serde_json::Value;
use windlass_tests::aws::deployment::{Deployment, STREAM, Setup};
use windlass_tests::aws::streams::StreamKind;

use crate::vendors::Stock;

/// More than a pull without faults takes.
const TICKS_MAX: usize = 200;
/// The connector as a user's own manifest file.
const CONNECTOR: &str = "manifests/own.yaml";

/// The manifest that is applied.
fn manifest() -> anyhow::Result<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../connectors/manifests");
    Ok(std::fs::read_to_string(root.join("google_reports.yaml"))?)
}

/// The same manifest with other record ids.
fn with_other_ids() -> anyhow::Result<String> {
    let text = manifest()?;
    let ids = "id: [id.customerId, id.applicationName, id.time, id.uniqueQualifier]";
    ensure!(text.contains(ids), "the manifest has no `{ids}`");
    Ok(text.replace(ids, "id: [id.time, id.uniqueQualifier]"))
}

/// Writes `text` as the connector below `folder`.
fn put(folder: &Path, text: &str) -> anyhow::Result<()> {
    let path = folder.join(CONNECTOR);
    std::fs::create_dir_all(folder.join("manifests"))?;
    Ok(std::fs::write(path, text)?)
}

/// Deploys both functions, the worker with a package that contains `text` as the connector.
fn deploy(deployment: &Deployment, text: &str) -> anyhow::Result<()> {
    let package: PathBuf = deployment.folder().join("package");
    put(&package, text)?;
    let root = package.display().to_string();
    deployment.deploy(&BTreeMap::from([("LAMBDA_TASK_ROOT".to_owned(), root)]))
}

/// The only source in `status`, which reads the manifest of the configuration.
async fn status(deployment: &Deployment) -> anyhow::Result<Value> {
    let outcome = deployment
        .windlass(&["status", "--json", "--config", "windlass.yaml"])?
        .finish()
        .await?;
    let json: Value = serde_json::from_str(&outcome.expect_success()?.stdout)?;
    Ok(json["sources"][0].clone())
}

#[tokio::test]
async fn worker_with_other_manifest_waits_for_apply() -> anyhow::Result<()> {
    let stock = Stock::google(2, 1, 20);
    let records = stock.records();
    let deployment = Deployment::new("manifest", stock.start().await, Setup::default()).await?;
    put(deployment.folder(), &manifest()?)?;
    deployment.reconfigure(
        "connector: google_reports",
        &format!("connector: {CONNECTOR}"),
    )?;
    deployment.apply().await?;
    deploy(&deployment, &with_other_ids()?)?;
    for _ in 0..2 {
        deployment.tick().await?.expect_success()?;
        deployment.lambda.rest().await?;
    }
    let lines = deployment.streams.lines(StreamKind::Firehose, STREAM)?;
    ensure!(lines.is_empty(), "{} lines delivered", lines.len());
    let cure = "run `windlass apply`";
    let waits = status(&deployment).await?;
    let error = waits["last_error"].as_str().unwrap_or_default();
    ensure!(
        error.contains("changed its unit, bounds, ids") && error.contains(cure),
        "{waits}"
    );
    let said = deployment.said()?;
    let waits = "the oldest unfinished window waits or fails";
    let line = said.lines().find(|line| line.contains(waits));
    let line = line.unwrap_or_default();
    ensure!(line.contains("/live/") && line.contains(cure), "{said}");
    let table = deployment
        .windlass(&["status", "--config", "windlass.yaml"])?
        .finish()
        .await?;
    let table = table.expect_success()?.stdout;
    ensure!(
        table.contains("the oldest open window (20") && table.contains(cure),
        "{table}"
    );

    // The configuration has the worker's manifest from here on.
    put(deployment.folder(), &with_other_ids()?)?;
    let outdated = status(&deployment).await?;
    ensure!(outdated["manifest_change"].is_string(), "{outdated}");
    deployment.apply().await?;
    ensure!(status(&deployment).await?["manifest_change"].is_null());
    deployment.until_caught_up(TICKS_MAX).await?;
    deployment.check_complete(0).await?;
    let lines = deployment.streams.lines(StreamKind::Firehose, STREAM)?;
    ensure!(lines.len() == records, "{} lines of {records}", lines.len());
    Ok(())
}
