//! `status`, `windows`, `show` and `retry`: a gap is visible, the output equals the stored items,
//! and a retry delivers the missing records.

use anyhow::{Context, ensure};
use serde_json::Value;
use windlass_tests::aws::deployment::Setup;
use windlass_tests::timeline::BOUND_MS;
use windlass_tests::windlass::exit;

use super::{Operator, TICKS_MAX, same};
use crate::vendors::Stock;

/// The ids of the windows in a list.
fn names(list: &Value) -> anyhow::Result<Vec<&str>> {
    let list = list.as_array().context("no list")?;
    let names = list.iter().map(|window| window["window"].as_str());
    names.collect::<Option<_>>().context("a window has no name")
}

#[tokio::test]
async fn gap_is_shown_from_table_and_retried() -> anyhow::Result<()> {
    let operator = Operator::new("hole", Stock::google(3, 2, 20), Setup::default()).await?;
    let (deployment, table) = (&operator.deployment, &operator.deployment.table);
    // All windows are created at once: no response has to show the vendor clock first.
    deployment.reconfigure("max_in_flight: 8", "max_in_flight: 8\n    clock: ours")?;
    operator.says(&["apply", "--yes"]).await?;
    let start = deployment.vendor.timeline().span().from();
    let middle = start.plus_ms(BOUND_MS);
    let hole = operator.park(middle).await?.to_string();
    operator.until_done(2).await?;

    let status = operator.status().await?;
    ensure!(
        (&*status.state, status.complete_through, status.holes) == ("holes", middle, 1),
        "{status:?}"
    );
    let said = operator.says(&["status"]).await?;
    ensure!(said.contains("`windlass retry --all pull`"), "{said}");

    let listed = operator.json(&["windows", "pull"]).await?;
    let (all, items) = (names(&listed)?, table.items("window#").await?);
    ensure!(all.len() == 3 && items.len() == 3, "{listed:#}");
    let text = operator.says(&["windows", "pull"]).await?;
    for ((name, window), item) in all.iter().zip(listed.as_array().unwrap()).zip(&items) {
        same(window, item)?;
        ensure!(operator.json(&["show", name]).await? == *window, "{name}");
        ensure!(text.contains(name), "{name} is not in: {text}");
    }
    let some = async |args: &[&str]| operator.json(&[&["windows", "pull"], args].concat()).await;
    let parked = some(&["--status", "parked"]).await?;
    ensure!(names(&parked)? == [&hole], "{parked:#}");
    ensure!(names(&some(&["--limit", "1"]).await?)? == all[2..]);
    let before = some(&["--to", &middle.to_string()]).await?;
    ensure!(names(&before)? == all[..1], "{before:#}");
    let from = some(&["--from", &middle.to_string()]).await?;
    ensure!(names(&from)? == all[1..], "{from:#}");
    let shown = operator.says(&["show", &hole]).await?;
    ensure!(
        shown.contains("parked") && shown.contains("page 2 leads to itself"),
        "{shown}"
    );

    let retried = operator.json(&["retry", "--all", "pull"]).await?;
    ensure!(names(&retried["windows"])? == [&hole], "{retried:#}");
    operator
        .changes_nothing(async || {
            let again = operator.run(&["retry", &hole]).await?;
            again.expect_failure(exit::USAGE, &["ready", "only a parked window"])?;
            let said = operator.says(&["retry", "--all", "pull"]).await?;
            ensure!(said == "pull has no parked windows\n", "{said}");
            Ok(())
        })
        .await?;
    deployment.until_caught_up(TICKS_MAX).await?;
    operator.check_finished().await
}
