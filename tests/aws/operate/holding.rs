//! `pause` and `resume`, between ticks and beside a worker.

use anyhow::ensure;
use windlass_tests::aws::deployment::{Setup, WORKER};
use windlass_tests::aws::lambda::{Act, Chaos, Moment, Strike};
use windlass_tests::windlass::exit;

use super::{Operator, TICKS_MAX};
use crate::vendors::Stock;

#[tokio::test]
async fn paused_source_is_not_planned_until_resume() -> anyhow::Result<()> {
    let operator = Operator::new("held", Stock::google(2, 2, 20), Setup::default()).await?;
    let deployment = &operator.deployment;
    operator.says(&["apply", "--yes"]).await?;
    operator
        .run(&["pause", "pull", "pul"])
        .await?
        .expect_failure(exit::USAGE, &["did you mean `pull`?"])?;
    ensure!(operator.status().await?.state == "not started");
    let said = operator.says(&["pause", "pull"]).await?;
    ensure!(said == "pull is paused\n", "{said}");
    for _ in 0..2 {
        deployment.tick().await?.expect_success()?;
        deployment.lambda.rest().await?;
    }
    ensure!(
        deployment.vendor.log().entries().is_empty(),
        "the vendor was asked"
    );
    ensure!(
        deployment.lambda.invocations(WORKER)?.is_empty(),
        "a worker ran"
    );
    ensure!(operator.status().await?.state == "held");
    operator
        .changes_nothing(async || {
            let said = operator.says(&["apply"]).await?;
            ensure!(said.contains("nothing to change"), "{said}");
            let again = operator.json(&["pause", "pull"]).await?;
            ensure!(again["sources"][0]["changed"] == false, "{again:#}");
            Ok(())
        })
        .await?;

    let said = operator.says(&["resume", "pull"]).await?;
    ensure!(said == "pull is resumed\n", "{said}");
    deployment.until_caught_up(TICKS_MAX).await?;
    operator.check_finished().await
}

/// The worker is stopped in the middle of its window while the operator looks and pauses.
#[tokio::test]
async fn pause_lets_running_window_finish() -> anyhow::Result<()> {
    let setup = Setup {
        max_in_flight: 1,
        ..Setup::default()
    };
    let stock = Stock::google(3, 4, 20).latency_ms(50..=60);
    let operator = Operator::new("beside", stock, setup).await?;
    let (lambda, table) = (&operator.deployment.lambda, &operator.deployment.table);
    // All windows are created at once: no response has to show the vendor clock first.
    let all_at_once = "max_in_flight: 1\n    clock: ours";
    operator
        .deployment
        .reconfigure("max_in_flight: 1", all_at_once)?;
    operator.says(&["apply", "--yes"]).await?;
    // The claim, and the checkpoint of its first page.
    let freeze = Strike {
        act: Act::Freeze,
        moment: Moment::AfterCall {
            action: "dynamodb:UpdateItem".to_owned(),
            times: 2..=2,
        },
    };
    lambda.set_chaos(WORKER, Chaos::new(1).struck(100, 1, &[freeze]))?;
    operator.deployment.tick().await?.expect_success()?;
    lambda.rest().await?;
    ensure!(lambda.frozen(WORKER)? == 1, "nobody stands still");
    ensure!(operator.status().await?.state == "running");
    let status = operator.json(&["status"]).await?;
    let source = &status["sources"][0];
    ensure!(source["running"] == 1 && source["open"] == 3, "{status:#}");

    let said = operator.says(&["pause", "pull"]).await?;
    ensure!(
        said == "pull is paused; 1 window still in flight\n",
        "{said}"
    );
    for ended in lambda.thaw(WORKER).await? {
        ended.expect_success()?;
    }
    let count = async |status: &str| -> anyhow::Result<usize> {
        let windows = table.windows().await?;
        Ok(windows.iter().filter(|row| row.status == status).count())
    };
    for _ in 0..2 {
        operator.deployment.tick().await?.expect_success()?;
        lambda.rest().await?;
        let (done, ready) = (count("done").await?, count("ready").await?);
        ensure!((done, ready) == (1, 2), "{done} done, {ready} ready");
    }
    ensure!(operator.status().await?.state == "held");

    operator.says(&["resume", "pull"]).await?;
    operator.deployment.until_caught_up(TICKS_MAX).await?;
    operator.check_finished().await
}
