//! The calls of the operator's commands, against the permissions in infra/README.md.

use std::collections::BTreeSet;
use std::fs;

use anyhow::{Context, ensure};
use windlass_core::Timestamp;
use windlass_tests::aws::calls::Call;
use windlass_tests::aws::deployment::{OPERATOR_KEY, Setup};
use windlass_tests::windlass::exit;

use super::{DIFFERENT, Operator};
use crate::vendors::Stock;

/// The read-only commands.
const LOOKS: [&str; 4] = ["status", "windows", "show", "diff"];

/// The actions on the table in a document.
pub(super) struct Permissions {
    /// The actions of all commands.
    all: BTreeSet<String>,
    /// The actions of read-only commands.
    reading: BTreeSet<String>,
}

impl Permissions {
    /// The actions in the paragraph about the operator in infra/README.md.
    pub(super) fn documented() -> anyhow::Result<Self> {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../infra/README.md");
        let text = fs::read_to_string(path).context(path)?;
        let paragraph = text
            .split("\n\n")
            .find(|paragraph| paragraph.starts_with("The operator's commands"))
            .context("there is no paragraph about the operator")?;
        ensure!(
            paragraph.contains("the first three are enough"),
            "{paragraph}"
        );
        let needed = paragraph.split("They need").nth(1);
        let needed = needed.and_then(|needed| needed.split("on the table").next());
        // Every second piece lies between backticks.
        let names = needed.context("no list")?.split('`').skip(1).step_by(2);
        let names: Vec<_> = names
            .map(|name| name.trim_start_matches("dynamodb:").to_owned())
            .collect();
        ensure!(names.len() > 3, "{names:?}");
        Ok(Self {
            reading: names[..3].iter().cloned().collect(),
            all: names.into_iter().collect(),
        })
    }

    /// Fails if `calls`, made by `windlass ARGS`, exceed the listed permissions.
    pub(super) fn check(&self, args: &[&str], calls: &[Call]) -> anyhow::Result<()> {
        let looks = args.first().is_some_and(|command| LOOKS.contains(command));
        let allowed = if looks || args.contains(&"--dry-run") {
            &self.reading
        } else {
            &self.all
        };
        let needed = needed(calls);
        ensure!(
            needed.is_subset(allowed),
            "{args:?} takes {needed:?}, and only {allowed:?} is listed"
        );
        Ok(())
    }
}

/// The actions that a policy must allow for `calls`. A transaction is not an action of its own, but
/// its parts are: a source that moves to another shard is put there and deleted here. Source:
/// Amazon DynamoDB developer guide, Using IAM with DynamoDB transactions.
fn needed(calls: &[Call]) -> BTreeSet<String> {
    let actions = calls.iter().map(|call| call.action.as_str());
    let actions = actions.flat_map(|action| match action {
        "dynamodb:TransactWriteItems" => vec!["PutItem", "DeleteItem"],
        other => vec![other.trim_start_matches("dynamodb:")],
    });
    actions.map(str::to_owned).collect()
}

/// Changes the source's administrator, and so its timeline and its shard.
fn leave_the_timeline(operator: &Operator) -> anyhow::Result<()> {
    let deployment = &operator.deployment;
    deployment.reconfigure("admin@example.com", "auditor@example.com")
}

#[tokio::test]
async fn operator_commands_call_listed_actions_only() -> anyhow::Result<()> {
    let operator = Operator::new("permissions", Stock::google(2, 1, 20), Setup::default()).await?;
    let table = &operator.deployment.table;
    operator.says(&["apply", "--yes"]).await?;
    let start: Timestamp = operator.deployment.vendor.timeline().span().from();
    let hole = operator.park(start).await?.to_string();
    operator.until_done(1).await?;
    operator.says(&["status"]).await?;
    operator.says(&["windows", "pull"]).await?;
    operator.says(&["show", &hole]).await?;
    operator.says(&["pause", "pull"]).await?;
    let said = operator.says(&["retry", &hole]).await?;
    ensure!(
        said.contains("ready again") && said.contains("it stays ready while pull is held"),
        "{said}"
    );
    let window = table.windows().await?;

    leave_the_timeline(&operator)?;
    operator
        .changes_nothing(async || {
            let begins = ["a new timeline starts", "leaves 1 unfinished window of"];
            let diff = operator.run(&["diff"]).await?;
            diff.expect_failure(DIFFERENT, &begins)?;
            let apply = operator.run(&["apply", "--yes"]).await?;
            apply.expect_failure(exit::USAGE, &["nothing was applied", &hole, "--abandon"])?;
            Ok(())
        })
        .await?;
    operator.says(&["apply", "--yes", "--abandon"]).await?;
    ensure!(table.windows().await? == window, "a window was moved");
    operator.says(&["resume", "pull"]).await?;
    operator.run(&["retry", &hole]).await?.expect_failure(
        exit::USAGE,
        &["an earlier timeline, which its source no longer reads"],
    )?;

    let called = needed(&operator.deployment.calls.of(OPERATOR_KEY));
    ensure!(called == operator.permissions.all, "{called:?}");
    Ok(())
}
