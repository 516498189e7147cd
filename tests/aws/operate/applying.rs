//! `apply` and `diff`: show and write exactly the differences.

use anyhow::ensure;
use windlass_tests::aws::deployment::Setup;
use windlass_tests::windlass::exit;

use super::{DIFFERENT, Operator};
use crate::vendors::Stock;

#[tokio::test]
async fn apply_writes_shown_difference_once() -> anyhow::Result<()> {
    let operator = Operator::new("apply", Stock::google(1, 1, 5), Setup::default()).await?;
    operator
        .changes_nothing(async || {
            let diff = operator.run(&["diff"]).await?;
            diff.expect_failure(DIFFERENT, &["+ pull", "google_reports", "1 new"])?;
            let apply = operator.run(&["apply"]).await?;
            apply.expect_failure(exit::USAGE, &["no terminal for the confirmation", "--yes"])?;
            let pause = operator.run(&["pause", "pull"]).await?;
            pause.expect_failure(
                exit::USAGE,
                &["unknown source `pull`", "there are no sources"],
            )?;
            let said = operator.says(&["apply", "--dry-run"]).await?;
            ensure!(said.contains("nothing was applied: --dry-run"), "{said}");
            Ok(())
        })
        .await?;
    let said = operator.says(&["apply", "--yes"]).await?;
    ensure!(said.contains("1 source was written"), "{said}");

    operator
        .changes_nothing(async || {
            // Without a change, no confirmation is needed.
            let said = operator.says(&["apply"]).await?;
            ensure!(said.contains("nothing to change"), "{said}");
            let said = operator.json(&["apply", "--yes"]).await?;
            let equal = &said["difference"]["equal"];
            ensure!(said["applied"] == false && *equal == true, "{said:#}");
            ensure!(operator.json(&["diff"]).await?["equal"] == true);
            Ok(())
        })
        .await?;

    operator
        .deployment
        .reconfigure("max_in_flight: 8", "max_in_flight: 3")?;
    operator
        .changes_nothing(async || {
            let diff = operator.run(&["diff"]).await?;
            diff.expect_failure(DIFFERENT, &["~ pull", "max_in_flight", "8 -> 3"])?;
            Ok(())
        })
        .await?;
    let said = operator.json(&["apply", "--yes"]).await?;
    ensure!(said["applied"] == true, "{said:#}");
    operator.says(&["diff"]).await?;
    Ok(())
}

#[tokio::test]
async fn removed_source_is_paused_only_by_prune() -> anyhow::Result<()> {
    let operator = Operator::new("prune", Stock::google(1, 1, 5), Setup::default()).await?;
    operator.says(&["apply", "--yes"]).await?;
    operator.deployment.reconfigure("  pull:\n", "  other:\n")?;
    let said = operator.says(&["apply", "--yes"]).await?;
    ensure!(
        said.contains("+ other") && said.contains("left unchanged (`--prune` pauses it): pull"),
        "{said}"
    );
    ensure!(operator.status().await?.state == "not started");
    let diff = operator.run(&["diff", "--prune"]).await?;
    diff.expect_failure(DIFFERENT, &["- pull", "1 to pause"])?;
    operator.says(&["apply", "--prune", "--yes"]).await?;
    ensure!(operator.status().await?.state == "paused");
    Ok(())
}
